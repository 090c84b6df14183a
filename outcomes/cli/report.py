"""`outcomes report` and `outcomes verify`: figures from a replay (SPEC section 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import (
    BriefOption,
    JsonOption,
    LogOption,
    log_address,
    moment,
    refuse_brief_json,
)
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from ledger.audit.verify import Verification
    from ledger.log import Log, LogAddress
    from ledger.replay import Engine

__all__ = ["report", "verify"]

_YEARS = re.compile(r"([0-9]{4})(?:\.\.([0-9]{4}))?")
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_REPLAYING = partial(terminal.progress, "replaying")


def report(
    year: Annotated[
        str, typer.Option(metavar="Y|Y..Y", help="The reference year, or the first and the last.")
    ],
    log: LogOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="ID|FILE",
            help="Built-in or a file; repeatable.",
            autocompletion=candidates.policies,
        ),
    ] = None,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="T", help="RFC 3339 with an offset; repeatable."),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option("--cut", metavar="CUT", help="Such as 0:1041,1:998; repeatable."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="fold|columnar",
            help="By student, or by column in SQL.",
            autocompletion=candidates.engines,
        ),
    ] = None,
    brief: BriefOption = False,
    json: JsonOption = False,
) -> None:
    """Replay the log and print a year's report; several years, policies or cuts at once."""
    from ledger.log import open_log, parse_cut
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
        engine=_engine(engine, address),
    )
    reports = make_reports(open_log(address), query, progress=_REPLAYING, notify=inform)
    if json:
        terminal.write(encode_reports(reports))
    else:
        from ledger.report.brief import brief_page
        from ledger.report.page import report_page

        render = brief_page if brief else report_page
        apart = [part for report in reports for part in ("", render(report))]
        terminal.pages(*apart[1:])


def verify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT.json...|-", help="Of `outcomes report --json`; - is standard input."
        ),
    ],
    log: LogOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="ID|FILE",
            help="Of the reports; repeatable.",
            autocompletion=candidates.policies,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Replay at a report's cut with both engines, compare every cell; exit 1 if one differs."""
    from ledger.audit.verify import verify_reports
    from ledger.log import open_log
    from ledger.policies import find_policies
    from ledger.report import decode_reports
    from outcomes.ingest.files import name_of, read_file

    hint = "name a file that `outcomes report --json` printed"
    reports = {
        name: stated
        for file in files
        for name, stated in decode_reports(read_file(file, hint), name_of(file)).items()
    }
    policies = find_policies(policy or ())
    opened = open_log(log_address(log))
    done = verify_reports(opened, reports, policies, progress=_REPLAYING, notify=inform)
    if json:
        members = [_as_json(verification) for verification in done]
        terminal.print_json(members[0] if len(members) == 1 else members)
    else:
        for verification in done:
            _print_verification(verification, opened)
    if any(verification.differences or verification.disagreements for verification in done):
        raise typer.Exit(1)


def _as_json(verification: Verification) -> dict[str, Any]:
    fresh, second = verification.fresh.digest, verification.second.digest
    zone_data = {"report": verification.zone_data, "ledger": verification.fresh.zone_data}
    return {
        "report": one_line(verification.name),
        "digest": fresh,
        "engines": {"fold": fresh, "columnar": second},
        "zone_data": zone_data,
        "differences": [difference._asdict() for difference in verification.differences],
        "disagreements": [
            {"cell": cell, "fold": fold, "columnar": columnar}
            for cell, fold, columnar in verification.disagreements
        ],
    }


def _print_verification(verification: Verification, log: Log) -> None:
    from ledger.audit.verify import difference_line

    if verification.has_other_zone_data:
        terminal.line(
            f"{verification.name}: made with zone data {verification.zone_data}, replayed with"
            f" {verification.fresh.zone_data}; dates in the policy's zone may differ"
        )
    for difference in verification.differences:
        terminal.line(difference_line(difference, "the report says", "the log says"))
    for difference in verification.disagreements:
        terminal.line(difference_line(difference, "the fold says", "the columnar replay says"))
    count = len(verification.differences)
    verdict = pluralise(count, "difference") if count else "no difference"
    compared = f"{verification.cells} cells replayed by each of two engines"
    terminal.line(f"{verification.name}: {verdict}; {compared}")
    if verification.disagreements:
        terminal.line(_disagreement(log))


def _disagreement(log: Log) -> str:
    from ledger.log.archive import as_archive

    archive = as_archive(log)
    if archive is None:
        return "the engines disagree: this is a bug in the ledger, please report it"
    return (
        "the engines disagree: either the archive's typed columns are forged and the fold is right,"
        f" or it is a bug in the ledger; `outcomes archive {archive.folder} --refresh`, then verify"
        " again"
    )


def _years(text: str) -> Sequence[int]:
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
