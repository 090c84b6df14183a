"""`outcomes verify`: reports compared with the log that they were made from (SPEC section 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.diagnostics import inform
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from ledger.audit.verify import Verification
    from ledger.log import Log

__all__ = ["verify"]

_REPLAYING = partial(terminal.progress, "replaying")


def verify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT.json",
            help="What `outcomes report --json` printed; - is standard input.",
        ),
    ],
    log: LogOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="ID|FILE",
            help="The file of a policy that a report names; repeatable.",
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
