"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.environment import DEFAULT_LOG
from ledger.errors import UsageError
from outcomes.cli import candidates
from outcomes.cli.help import Commands
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.log import Cut, Log, LogAddress

__all__ = [
    "AsOfOption",
    "BriefOption",
    "CutOption",
    "JsonOption",
    "KeyOption",
    "LogOption",
    "PoliciesOption",
    "PolicyOption",
    "QuorumOption",
    "ReportPoliciesOption",
    "chosen_cut",
    "command_group",
    "log_address",
    "log_url",
    "moment",
    "refuse_brief_json",
]

_LOG_HELP = (
    "sqlite:PATH, kafka://HOST:PORT/TOPIC or archive:FOLDER"
    f" (OUTCOMES_LOG; default: {DEFAULT_LOG})."
)
LogOption = Annotated[
    str | None,
    typer.Option("--log", metavar="URL", help=_LOG_HELP, autocompletion=candidates.log_urls),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BriefOption = Annotated[
    bool,
    typer.Option("--brief", help="Print the main figures and what needs attention, in 15 lines."),
]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="ID|FILE",
        help="A built-in policy, or the file of one (OUTCOMES_POLICY).",
        autocompletion=candidates.policies,
    ),
]

PoliciesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="ID|FILE",
        help="A built-in policy, or the file of one; repeatable (OUTCOMES_POLICY).",
        autocompletion=candidates.policies,
    ),
]
ReportPoliciesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="ID|FILE",
        help="The file of a policy that a report names; repeatable.",
        autocompletion=candidates.policies,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="T", help="Read what was known then, such as 2023-03-31T23:59:59+02:00."
    ),
]
CutOption = Annotated[
    str | None,
    typer.Option(
        "--cut", metavar="CUT", help="Read the records below that cut, such as 0:1041,1:998."
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Believe the signatures of this public key."),
]
QuorumOption = Annotated[
    Path | None,
    typer.Option(
        "--quorum",
        metavar="FILE",
        help="Believe what the signers that this file names have signed.",
    ),
]


def command_group(about: str) -> typer.Typer:
    """A group of commands that prints its help when no command is named."""
    group = Commands(help=about, short_help=about, invoke_without_command=True)

    @group.callback(help=about)
    def print_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            terminal.write(f"{context.get_help()}\n".encode())

    return group


def refuse_brief_json(*, brief: bool, json: bool) -> None:
    """Refuse two forms of one report.

    Raises:
        UsageError: If both are asked for.
    """
    if brief and json:
        raise UsageError("--brief and --json are two forms of a report; give one of them")


def log_url(flag: str | None) -> str:
    """The log that a command works on: the flag, the environment, or the default."""
    from ledger.settings import load_settings

    return flag or load_settings().log


def log_address(flag: str | None) -> LogAddress:
    """The log that a command works on, as `log_url`, parsed.

    Raises:
        ConfigurationError: If it is not a log URL.
    """
    from ledger.log import parse_address

    return parse_address(log_url(flag))


def chosen_cut(log: Log, cut: str | None, as_of: str | None) -> Cut:
    """How far a command reads a log, in the normal form: a cut, a moment, or the log's end.

    Raises:
        UsageError: If both are given, or one is not written as it should be.
        CutNotHeldError: If the log does not hold the cut.
    """
    from ledger.log import parse_cut

    if cut is not None and as_of is not None:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    if cut is not None:
        return log.normalise(parse_cut(cut))
    return log.normalise(log.end() if as_of is None else log.cut_as_of(moment(as_of)))


def moment(text: str) -> int:
    """A moment as typed after `--as-of`, in milliseconds.

    Raises:
        UsageError: If it is no RFC 3339 time.
    """
    from schemas.moments import milliseconds
    from schemas.reasons import time_reason

    at_ms = milliseconds(text)
    if at_ms is None:
        raise UsageError(f"--as-of {text}: {time_reason(text)}")
    return at_ms
