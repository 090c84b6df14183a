"""Checks of proofs, without a log: of signatures, of inclusion and of consistency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from ledger.errors import EvidenceError
from ledger.evidence.anchor import (
    Anchor,
    SignedCheckpoint,
    decode_checkpoint,
)
from ledger.evidence.heads import EMPTY_HEAD, TreeHead
from ledger.evidence.leaf import leaf_of
from ledger.evidence.merkle import check_consistency, check_inclusion, hash_leaf
from ledger.evidence.proof_documents import (
    ConsistencyProof,
    CutProof,
    Proof,
    RecordProof,
    ReportProof,
    Signed,
)
from ledger.evidence.quorum import Quorum
from ledger.log.record_lines import read_record
from schemas.moments import utc_text
from schemas.record import Record

__all__ = [
    "Checked",
    "check_cut",
    "check_proof",
    "check_signatures",
    "cosigned_by",
    "signed_entry",
]


class Checked(NamedTuple):
    """What a proof shows.

    Attributes:
        signed: The checkpoint that it rests on.
        cosigners: The witnesses who cosigned it, and when, in seconds since 1970.
        statement: What is shown, as a sentence.
    """

    signed: SignedCheckpoint
    cosigners: Mapping[str, int]
    statement: str

    def line(self) -> str:
        """The statement, with whose signatures it rests on."""
        checkpoint = self.signed.checkpoint
        signed = f"signed by {checkpoint.origin} as checkpoint {checkpoint.size}"
        return f"{self.statement}; {signed}{cosigned_by(self.cosigners)}"


def cosigned_by(cosigners: Mapping[str, int]) -> str:
    """Who has cosigned, and when, to be added to a sentence.

    >>> cosigned_by({"office": 1679315147})
    ', cosigned by office on 2023-03-20T12:25:47.000Z'
    """
    moments = [f"{name} on {utc_text(at_s * 1_000)}" for name, at_s in cosigners.items()]
    return f", cosigned by {', '.join(moments)}" if moments else ""


def signed_entry(anchor: Anchor, signed: SignedCheckpoint) -> Signed:
    """The last entry that a checkpoint covers, with the proof of it.

    Raises:
        EvidenceError: If the checkpoint is not of these entries.
    """
    size = signed.checkpoint.size
    if not 0 < size <= len(anchor.lines):
        raise EvidenceError(f"{signed.place} is of {size} entries, {anchor.folder} holds others")
    if anchor.root(size) != signed.checkpoint.root:
        raise EvidenceError(
            f"fork: {signed.place} did not sign the first {size} entries of {anchor.folder}"
        )
    return Signed(
        checkpoint=str(signed.note),
        entry=anchor.entries[size - 1],
        index=size - 1,
        path=hexadecimal(anchor.inclusion_path(size - 1, size)),
    )


def hexadecimal(path: list[bytes]) -> tuple[str, ...]:
    """A path as it is written."""
    return tuple(node.hex() for node in path)


def check_signatures(signed: SignedCheckpoint, quorum: Quorum) -> Mapping[str, int]:
    """The witnesses of a checkpoint, whose signatures were checked, and when they cosigned it.

    Raises:
        EvidenceError: If the log has not signed it, or too few witnesses have.
    """
    signer = quorum.signer(signed.note)
    if signer is None:
        keys = ", ".join(f"{key.name} {key.key_id.hex()}" for key in quorum.logs)
        raise EvidenceError(f"{signed.place} is not signed by the key of {keys}")
    if signer.name != signed.checkpoint.origin:
        origin = signed.checkpoint.origin
        raise EvidenceError(f"{signed.place} is of {origin}, signed by the key of {signer.name}")
    cosigners = quorum.cosigners(signed.note)
    if not quorum.is_reached(cosigners):
        names = ", ".join(cosigners) or "nobody"
        raise EvidenceError(
            f"{signed.place} has no quorum: {quorum.needed} is needed, cosigned by {names}"
        )
    return cosigners


def check_signed(
    part: Signed, quorum: Quorum | None, place: str
) -> tuple[SignedCheckpoint, dict[str, int]]:
    """The checkpoint of a proof, checked, and its witnesses; without a quorum no signature is.

    Raises:
        EvidenceError: If it does not cover the entry, or is not signed.
    """
    signed = decode_checkpoint(part.checkpoint.encode(), f"the checkpoint of {place}")
    cosigners = {} if quorum is None else check_signatures(signed, quorum)
    checkpoint, leaf = signed.checkpoint, hash_leaf(part.entry.line())
    path = _path(part.path)
    if not check_inclusion(leaf, part.index, checkpoint.size, path, root=checkpoint.root):
        raise EvidenceError(f"{place}: its entry is not in its checkpoint of {checkpoint.size}")
    return signed, dict(cosigners)


def check_proof(proof: Proof, quorum: Quorum, place: str) -> Checked:
    """What a proof shows, after everything in it was checked but the figures of a report.

    Args:
        proof: Any.
        quorum: Whose signatures are believed.
        place: Where it comes from, for messages.

    Raises:
        EvidenceError: If it does not show what it claims.
    """
    match proof:
        case RecordProof():
            return _check_record(proof, quorum, place)
        case ConsistencyProof():
            return _check_consistency(proof, quorum, place)
        case ReportProof():
            return _check_report(proof, quorum, place)


def _check_record(proof: RecordProof, quorum: Quorum, place: str) -> Checked:
    signed, cosigners = check_signed(proof.signed, quorum, place)
    try:
        record = read_record(orjson.dumps(dict(proof.record)))
    except ValueError as error:
        raise EvidenceError(f"{place}: its record is none: {error}") from error
    head = proof.signed.entry.heads.get(record.partition)
    if head is None or not 0 <= record.offset < proof.signed.entry.cut[record.partition]:
        raise _not_in_tree(record, place)
    leaf = leaf_of(record)
    if leaf.hex() != proof.leaf_sha256:
        raise EvidenceError(f"{place}: its leaf_sha256 is not that of its record")
    if not check_inclusion(leaf, proof.index, head.size, _path(proof.path), root=head.root):
        raise _not_in_tree(record, place)
    where = f"record {record.partition}:{record.offset} is leaf {proof.index:,} of {head.size:,}"
    return Checked(signed, cosigners, f"{where} in partition {record.partition}")


def _not_in_tree(record: Record, place: str) -> EvidenceError:
    return EvidenceError(
        f"{place}: record {record.partition}:{record.offset} is not in the signed tree"
    )


def _check_consistency(proof: ConsistencyProof, quorum: Quorum, place: str) -> Checked:
    new, cosigners = check_signed(proof.new, quorum, place)
    if proof.old is None:
        return Checked(
            new,
            cosigners,
            f"checkpoint {new.checkpoint.size} is signed, and nothing was seen before",
        )
    # Of the earlier one the log's signature is enough: what matters is who keeps it.
    old, _ = check_signed(proof.old, quorum._replace(needed="none"), place)
    first, second = old.checkpoint, new.checkpoint
    if first.origin != second.origin:
        raise EvidenceError(f"{place}: its checkpoints are of {first.origin} and {second.origin}")
    if not check_consistency(
        first.size,
        second.size,
        _path(proof.anchor_path),
        old_root=first.root,
        new_root=second.root,
    ):
        raise EvidenceError(
            f"{place}: checkpoint {second.size} does not continue checkpoint {first.size}: the"
            " entries between were rewritten"
        )
    old_heads, new_heads = proof.old.entry.heads, proof.new.entry.heads
    for partition, head in old_heads.items():
        later = new_heads.get(partition)
        path = proof.paths.get(str(partition), ())
        if later is None or not _continues(head, later, _path(path)):
            raise EvidenceError(
                f"{place}: partition {partition} of checkpoint {second.size} does not continue"
                f" that of checkpoint {first.size}: its first {head.size:,} records were rewritten"
            )
    statement = f"checkpoint {second.size} continues checkpoint {first.size} in every partition"
    return Checked(new, cosigners, statement)


def _check_report(proof: ReportProof, quorum: Quorum, place: str) -> Checked:
    signed, cosigners = check_cut(proof, proof.report.get("log"), quorum, place)
    statement = (
        f"the report {proof.report.get('digest')} names a cut of signed records, and its figures"
        " are not checked by a proof"
    )
    return Checked(signed, cosigners, statement)


def check_cut(
    proof: CutProof | ReportProof, log: object, quorum: Quorum | None, place: str
) -> tuple[SignedCheckpoint, dict[str, int]]:
    """The checkpoint that a cut is covered by, and its witnesses.

    Args:
        proof: That the cut is covered.
        log: The member `log` of a report, with `cut` and `roots`.
        quorum: Whose signatures are believed; without it none is checked.
        place: Where the proof comes from, for messages.

    Raises:
        EvidenceError: If the cut is not covered, or the checkpoint is not signed.
    """
    signed, cosigners = check_signed(proof.signed, quorum, place)
    cut = log.get("cut") if isinstance(log, dict) else None
    roots = log.get("roots") if isinstance(log, dict) else None
    if not isinstance(cut, dict) or not isinstance(roots, dict):
        raise EvidenceError(f"{place}: its report has no cut with roots")
    heads, ends = proof.signed.entry.heads, proof.signed.entry.cut
    if set(cut) != set(roots) or set(cut) != {str(partition) for partition in heads}:
        raise EvidenceError(f"{place}: its report has other partitions than its checkpoint")
    for partition, head in heads.items():
        number = str(partition)
        try:
            stated = TreeHead(proof.sizes.get(number, 0), bytes.fromhex(str(roots[number])))
        except ValueError as error:
            raise EvidenceError(f"{place}: root {number} of its report is none") from error
        path = _path(proof.paths.get(number, ()))
        is_below = isinstance(cut[number], int) and 0 <= cut[number] <= ends[partition]
        if not is_below or not _continues(stated, head, path):
            raise EvidenceError(
                f"{place}: what its report has read of partition {number} is not what was signed"
            )
    return signed, cosigners


def _continues(old: TreeHead, new: TreeHead, path: list[bytes]) -> bool:
    """Whether a tree continues another; any tree continues the empty one."""
    if old.size == 0:
        return old == EMPTY_HEAD and not path
    return check_consistency(old.size, new.size, path, old_root=old.root, new_root=new.root)


def _path(path: tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(node) for node in path]
