"""`outcomes report` and `outcomes verify`: figures from a replay (SPEC section 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ledger import terminal
from ledger.cli_options import JsonOption, LogOption, PolicyOption, log_url
from ledger.errors import ConfigurationError, UsageError, one_line
from ledger.narration import tell
from ledger.numbers import counted
from ledger.settings import load_settings

if TYPE_CHECKING:
    from ledger.log import Cut, Log
    from ledger.replay import Engine, Replayed
    from projections.policy import Policy

__all__ = ["report", "verify"]

_YEARS = re.compile(r"([0-9]{4})(?:\.\.([0-9]{4}))?")
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


def report(
    year: Annotated[
        str, typer.Option(metavar="Y|Y..Y", help="The reference year, or the first and the last.")
    ],
    log: LogOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="ID|FILE", help="Built in or a file; repeat for several."),
    ] = None,
    as_of: Annotated[str | None, typer.Option(metavar="T", help="RFC 3339 with an offset.")] = None,
    cut: Annotated[str | None, typer.Option(metavar="CUT", help="Such as 0:1041,1:998.")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="fold|columnar", help="By student, or by column in SQL.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Replay the log and print the report of a year; several years or policies in one reading."""
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.report import build_report, report_bytes
    from ledger.report.render import report_page

    years = _years(year)
    chosen = [find_policy(name) for name in policy or [load_settings().policy]]
    url = log_url(log)
    by = _engine(engine, url)
    upto = _upto(as_of, cut)
    opened = open_log(url)
    replayed = _replay(by, opened, upto(opened), chosen)
    made = [
        build_report(replayed, log_name=opened.name, policy=one, year=of)
        for one in chosen
        for of in years
    ]
    if json:
        terminal.write(report_bytes(made[0] if len(made) == 1 else made))
    else:
        terminal.pages(*map(report_page, made))


def verify(
    file: Annotated[
        str, typer.Argument(metavar="REPORT.json", help="Of `outcomes report --json`.")
    ],
    log: LogOption = None,
    policy: PolicyOption = None,
    json: JsonOption = False,
) -> None:
    """Replay at a report's cut with both engines, compare every cell; exit 1 if one differs."""
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.replay import ENGINES
    from ledger.report import build_report
    from ledger.report.verify import difference_line, differences, read_report

    stated = read_report(file)
    named = stated["policy"]
    chosen = find_policy(policy or str(named["id"]))
    if chosen.sha256 != named["sha256"]:
        raise ConfigurationError(
            f"{file} was made under policy {named['id']} {str(named['sha256'])[:12]}…, not"
            f" {chosen.id} {chosen.sha256[:12]}…; name that policy's file with --policy"
        )
    opened = open_log(log_url(log))
    cut = {int(partition): upto for partition, upto in stated["log"]["cut"].items()}
    fresh, second = (
        build_report(
            _replay(engine, opened, cut, [chosen]),
            log_name=opened.name,
            policy=chosen,
            year=stated["reference_year"],
        )
        for engine in ENGINES
    )
    found, between = list(differences(stated, fresh)), list(differences(fresh, second))
    if json:
        terminal.print_json(
            {
                "report": one_line(file),
                "digest": fresh["digest"],
                "engines": {"fold": fresh["digest"], "columnar": second["digest"]},
                "differences": [difference._asdict() for difference in found],
                "disagreements": [
                    {"cell": cell, "fold": one, "columnar": other} for cell, one, other in between
                ],
            }
        )
    else:
        for difference in found:
            terminal.line(difference_line(difference, "the report says", "the log says"))
        for difference in between:
            terminal.line(difference_line(difference, "the fold says", "the columnar replay says"))
        cells_compared = len(fresh["counts"]) * 2 + len(fresh["rates"]) * 2
        verdict = counted(len(found), "difference") if found else "no difference"
        terminal.line(f"{file}: {verdict}; {cells_compared} cells replayed by each of two engines")
        if between:
            terminal.line("the engines disagree: that is a fault of the ledger, please report it")
    if found or between:
        raise typer.Exit(1)


def _years(text: str) -> range:
    match = _YEARS.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
        raise UsageError(
            f"--year {text}: write a year from {_FIRST_YEAR} to {_LAST_YEAR}, such as 2022,"
            " or the first and the last of several, such as 2021..2023"
        )
    return range(first, last + 1)


def _engine(name: str | None, url: str) -> Engine:
    from ledger.replay import ENGINES, default_engine

    if name is None:
        return default_engine(url)
    for engine in ENGINES:
        if engine == name:
            return engine
    raise UsageError(f"--engine {name}: write {' or '.join(ENGINES)}")


def _upto(as_of: str | None, cut: str | None) -> Callable[[Log], Cut]:
    """How far to read a log, judged before it is opened."""
    from ledger.log import parse_cut
    from schemas.moments import milliseconds

    if as_of is not None and cut is not None:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    if cut is not None:
        wanted = parse_cut(cut)
        return lambda _: wanted
    if as_of is None:
        return lambda log: log.end()
    at_ms = milliseconds(as_of)
    if at_ms is None:
        raise UsageError(f"--as-of {as_of}: write a time such as 2023-03-31T23:59:59+02:00")
    return lambda log: log.cut_as_of(at_ms)


def _replay(engine: Engine, log: Log, cut: Cut, policies: Sequence[Policy]) -> Replayed:
    from ledger.replay import replay_with

    with terminal.progress("replaying", sum(cut.values())) as told:
        replayed = replay_with(engine, log, cut, policies, progress=told)
    if replayed.remark is not None:
        tell(replayed.remark)
    return replayed
