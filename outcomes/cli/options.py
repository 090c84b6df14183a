"""The options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.settings import DEFAULT_LOG, load_settings

if TYPE_CHECKING:
    from ledger.log import LogAddress

__all__ = ["JsonOption", "LogOption", "PolicyOption", "log_address", "log_url"]

_LOG_HELP = f"sqlite:PATH, kafka://HOST:PORT/TOPIC, archive:FOLDER; OUTCOMES_LOG, or {DEFAULT_LOG}."
LogOption = Annotated[str | None, typer.Option("--log", metavar="URL", help=_LOG_HELP)]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="ID|FILE", help="A built-in policy or a file.")
]


def log_url(flag: str | None) -> str:
    """The log that a command works on: the flag, the environment, or the default."""
    return flag or load_settings().log


def log_address(flag: str | None) -> LogAddress:
    """The log that a command works on, as `log_url`, parsed.

    Raises:
        ConfigurationError: If it is not a log URL.
    """
    from ledger.log import parse_address

    return parse_address(log_url(flag))
