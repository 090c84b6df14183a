"""`outcomes verify`: reports, proofs and checkpoints against a log and its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.diagnostics import inform, report_failure
from ledger.errors import BadInputError, EvidenceError, LedgerError, UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import (
    JsonOption,
    KeyOption,
    LogOption,
    QuorumOption,
    ReportPoliciesOption,
    log_address,
)
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from ledger.audit.evidence import EvidenceCheck
    from ledger.audit.verify import Verification
    from ledger.evidence.anchor import SignedCheckpoint
    from ledger.evidence.quorum import Quorum
    from ledger.log import Log
    from ledger.report import ReportOutline
    from outcomes.publish.verifying import FolderCheck

__all__ = ["verify"]

_REPLAYING = partial(terminal.progress, "replaying")
_HASHING = partial(terminal.progress, "hashing records")
_COMPARING = partial(terminal.progress, "comparing typed columns")


def verify(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="A report, a proof, a signed checkpoint, or the folder of a publication;"
            " - is standard input.",
        ),
    ] = None,
    log: LogOption = None,
    policy: ReportPoliciesOption = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Compare the log with what `outcomes checkpoint` signed of it."
        ),
    ] = None,
    key: KeyOption = None,
    quorum: QuorumOption = None,
    json: JsonOption = False,
) -> None:
    """Recompute reports and publications, check proofs and signatures; exit 1 on a difference.

    A report is replayed at its cut with both engines, and every cell compared. A publication is
    made again, from the log if one is named, and every byte compared.
    """
    from ledger.log import open_log

    if not files and evidence is None:
        raise UsageError(
            "name a report, a proof, a checkpoint or a publication, or --evidence FOLDER"
        )
    given, unreadable = _read(files or ())
    reports, proofs, checkpoints = given.reports, given.proofs, given.checkpoints
    signed = proofs or checkpoints or evidence is not None
    if (key or quorum) is not None and not (signed or given.folders):
        raise UsageError("--key and --quorum are for signatures; add --evidence, or a proof")
    results: dict[str, Any] = {}
    believed = _believed(key, quorum) if signed or key or quorum else None
    if signed and believed is not None:
        results["proofs"] = [_check_proof(*proof, believed) for proof in proofs.items()]
        results["checkpoints"] = _check_checkpoints(list(checkpoints.values()), believed)
    if given.folders:
        results["publications"] = [
            _check_folder(folder, log, believed, checkpoints) for folder in given.folders
        ]
    opened = open_log(log_address(log)) if reports or evidence is not None else None
    if evidence is not None and opened is not None:
        assert believed is not None
        kept = list(checkpoints.values())
        results["evidence"] = _check_evidence(opened, evidence, (believed, kept), reports)
    results |= _check_columns(opened)
    if not json:
        _print_results(results)
    faults = any(check["faults"] for check in _checks(results))
    figures = _check_figures(opened, reports, policy) if opened and reports else []
    if json:
        terminal.print_json(_document(figures, results))
    elif opened is not None:
        rooted = [name for name, report in reports.items() if report.log.roots is not None]
        _print_figures(figures, opened, [] if evidence else rooted, has_faults=faults)
    differs = faults or any(figure.differences or figure.disagreements for figure in figures)
    codes = [report_failure(str(error), error.exit_code) for error in unreadable]
    if differs or codes:
        raise typer.Exit(1 if differs else codes[0])


def _read(files: Sequence[str]) -> tuple[_Given, list[LedgerError]]:
    """What the files hold, and why some of several cannot be read."""
    from outcomes.ingest.files import name_of, read_file

    given, unreadable = _Given(), list[LedgerError]()
    for file in files:
        if Path(file).is_dir():
            given.folders.append(Path(file))
            continue
        try:
            data = read_file(file, "name a file that `outcomes report --json` printed")
            given.add(name_of(file), data)
        except LedgerError as error:
            error = _leading_to_folder(file) or error
            if len(files) == 1:
                raise error from None
            unreadable.append(error)
    return given, unreadable


def _leading_to_folder(file: str) -> LedgerError | None:
    """The error for one file of a publication, such as its PDF: it names the folder."""
    folder = Path(file).absolute().parent
    if not (folder / "provenance.json").is_file():
        return None
    return BadInputError(
        f"{file}: a file of a publication, which is verified as a whole; name its folder,"
        f" {folder.parent}"
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """What the files hold, by their names."""

    reports: dict[str, ReportOutline] = field(default_factory=dict)
    proofs: dict[str, bytes] = field(default_factory=dict)
    checkpoints: dict[str, SignedCheckpoint] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> None:
        """Add a report, several, a proof or a checkpoint, told apart by what begins them."""
        from ledger.evidence.anchor import decode_checkpoint
        from ledger.evidence.proof_documents import is_proof
        from ledger.report import decode_reports

        if b"\n\n\xe2\x80\x94 " in data:
            self.checkpoints[name] = decode_checkpoint(data, name)
        elif is_proof(data):
            self.proofs[name] = data
        else:
            self.reports.update(decode_reports(data, name))


def _believed(key: Path | None, quorum: Path | None) -> Quorum:
    from ledger.evidence.keys import read_public_key
    from ledger.evidence.quorum import quorum_of_key, read_quorum

    if (key is None) == (quorum is None):
        raise UsageError("say whose signature is believed: --key FILE, or --quorum FILE")
    if quorum is not None:
        return read_quorum(quorum)
    assert key is not None
    return quorum_of_key(read_public_key(key))


def _check_proof(name: str, data: bytes, believed: Quorum) -> dict[str, Any]:
    from ledger.audit.evidence import verify_proof
    from ledger.evidence.proof_documents import decode_proof

    try:
        checked = verify_proof(decode_proof(data, name), believed, name)
    except EvidenceError as error:
        return {"file": one_line(name), "faults": [str(error)], "statements": []}
    return {"file": one_line(name), "faults": [], "statements": [f"{name}: {checked.line()}"]}


def _check_folder(
    folder: Path, log: str | None, believed: Quorum | None, kept: dict[str, SignedCheckpoint]
) -> dict[str, Any]:
    """Check a publication, against a log only where one is named: the default one need not be its.

    Args:
        folder: The publication.
        log: As it was named.
        believed: Whose signatures are believed.
        kept: Gets the checkpoints that the publication carries, by their files.

    Raises:
        UsageError: If the extra is missing.
    """
    from ledger.environment import variables
    from ledger.log import open_log
    from outcomes.cli.publish import extra_at_hand

    with extra_at_hand("outcomes verify FOLDER"):
        from outcomes.publish.verifying import verify_folder

        is_named = log is not None or "log" in variables()
        opened = open_log(log_address(log)) if is_named else None
        checked = verify_folder(folder, opened, quorum=believed, progress=_REPLAYING, notify=inform)
    kept.update((signed.place, signed) for signed in checked.checkpoints)
    return {"folder": one_line(str(folder)), **_members(checked)}


def _check_checkpoints(kept: Sequence[SignedCheckpoint], believed: Quorum) -> dict[str, Any]:
    from ledger.audit.evidence import check_checkpoints

    return _members(check_checkpoints(kept, believed))


def _check_evidence(
    log: Log,
    folder: Path,
    trusted: tuple[Quorum, Sequence[SignedCheckpoint]],
    reports: Mapping[str, ReportOutline],
) -> dict[str, Any]:
    from ledger.audit.evidence import Evidence, verify_evidence
    from ledger.evidence.anchor import read_anchor

    evidence = Evidence(read_anchor(folder), *trusted)
    return _members(verify_evidence(log, evidence, reports, progress=_HASHING))


def _check_columns(log: Log | None) -> dict[str, Any]:
    """Check the typed columns of an archive; nothing where all are those of its records."""
    from ledger.columns.comparing import forged_columns
    from ledger.log.archive import as_archive

    archive = None if log is None else as_archive(log)
    if archive is None:
        return {}
    with _COMPARING(sum(segment.records for segment in archive.manifest.segments)) as advance:
        faults = list(forged_columns(archive, advance))
    return {"columns": {"faults": faults, "statements": []}} if faults else {}


def _members(check: EvidenceCheck | FolderCheck) -> dict[str, Any]:
    return {"faults": check.faults, "statements": check.statements}


def _checks(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of all kinds, each with its faults and statements."""
    apart = [results[name] for name in ("checkpoints", "evidence", "columns") if name in results]
    return [*results.get("proofs", ()), *results.get("publications", ()), *apart]


