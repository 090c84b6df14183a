"""The signed checkpoint that covers what a report has read; a publication carries it along."""

from __future__ import annotations

from ledger.disclosure.shown import ShownLog
from ledger.errors import EvidenceError
from ledger.evidence.anchor import Anchor, SignedCheckpoint, decode_checkpoint
from ledger.evidence.proof_documents import CutProof
from ledger.evidence.proofs import check_cut, cosigned_by, signed_entry
from ledger.evidence.proving import prove_cut
from ledger.evidence.quorum import Quorum
from ledger.log import Cut, Log, format_cut
from ledger.log.progress import Notify, no_notice

__all__ = ["CHECKPOINT", "check_checkpoint", "checkpoint_of", "cover"]

CHECKPOINT = "checkpoint.txt"


def cover(
    stated: ShownLog, anchor: Anchor, log: Log | None = None, notify: Notify = no_notice
) -> CutProof:
    """The proof that what a report has read was signed.

    Args:
        stated: The cut and its roots, as they are shown.
        anchor: What was signed.
        log: Leads to a later checkpoint where none was signed at the cut itself.
        notify: Gets what a person may want to know of how it was done, one sentence.

    Raises:
        EvidenceError: If nothing that was signed covers the cut, or its roots are others.
    """
    cut = {int(partition): end for partition, end in stated.cut.items()}
    proof = _signed_at(anchor, cut)
    if proof is None:
        if log is None:
            raise EvidenceError(
                f"no checkpoint of {anchor.folder} was signed at the cut {format_cut(cut)};"
                " publish with --year and --log, which leads to a later one, or sign first"
            )
        _, proof = prove_cut(log, anchor, anchor.last(), cut, notify)
    if stated.roots is None:
        raise EvidenceError(
            "the report has no roots that could be compared with what was signed; make it with"
            " `outcomes report --evidence`, or from an archive"
        )
    check_cut(proof, stated.as_json(), None, str(anchor.folder))
    return proof


def _signed_at(anchor: Anchor, cut: Cut) -> CutProof | None:
    """Where a checkpoint was signed at the very cut, nothing leads from one to the other."""
    for signed in anchor.checkpoints:
        part = signed_entry(anchor, signed)
        if part.entry.cut == cut:
            sizes = {str(partition): head.size for partition, head in part.entry.heads.items()}
            paths: dict[str, tuple[str, ...]] = {name: () for name, size in sizes.items() if size}
            return CutProof(sizes=sizes, paths=paths, signed=part)
    return None


def checkpoint_of(proof: CutProof, place: str = CHECKPOINT) -> SignedCheckpoint:
    """The checkpoint that a publication carries.

    Raises:
        EvidenceError: If it is none.
    """
    return decode_checkpoint(proof.signed.checkpoint.encode(), place)


def check_checkpoint(
    proof: CutProof | None, stated: ShownLog, quorum: Quorum | None, place: str
) -> str:
    """What the checkpoint of a publication shows of its cut, to be added to a sentence.

    Args:
        proof: What the publication carries.
        stated: The cut and the roots that it shows.
        quorum: Whose signatures are believed; without it none is checked, which is said.
        place: The publication's, for messages.

    Raises:
        EvidenceError: If the cut is not covered, or the checkpoint is not signed.
    """
    if proof is None:
        return "" if quorum is None else "; it carries no signed checkpoint"
    signed, cosigners = check_cut(proof, stated.as_json(), quorum, place)
    covered = f"its cut is covered by checkpoint {signed.checkpoint.size}"
    by_whom = f" of {signed.checkpoint.origin}"
    if quorum is None:
        return f"; {covered}{by_whom}, whose signature is checked with --key"
    return f"; {covered}, signed by {signed.checkpoint.origin}{cosigned_by(cosigners)}"
