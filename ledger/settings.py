"""Settings from the environment, `OUTCOMES_…`; a flag on the command line goes before them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import ConfigurationError

__all__ = ["DEFAULT_LOG", "Settings", "load_settings"]

DEFAULT_LOG = "sqlite:ledger.db"


class Settings(BaseSettings):
    """What can be set without a flag.

    Attributes:
        log: URL of the log (SPEC section 6, log URLs).
        policy: A built-in id or a policy file.
        log_format: Narration on stderr for a person, or one JSON object a line.
        log_level: The least important narration that is shown.
        live_years: First and last year that workers on Kafka keep live, `2019..2027`; the seven
            past ones, this one and the next where None.
        live_policies: Kept live, built-in ids or files by commas; all built-in ones where None.
        kafka_security_protocol: How the brokers are spoken to.
        kafka_sasl_mechanism: How a user proves who they are, where the protocol asks for a user.
        kafka_sasl_username: The user.
        kafka_sasl_password: Never printed.
        kafka_ssl_cafile: The authorities to trust, PEM; the system's own where None.
        kafka_ssl_certfile: This client's certificate, PEM, where the brokers ask for one.
        kafka_ssl_keyfile: Its key; None where `kafka_ssl_certfile` holds both.
        kafka_retry_seconds: How long an append waits for the next acknowledgement, and a worker
            for a broker that is away.
    """

    model_config = SettingsConfigDict(env_prefix="OUTCOMES_", extra="ignore")

    log: str = DEFAULT_LOG
    policy: str = "openclassrooms-2022"
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
        ConfigurationError: If a variable holds what it must not.
    """
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = "OUTCOMES_" + "_".join(map(str, fault["loc"])).upper()
        raise ConfigurationError(f"environment variable {name}: {fault['msg']}") from error
