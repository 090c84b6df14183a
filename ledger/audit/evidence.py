"""Verification of evidence: signatures, trees and reports against the records of a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from ledger.errors import CutNotHeldError, EvidenceError
from ledger.evidence.anchor import Anchor, Entry, SignedCheckpoint
from ledger.evidence.heads import TreeHeads, heads_of_records
from ledger.evidence.proof_documents import Proof, ReportProof
from ledger.evidence.proofs import Checked, check_proof, check_signatures, cosigned_by
from ledger.evidence.quorum import Quorum
from ledger.log import Cut, Log, format_cut
from ledger.report import ReportOutline
from ledger.report.document import decode_report, has_its_digest
from ledger.report.make import ProgressBar, no_progress_bar

__all__ = ["Evidence", "EvidenceCheck", "check_checkpoints", "verify_evidence", "verify_proof"]


class Evidence(NamedTuple):
    """What somebody holds against a log.

    Attributes:
        anchor: What was signed.
        quorum: Whose signatures are believed.
        kept: Checkpoints that were kept elsewhere.
    """

    anchor: Anchor
    quorum: Quorum
    kept: Sequence[SignedCheckpoint] = ()


class EvidenceCheck(NamedTuple):
    """What the evidence of a log shows.

    Attributes:
        faults: What does not hold, a sentence each.
        statements: What holds, a sentence each.
    """

    faults: list[str]
    statements: list[str]


def verify_proof(proof: Proof, quorum: Quorum, place: str) -> Checked:
    """What a proof shows; the figures of a report are not recomputed.

    Raises:
        EvidenceError: If it does not show what it claims.
    """
    checked = check_proof(proof, quorum, place)
    if isinstance(proof, ReportProof):
        report = decode_report(dict(proof.report), place)
        if not has_its_digest(report):
            raise EvidenceError(f"{place}: the digest of its report is not that of its members")
    return checked


def check_checkpoints(checkpoints: Sequence[SignedCheckpoint], quorum: Quorum) -> EvidenceCheck:
    """The signatures of checkpoints that somebody kept, and whether any two of them are a fork."""
    faults, statements = list(_forks(checkpoints)), list[str]()
    for signed in checkpoints:
        try:
            cosigners = check_signatures(signed, quorum)
        except EvidenceError as error:
            faults.append(str(error))
        else:
            checkpoint = signed.checkpoint
            what = f"checkpoint {checkpoint.size} of {checkpoint.origin}"
            statements.append(f"{signed.place}: {what} is signed{cosigned_by(cosigners)}")
    return EvidenceCheck(faults, statements)


def _forks(checkpoints: Sequence[SignedCheckpoint]) -> Iterator[str]:
    """A sentence for each two checkpoints of one origin and size that differ: a fork."""
    for first, second in combinations(checkpoints, 2):
        left, right = first.checkpoint, second.checkpoint
        if (left.origin, left.size) == (right.origin, right.size) and left.root != right.root:
            yield (
                f"fork: {first.place} and {second.place} are both of {left.origin}, {left.size}"
                " entries, and have different roots; two histories were signed, keep both files"
            )


def verify_evidence(
    log: Log,
    evidence: Evidence,
    reports: Mapping[str, ReportOutline],
    *,
    progress: ProgressBar = no_progress_bar,
) -> EvidenceCheck:
    """Check what was signed of a log against every record, and reports against what was signed.

    Nothing that is derived from records is trusted: every record is read and hashed.

    Args:
        log: Any log.
        evidence: What was signed of it.
        reports: By name; each cut has to be signed.
        progress: Shows how far the reading is.

    Raises:
        StoreError: If the log cannot be read.
    """
    anchor, quorum, kept = evidence
    faults = [*_signature_faults(anchor, quorum), *_kept_faults(anchor, quorum, kept)]
    entries = anchor.entries[: anchor.signed_size]
    if faults or not entries:
        return EvidenceCheck(faults or [f"{anchor.folder} has no checkpoint"], [])
    stated = [(f"{name}: ", report.cut) for name, report in reports.items()]
    cuts = [*((f"checkpoint {n}: ", entry.cut) for n, entry in enumerate(entries, 1)), *stated]
    trees = _trees(log, cuts, faults, progress)
    faults += _entry_faults(entries, trees)
    for (name, report), tree in zip(reports.items(), trees[len(entries) :], strict=True):
        faults += [] if tree is None else _report_faults(name, report, tree, entries[-1])
    if faults:
        return EvidenceCheck(faults, [])
    signed = _signed_statement(anchor, quorum, entries)
    return EvidenceCheck(
        [], [signed, *(_report_statement(*report, entries) for report in reports.items())]
    )


def _trees(
    log: Log, cuts: Sequence[tuple[str, Cut]], faults: list[str], progress: ProgressBar
) -> list[TreeHeads | None]:
    """The trees of a log at each cut, from its records; None, and a fault, where it has no such."""
    held: list[Cut | None] = []
    for name, cut in cuts:
        fault = _not_held(log, cut)
        held.append(cut if fault is None else None)
        faults += [] if fault is None else [f"{name}{fault}"]
    with progress(sum(log.end().values())) as advance:
        known = [cut for cut in held if cut is not None]
        heads = iter(heads_of_records(log, known, progress=advance) if known else ())
    return [None if cut is None else next(heads) for cut in held]


def _signature_faults(anchor: Anchor, quorum: Quorum) -> Iterator[str]:
    """Of every checkpoint the log's signature, of the last one the witnesses' too."""
    for signed in anchor.checkpoints:
        is_last = signed is anchor.checkpoints[-1]
        try:
            check_signatures(signed, quorum if is_last else quorum._replace(needed="none"))
        except EvidenceError as error:
            yield str(error)
            continue
        size = signed.checkpoint.size
        if size > len(anchor.lines):
            yield f"{anchor.folder} has {len(anchor.lines)} entries, {signed.place} signed {size}"
        elif anchor.root(size) != signed.checkpoint.root:
            yield f"the first {size} entries of {anchor.folder} are not those of {signed.place}"


def _kept_faults(anchor: Anchor, quorum: Quorum, kept: Sequence[SignedCheckpoint]) -> Iterator[str]:
    for signed in kept:
        try:
            check_signatures(signed, quorum._replace(needed="none"))
        except EvidenceError as error:
            yield str(error)
            continue
        size = signed.checkpoint.size
        if size > len(anchor.lines):
            yield f"{signed.place} has signed {size} entries, {anchor.folder} went back to fewer"
        elif anchor.root(size) != signed.checkpoint.root:
            yield (
                f"fork: {signed.place} did not sign the first {size} entries of {anchor.folder};"
                " keep both"
            )


def _not_held(log: Log, cut: Cut) -> str | None:
    """Why a log has no tree at a cut."""
    try:
        if log.normalise(cut) == cut:
            return None
    except CutNotHeldError as error:
        return str(error)
    return f"the log has no record right below each offset of {format_cut(cut)}"


def _entry_faults(entries: Sequence[Entry], trees: Sequence[TreeHeads | None]) -> Iterator[str]:
    """For each partition the first entry that the log is at odds with; later ones say no more."""
    wrong = set[int]()
    before: Cut = {}
    for number, (entry, tree) in enumerate(zip(entries, trees, strict=False), 1):
        for partition, head in entry.heads.items() if tree is not None else ():
            if tree is None or tree[partition] == head or partition in wrong:
                continue
            wrong.add(partition)
            yield (
                f"partition {partition} was changed: its records from offset"
                f" {before.get(partition, 0)} up to {entry.cut[partition]} are not those that"
                f" checkpoint {number} signed ({tree[partition].size:,} records, {head.size:,} were"
                " signed)"
            )
        before = entry.cut


def _report_faults(name: str, report: ReportOutline, tree: TreeHeads, last: Entry) -> Iterator[str]:
    roots = report.log.roots
    stated = roots if isinstance(roots, dict) else {}
    for partition, head in tree.items():
        root = stated.get(str(partition))
        if root != head.root.hex():
            yield (
                f"{name}: its root of partition {partition} is {root or 'missing'}, the log's below"
                f" {report.cut[partition]} is {head.root.hex()}"
            )
    if any(end > last.cut.get(partition, 0) for partition, end in report.cut.items()):
        yield (
            f"{name}: its cut {format_cut(report.cut)} is not signed; signed is"
            f" {format_cut(last.cut)}"
        )


def _signed_statement(anchor: Anchor, quorum: Quorum, entries: Sequence[Entry]) -> str:
    last = anchor.checkpoints[-1]
    records = sum(head.size for head in entries[-1].heads.values())
    by_whom = cosigned_by(quorum.cosigners(last.note))
    return (
        f"{records:,} records are those that {last.checkpoint.origin} signed as checkpoint"
        f" {last.checkpoint.size}{by_whom}"
    )


def _report_statement(name: str, report: ReportOutline, entries: Sequence[Entry]) -> str:
    for number, entry in enumerate(entries, 1):
        if entry.cut == report.cut:
            return f"{name}: its cut was signed as checkpoint {number}"
    return f"{name}: its cut is part of what was signed as checkpoint {len(entries)}"
