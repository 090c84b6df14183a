"""`outcomes report`: figures from a replay (SPEC section 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from outcomes.cli import candidates
from outcomes.cli.options import (
    BriefOption,
    JsonOption,
    LogOption,
    PoliciesOption,
    log_address,
    moment,
    refuse_brief_json,
)
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.log import Log
    from ledger.repairs import LetterCounts
    from ledger.replay import Engine
    from ledger.report import Report

__all__ = ["report"]

_YEARS = re.compile(r"([0-9]{4})(?:\.\.([0-9]{4}))?")
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_REPLAYING = partial(terminal.progress, "replaying")


def report(
    year: Annotated[
        str,
        typer.Option(
            metavar="Y|Y..Y", help="The reference year, or the first and the last of several."
        ),
    ],
    log: LogOption = None,
    policy: PoliciesOption = None,
    as_of: Annotated[
        list[str] | None,
        typer.Option(
            "--as-of",
            metavar="T",
            help="Read what was known then, such as 2023-03-31T23:59:59+02:00; repeatable.",
        ),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(
            "--cut",
            metavar="CUT",
            help="Read the records below that cut, such as 0:1041,1:998; repeatable.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="fold|columnar",
            help="Replay student by student in Python, or by column in SQL.",
            autocompletion=candidates.engines,
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Add the root of each partition; with --json.")
    ] = False,
    brief: BriefOption = False,
    json: JsonOption = False,
) -> None:
    """Replay the log and print a year's report; several years, policies or cuts at once."""
    from ledger.log import ArchiveAddress, open_log, parse_cut
    from ledger.policies import chosen_policies
    from ledger.report import ReportQuery, encode_reports, make_reports

    refuse_brief_json(brief=brief, json=json)
    if as_of and cut:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    address = log_address(log)
    query = ReportQuery(
        years=_years(year),
        policies=chosen_policies(policy),
        cuts=[parse_cut(text) for text in cut or ()],
        moments=[moment(text) for text in as_of or ()],
        engine=None if engine is None else _engine(engine),
        roots=json and (evidence or isinstance(address, ArchiveAddress)),
    )
    opened = open_log(address)
    reports = make_reports(opened, query, progress=_REPLAYING, notify=inform)
    if json:
        terminal.write(encode_reports(reports))
        return
    from ledger.report.brief import brief_page
    from ledger.report.page import report_page

    pages = (
        [brief_page(*each) for each in _with_letters(opened, reports)]
        if brief
        else list(map(report_page, reports))
    )
    terminal.pages(*[part for page in pages for part in ("", page)][1:])


def _with_letters(log: Log, reports: Sequence[Report]) -> Iterator[tuple[Report, LetterCounts]]:
    """Each report with the open and the repaired dead letters at its cut."""
    from ledger.repairs import Repairs, count_letters

    repairs = Repairs()
    for report in reports:
        quarantined = report.records.quarantined
        if quarantined:
            repairs.read_on(log, report.cut)
        yield report, count_letters(quarantined, repairs, report.cut)


def _years(text: str) -> Sequence[int]:
    match = _YEARS.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
        raise UsageError(
            f"--year {text}: write a year from {_FIRST_YEAR} to {_LAST_YEAR}, such as 2022,"
            " or the first and the last of several, such as 2021..2023"
        )
    return range(first, last + 1)


def _engine(name: str) -> Engine:
    from ledger.replay import ENGINES

    for engine in ENGINES:
        if engine == name:
            return engine
    raise UsageError(f"--engine {name}: write {' or '.join(ENGINES)}")
