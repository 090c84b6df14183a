"""Settings from the environment, `OUTCOMES_…`; a flag on the command line goes before them."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import ConfigurationError

__all__ = ["DEFAULT_LOG", "Settings", "load_settings"]

DEFAULT_LOG = "sqlite:ledger.db"


class Settings(BaseSettings):
    """What can be set without a flag.

    Attributes:
        log: URL of the log (SPEC section 6).
        policy: A built-in id or a policy file.
        log_format: Narration on stderr for a person, or one JSON object a line.
        log_level: The least important narration that is shown.
    """

    model_config = SettingsConfigDict(env_prefix="OUTCOMES_", extra="ignore")

    log: str = DEFAULT_LOG
    policy: str = "openclassrooms-2022"
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


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
