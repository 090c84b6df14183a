"""`outcomes prove`: proofs that somebody checks without the log, by `outcomes verify`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from outcomes.cli.options import LogOption, command_group, log_address
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.evidence.anchor import Anchor, SignedCheckpoint
    from ledger.evidence.proof_documents import Proof

__all__ = ["prove_app"]

prove_app = command_group("Proofs, each one line of JSON, complete in itself.")

EvidenceFolder = Annotated[
    Path, typer.Option("--evidence", metavar="FOLDER", help="Of `outcomes checkpoint`.")
]


@prove_app.command("record")
def prove_record(
    place: Annotated[
        str, typer.Argument(metavar="PARTITION:OFFSET", help="Such as 0:1041, as `tail` prints it.")
    ],
    evidence: EvidenceFolder,
    log: LogOption = None,
) -> None:
    """That a record is in the log that was signed last."""
    from ledger.evidence import proving
    from ledger.log import Location, open_log, parse_cut

    (partition, offset), *more = parse_cut(place, "PARTITION:OFFSET").items()
    if more:
        raise UsageError(f"{place}: name one record, such as 0:1041")
    anchor, signed = _last(evidence)
    with closing(open_log(log_address(log))) as opened:
        named = Location(partition, offset)
        _print(proving.prove_record(opened, anchor, signed, named, inform))


@prove_app.command("consistency")
def prove_consistency(
    evidence: EvidenceFolder,
    old: Annotated[
        Path | None,
        typer.Option("--since", metavar="CHECKPOINT", help="One that somebody has seen before."),
    ] = None,
    log: LogOption = None,
) -> None:
    """That the checkpoint signed last continues an earlier one in every partition."""
    from ledger.evidence import proving
    from ledger.evidence.anchor import read_checkpoint
    from ledger.log import open_log

    anchor, signed = _last(evidence)
    earlier = None if old is None else read_checkpoint(old)
    with closing(open_log(log_address(log))) as opened:
        _print(proving.prove_consistency(opened, anchor, earlier, signed, inform))


@prove_app.command("report")
def prove_report(
    file: Annotated[str, typer.Argument(metavar="REPORT.json|-", help="One report.")],
    evidence: EvidenceFolder,
    log: LogOption = None,
) -> None:
    """That a report was made from records that were signed; the proof holds the report."""
    from ledger.evidence import proving
    from ledger.log import open_log
    from ledger.report import decode_reports
    from outcomes.ingest.files import name_of, read_file

    hint = "name a file that `outcomes report --json` printed"
    reports = decode_reports(read_file(file, hint), name_of(file))
    if len(reports) > 1:
        raise UsageError(f"{file} holds {len(reports)} reports; name a file with one")
    anchor, signed = _last(evidence)
    with closing(open_log(log_address(log))) as opened:
        for report in reports.values():
            _print(proving.prove_report(opened, anchor, signed, report.as_json(), inform))


def _last(folder: Path) -> tuple[Anchor, SignedCheckpoint]:
    from ledger.evidence.anchor import read_anchor

    anchor = read_anchor(folder)
    return anchor, anchor.last()


def _print(proof: Proof) -> None:
    from ledger.evidence.proof_documents import encode_proof

    terminal.write(encode_proof(proof))
