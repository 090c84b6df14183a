"""Settings from the environment, `OUTCOMES_…`; a command-line option takes precedence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError

from ledger.environment import DEFAULT_LOG, PREFIX, variables
from ledger.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["Settings", "configured_state", "load_settings", "unknown_variables"]

_OF_TESTS = "test_"
_QUOTES = {ord("'"): None}


class Settings(BaseModel):
    """What the environment can set.

    Attributes:
        log: URL of the log (SPEC section 6, log URLs).
        policy: A built-in id or a policy file.
        state: The read model of a worker, a file or a folder; see `outcomes worker --state`.
        tokens: The file of tokens of the HTTP gateway, see `outcomes token`.
        log_format: Diagnostics on stderr as text for a person, or as one JSON object a line.
        log_level: The lowest level of diagnostics that is shown.
        live_years: First and last year that workers on Kafka keep live, `2019..2027`; the last
            seven, this one and the next if None.
        live_policies: Policies to keep live, built-in ids or files, comma-separated; all built-in
            ones if None.
        kafka_security_protocol: The protocol of the brokers.
        kafka_sasl_mechanism: How a user authenticates, if the protocol asks for one.
        kafka_sasl_username: The user.
        kafka_sasl_password: Never printed.
        kafka_ssl_cafile: The authorities to trust, PEM; the system's own if None.
        kafka_ssl_certfile: This client's certificate, PEM, if the brokers ask for one.
        kafka_ssl_keyfile: Its key; None if `kafka_ssl_certfile` holds both.
        kafka_retry_seconds: How long a command that appends or follows, or a worker, waits for
            brokers that are away; other commands wait 15 s at most.
    """

    log: str = DEFAULT_LOG
    policy: str = "openclassrooms-2022"
    state: str | None = None
    tokens: str | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    live_years: str | None = Field(default=None, pattern=r"^\d{4}\.\.\d{4}$")
    live_policies: str | None = None
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: str | None = None
    kafka_ssl_certfile: str | None = None
    kafka_ssl_keyfile: str | None = None
    kafka_retry_seconds: float = Field(default=120.0, gt=0, allow_inf_nan=False)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: If a variable has an invalid value.
    """
    try:
        return Settings.model_validate(variables())
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "_".join(map(str, fault["loc"])).upper()
        raise ConfigurationError(f"environment variable {name}: {_remedy(fault)}") from error


def _remedy(fault: ErrorDetails) -> str:
    """What to write instead; the value may be a password, so it is not shown."""
    kind = fault["type"]
    if kind == "literal_error":
        expected: str = fault["ctx"]["expected"]
        return f"write {expected.translate(_QUOTES)}"
    if kind == "string_pattern_mismatch":
        return "write two years, such as 2019..2027"
    if kind in ("float_parsing", "finite_number", "greater_than"):
        return "write a number of seconds, above 0"
    return fault["msg"]


def configured_state() -> Path | None:
    """The read model that `OUTCOMES_STATE` names, if it names one."""
    state = load_settings().state
    return Path(state) if state else None


def unknown_variables() -> list[str]:
    """The variables of the environment that look like settings and are none, sorted."""
    return sorted(
        f"{PREFIX}{name.upper()}"
        for name in variables()
        if not name.startswith(_OF_TESTS) and name not in Settings.model_fields
    )
