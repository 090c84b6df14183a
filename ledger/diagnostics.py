"""Diagnostics: what the ledger does, on stderr, never mixed with data.

Events are named `noun.verb_past`; their fields carry counts, offsets and paths, never a person.
Most commands log nothing, so structlog, a third of their start, is loaded by the first to do so.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from ledger.errors import LedgerError
from schemas.text import one_line

if TYPE_CHECKING:
    import structlog

__all__ = [
    "INTERNAL_ERROR",
    "abort_process",
    "configure_diagnostics",
    "diagnostics_are_json",
    "inform",
    "logger",
    "report_failure",
]

INTERNAL_ERROR = 70
"""The exit code of an internal error."""


class _Stderr:
    """Standard error; a closed or full one loses diagnostics and stops no work."""

    def write(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError):
                sys.stderr.write(text)

    def flush(self) -> None:
        if sys.stderr is not None:
            with suppress(OSError):
                sys.stderr.flush()


class _State:
    """What was chosen, and whether structlog does not know it yet."""

    form = "console"
    level = "info"
    is_pending = False


def configure_diagnostics(form: str, level: str) -> None:
    """Set the format of diagnostics.

    Args:
        form: `console` for a person, `json` for one object a line.
        level: The lowest level shown, as in `logging`.
    """
    _State.form, _State.level, _State.is_pending = form, level, True


def _configure(form: str, level: str) -> None:
    import logging  # noqa: PLC0415 - see the module

    import structlog  # noqa: PLC0415 - see the module

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form == "json":
        shared += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Without colours, since structlog's yellow is hard to read on white. A rich traceback would
        # print variables, and with them data of persons.
        shared.append(
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        )
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Stderr())),
    )


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of the calling module."""
    import structlog  # noqa: PLC0415 - see the module

    if _State.is_pending:
        _State.is_pending = False
        _configure(_State.form, _State.level)
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def diagnostics_are_json() -> bool:
    """Whether the format is JSON."""
    return _State.form == "json"


def inform(sentence: str) -> None:
    """Print a sentence for a person on stderr, in the format of diagnostics."""
    if diagnostics_are_json():
        logger().info("notice.printed", sentence=sentence)
    else:
        _Stderr().write(f"{sentence}\n")


def report_failure(message: str, code: int) -> int:
    """Print a failure as one line on stderr.

    Returns:
        The exit code, as given.
    """
    line = one_line(message)
    if diagnostics_are_json():
        logger().error("command.failed", message=line, exit_code=code)
    else:
        _Stderr().write(f"outcomes: {line}\n")
    _Stderr().flush()
    return code


def abort_process(error: BaseException) -> NoReturn:
    """End the process at once with the reason, from any thread or task.

    For workers: a commit is atomic, and what was not committed is folded again after a restart.
    """
    if isinstance(error, LedgerError):
        os._exit(report_failure(str(error), error.exit_code))
    logger().debug("worker.crashed", exc_info=error)
    os._exit(report_failure(*internal_error(error)))


def internal_error(error: BaseException) -> tuple[str, int]:
    """The message for an error that should not be possible, and its exit code."""
    what = f"{type(error).__name__}: {error}"
    return f"internal error, {what}; please report it", INTERNAL_ERROR
