"""Proofs as JSON documents, each complete in itself: made from a log, checked without one.

A proof holds a signed checkpoint, the entry of the anchor log that it covers, and the hashes that
lead from a record, an older checkpoint or a report to that entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import EvidenceError
from ledger.evidence.anchor import (
    Anchor,
    Entry,
    SignedCheckpoint,
    decode_checkpoint,
)
from ledger.evidence.heads import EMPTY_HEAD, TreeHead
from ledger.evidence.leaf import leaf_of
from ledger.evidence.merkle import check_consistency, check_inclusion, hash_leaf
from ledger.evidence.quorum import Quorum
from ledger.log.record_lines import read_record
from schemas.moments import utc_text
from schemas.record import Record

__all__ = [
    "PROOF_SCHEMA",
    "ConsistencyProof",
    "CutProof",
    "Proof",
    "RecordProof",
    "ReportProof",
    "Signed",
    "check_cut",
    "check_proof",
    "check_signatures",
    "cosigned_by",
    "decode_proof",
    "encode_proof",
    "is_proof",
    "signed_entry",
]

PROOF_SCHEMA: Final = "ledger/proof/v1"

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Path = Annotated[tuple[_Hash, ...], Field(strict=False, max_length=64)]
_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Partition = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,8})$")]
_Head = tuple[_Count, _Hash]


class _Members(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Signed(_Members):
    """An entry that a checkpoint covers.

    Attributes:
        checkpoint: The signed note, as text.
        entry: Of the anchor log.
        index: Its place among the entries.
        path: The proof that it is there.
    """

    checkpoint: str
    entry: Entry
    index: _Count
    path: _Path


class RecordProof(_Members):
    """That a record is in the log, at its place and with its moment.

    Attributes:
        record: As `outcomes tail --jsonl` prints it.
        leaf_sha256: Its leaf hash.
        index: Its place among the leaves of its partition.
        path: The proof that it is there.
        signed: The tree that it is in.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["record"] = "record"
    record: Mapping[str, Any]
    leaf_sha256: _Hash
    index: _Count
    path: _Path
    signed: Signed


class ConsistencyProof(_Members):
    """That everything signed earlier is still there, in the anchor log and in every partition.

    Attributes:
        old: What was signed earlier; None to begin with.
        new: What was signed later.
        anchor_path: The proof that the anchor log only grew.
        paths: The proof for each partition that held a record.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["consistency"] = "consistency"
    old: Signed | None
    new: Signed
    anchor_path: _Path
    paths: Mapping[_Partition, _Path]


class CutProof(_Members):
    """That the records below a cut are the beginning of what was signed.

    Attributes:
        sizes: How many records of each partition are below it.
        paths: The proof for each partition that holds a record below it.
        signed: The trees that continue those at the cut.
    """

    sizes: Mapping[_Partition, _Count]
    paths: Mapping[_Partition, _Path]
    signed: Signed


class ReportProof(_Members):
    """That the records which a report was made from are the beginning of what was signed.

    Attributes:
        report: The report, whole.
        sizes: How many records of each partition are below its cut.
        paths: The proof for each partition that holds a record below the cut.
        signed: The trees that continue those of the report.
    """

    schema_: Literal["ledger/proof/v1"] = Field(PROOF_SCHEMA, alias="schema")
    kind: Literal["report"] = "report"
    report: Mapping[str, Any]
    sizes: Mapping[_Partition, _Count]
    paths: Mapping[_Partition, _Path]
    signed: Signed


Proof = RecordProof | ConsistencyProof | ReportProof
_KINDS: Mapping[str, type[Proof]] = {
    "record": RecordProof,
    "consistency": ConsistencyProof,
    "report": ReportProof,
}


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


def encode_proof(proof: Proof) -> bytes:
    """The document of a proof: one line of JSON."""
    members = proof.model_dump(mode="json", by_alias=True)
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def is_proof(data: bytes) -> bool:
    """Whether a document says of itself that it is a proof."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(members, dict) and members.get("schema") == PROOF_SCHEMA


def decode_proof(data: bytes, place: str) -> Proof:
    """Read a proof; nothing of it is checked yet but its form.

    Raises:
        EvidenceError: If it is none.
    """
    try:
        members = orjson.loads(data)
        kind = members.get("kind") if isinstance(members, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            raise EvidenceError(f"{place} is no proof: kind must be one of {', '.join(_KINDS)}")
        return _KINDS[kind].model_validate_json(data)
    except orjson.JSONDecodeError as error:
        raise EvidenceError(f"{place} is no proof: not JSON ({error})") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise EvidenceError(f"{place} is no proof: {where}: {fault['msg']}") from error


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