def _print_results(results: Mapping[str, Any]) -> None:
    for check in _checks(results):
        for sentence in (*check["statements"], *check["faults"]):
            terminal.line(sentence)


def _check_figures(
    log: Log, reports: Mapping[str, ReportOutline], policy: list[str] | None
) -> list[Verification]:
    from ledger.audit.verify import verify_reports
    from ledger.policies import find_policies

    policies = find_policies(policy or ())
    return verify_reports(log, reports, policies, progress=_REPLAYING, notify=inform)


def _document(figures: Sequence[Verification], results: Mapping[str, Any]) -> object:
    """What `--json` prints: reports alone as they are, beside other checks as a member."""
    members = [_as_json(verification) for verification in figures]
    alone = members[0] if len(members) == 1 else members
    return {"reports": members, **results} if results else alone


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


def _print_figures(
    figures: Sequence[Verification], log: Log, unchecked: Sequence[str], *, has_faults: bool
) -> None:
    """What became of each report, and last where the engines disagree.

    Args:
        figures: Of each report.
        log: The log.
        unchecked: Those whose roots nobody has compared.
        has_faults: Whether the evidence does not hold.
    """
    for figure in figures:
        if figure.name in unchecked:
            terminal.line(f"{figure.name}: its roots are not checked without --evidence")
        _print_verification(figure, has_faults=has_faults)
    if any(figure.disagreements for figure in figures):
        terminal.line(_disagreement(log))


def _print_verification(verification: Verification, *, has_faults: bool) -> None:
    from ledger.audit.verify import difference_line

    if verification.has_other_log_name:
        terminal.line(
            f"{verification.name}: made from a log named {verification.log_name}, replayed from"
            f" {verification.fresh.log.name}; a copy may have another name"
        )
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
    if has_faults:
        verdict += " in figures, but what was signed does not hold, see above"
    compared = f"{verification.cells} cells replayed by each of two engines"
    terminal.line(f"{verification.name}: {verdict}; {compared}")


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
