"""`outcomes report` and `outcomes verify`: figures from a replay (SPEC section 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import ConfigurationError, UsageError
from ledger.numbers import pluralise
from ledger.settings import load_settings
from outcomes.cli.options import JsonOption, LogOption, PolicyOption, log_address
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from ledger.log import Cut, Log, LogAddress
    from ledger.replay import Engine, FiguresAtCut
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
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="T", help="RFC 3339 with an offset; repeat for several."),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option("--cut", metavar="CUT", help="Such as 0:1041,1:998; repeat for several."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="fold|columnar", help="By student, or by column in SQL.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Replay the log and print a year's report; several years, policies, cuts in one reading."""
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.report import build_report, report_bytes
    from ledger.report.page import report_page

    years = _years(year)
    chosen = [find_policy(name) for name in policy or [load_settings().policy]]
    address = log_address(log)
    by = _engine(engine, address)
    upto = _upto(as_of or [], cut or [])
    opened = open_log(address)
    made = [
        build_report(replayed, log_name=opened.name, policy=one, year=of)
        for replayed in _replay(by, opened, upto(opened), chosen)
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
    from ledger.audit.verify import difference_line, differences, read_report
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.replay import ENGINES
    from ledger.report import build_report

    stated = read_report(file)
    named = stated["policy"]
    chosen = find_policy(policy or str(named["id"]))
    if chosen.sha256 != named["sha256"]:
        raise ConfigurationError(
            f"{file} was made under policy {named['id']} {str(named['sha256'])[:12]}…, not"
            f" {chosen.id} {chosen.sha256[:12]}…; name that policy's file with --policy"
        )
    opened = open_log(log_address(log))
    cut = {int(partition): upto for partition, upto in stated["log"]["cut"].items()}
    fresh, second = (
        build_report(replayed, log_name=opened.name, policy=chosen, year=stated["reference_year"])
        for engine in ENGINES
        for replayed in _replay(engine, opened, [cut], [chosen])
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
        verdict = pluralise(len(found), "difference") if found else "no difference"
        terminal.line(f"{file}: {verdict}; {cells_compared} cells replayed by each of two engines")
        if between:
            terminal.line(_disagreement(opened))
    if found or between:
        raise typer.Exit(1)


def _disagreement(log: Log) -> str:
    from ledger.log.archive import as_archive

    archive = as_archive(log)
    if archive is None:
        return "the engines disagree: that is a fault of the ledger, please report it"
    return (
        "the engines disagree: the archive's typed columns are forged, and the fold is right, or"
        f" it is a fault of the ledger; `outcomes archive {archive.folder} --refresh`, then verify"
        " again"
    )


def _years(text: str) -> range:
    match = _YEARS.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
        raise UsageError(
            f"--year {text}: write a year from {_FIRST_YEAR} to {_LAST_YEAR}, such as 2022,"
            " or the first and the last of several, such as 2021..2023"
        )
    return range(first, last + 1)


def _engine(name: str | None, address: LogAddress) -> Engine:
    from ledger.replay import ENGINES, default_engine

    if name is None:
        return default_engine(address)
    for engine in ENGINES:
        if engine == name:
            return engine
    raise UsageError(f"--engine {name}: write {' or '.join(ENGINES)}")


def _upto(as_of: Sequence[str], cut: Sequence[str]) -> Callable[[Log], list[Cut]]:
    """How far to read a log, judged before it is opened."""
    from ledger.log import parse_cut

    if as_of and cut:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    if cut:
        wanted = [parse_cut(one) for one in cut]
        return lambda _: wanted
    moments = [_moment(one) for one in as_of]
    if moments:
        return lambda log: [log.cut_as_of(one) for one in moments]
    return lambda log: [log.end()]


def _moment(text: str) -> int:
    from schemas.moments import milliseconds

    at_ms = milliseconds(text)
    if at_ms is None:
        raise UsageError(f"--as-of {text}: write a time such as 2023-03-31T23:59:59+02:00")
    return at_ms


def _replay(
    engine: Engine, log: Log, cuts: Sequence[Cut], policies: Sequence[Policy]
) -> list[FiguresAtCut]:
    from ledger.replay import replay_each

    with terminal.progress("replaying", max(sum(cut.values()) for cut in cuts)) as told:
        replayed = replay_each(log, cuts, policies, engine=engine, progress=told)
    if replayed[0].remark is not None:
        inform(replayed[0].remark)
    return replayed
