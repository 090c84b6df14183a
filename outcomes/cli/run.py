"""One run of the command line, from arguments to an exit code."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from typer.exceptions import Abort, TyperException
from typer.main import get_command

from ledger.diagnostics import configure_diagnostics, internal_error, logger, report_failure
from ledger.errors import LedgerError, NoLogError
from outcomes.cli.app import app
from outcomes.cli.demo import DEMO_LOG
from outcomes.console import terminal
from outcomes.console.streams import whole_streams

__all__ = ["run"]

_COMPLETING = {"--show-completion", "--install-completion", "_OUTCOMES_COMPLETE"}
_INTERRUPTED = 130
_SIZE = re.compile("[1-9][0-9]{1,3}")


def run(arguments: Sequence[str]) -> int:
    """Run a command; every failure is printed as one line.

    Returns:
        The exit code (SPEC section 6, exit codes).
    """
    # An invalid command line is reported in the format that it asks for.
    configure_diagnostics("json" if _wants_json(arguments) else "console", "info")
    _ignore_invalid_sizes()
    with whole_streams():
        try:
            return _run(arguments)
        finally:
            terminal.drop_output()


def _run(arguments: Sequence[str]) -> int:
    try:
        code = _exit_code(arguments)
        if code != _INTERRUPTED:
            terminal.finish()
            return code
    except terminal.PipeClosed:
        return 0
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return report_failure(*_explained(error, arguments))
    except KeyboardInterrupt:
        pass
    terminal.discard_output()
    return report_failure("interrupted", _INTERRUPTED)


def _exit_code(arguments: Sequence[str]) -> int:
    if _COMPLETING & {*arguments, *os.environ}:
        from outcomes.cli.completion import VARIABLE, complete, use_own_scripts

        if complete(os.environ.get(VARIABLE, "")):
            return 0
        use_own_scripts()
    try:
        commands = app.only(arguments[0]) if arguments else app
        code = commands(list(arguments), standalone_mode=False)
    except SystemExit:
        # Typer exits so after completion, and when the reader of its help went away.
        return 0
    return code if isinstance(code, int) else 0


def _ignore_invalid_sizes() -> None:
    """Forget sizes of the terminal at which help could not be printed."""
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        if not _SIZE.fullmatch(os.environ.get(name, "")):
            os.environ.pop(name, None)


def _explained(error: Exception, arguments: Sequence[str]) -> tuple[str, int]:
    """The message, and the exit code."""
    if isinstance(error, NoLogError) and DEMO_LOG.exists():
        return f"{error}; that of the demo is --log sqlite:{DEMO_LOG}", error.exit_code
    if isinstance(error, LedgerError):
        return str(error), error.exit_code
    if isinstance(error, Abort):
        return "interrupted", _INTERRUPTED
    if isinstance(error, TyperException):
        # That an option has no value is found before there is a context.
        context = getattr(error, "ctx", None)
        command = context.command_path if context else _command_path(arguments)
        message = error.format_message().removesuffix(".")
        return f"{message} (see `{command} --help`)", error.exit_code
    if isinstance(error, OSError):
        place = error.filename or "standard output"
        return f"{place}: {error.strerror}; is the disk full?", LedgerError.exit_code
    logger().debug("command.crashed", exc_info=True)
    return internal_error(error)


def _command_path(arguments: Sequence[str]) -> str:
    command: object = get_command(app)
    names = ["outcomes"]
    for argument in arguments:
        named = getattr(command, "commands", {}).get(argument)
        if named is not None:
            command = named
            names.append(argument)
    return " ".join(names)


def _wants_json(arguments: Sequence[str]) -> bool:
    command = " ".join(arguments).replace("=", " ")
    form = "json" if "--log-format json" in command else os.environ.get("OUTCOMES_LOG_FORMAT")
    return form == "json"
