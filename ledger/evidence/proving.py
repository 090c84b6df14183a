"""Making proofs from a log and what was signed of it; each is checked before it is handed out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from ledger.errors import CutNotHeldError, EvidenceError
from ledger.evidence.anchor import Anchor, Entry, SignedCheckpoint
from ledger.evidence.heads import TreeHead, TreeHeads, heads_at
from ledger.evidence.leaf import leaf_of
from ledger.evidence.leaf_files import (
    LeafFile,
    SegmentLeaves,
    check_leaves,
    hash_segment,
    read_hashes,
    segments_with_first_leaf,
)
from ledger.evidence.merkle import (
    HASH_BYTES,
    Node,
    Tree,
    check_consistency,
    check_inclusion,
    consistency_path,
    inclusion_path,
    nodes_between,
)
from ledger.evidence.proof_documents import ConsistencyProof, CutProof, RecordProof, ReportProof
from ledger.evidence.proofs import hexadecimal, signed_entry
from ledger.log import Cut, Location, Log
from ledger.log.archive import ArchiveLog, as_archive
from ledger.log.progress import Notify, no_notice
from ledger.log.record_lines import format_record

__all__ = ["prove_consistency", "prove_cut", "prove_record", "prove_report"]


def prove_record(
    log: Log,
    anchor: Anchor,
    signed: SignedCheckpoint,
    place: Location,
    notify: Notify = no_notice,
) -> RecordProof:
    """The proof that a record is in a signed log.

    Args:
        log: Any log.
        anchor: What was signed of it.
        signed: One of its checkpoints.
        place: The record's.
        notify: Gets a sentence where an archive does not keep all leaf hashes that are needed.

    Raises:
        EvidenceError: If the log is not the one that was signed, or does not hold the record.
    """
    partition, offset = place
    assert offset is not None
    entry = signed_entry(anchor, signed)
    head = _head_of(entry.entry.heads, partition)
    records = log.read({partition: offset}, {partition: offset + 1})
    record = next((each for each in records if each.partition == partition), None)
    if record is None or offset >= entry.entry.cut[partition]:
        raise EvidenceError(
            f"record {partition}:{offset} is not among those that {signed.place} has signed"
        )
    kept = _kept_leaves(log, [partition], notify)
    leaves = _leaves_of(log, partition, head.size, entry.entry.cut[partition], kept)
    index = leaves.index_of(offset)
    path, leaf = inclusion_path(leaves.tree.subtree, index, head.size), leaf_of(record)
    if not check_inclusion(leaf, index, head.size, path, root=head.root):
        raise _rewritten(partition, head, signed.place)
    return RecordProof(
        record=orjson.loads(format_record(record)),
        leaf_sha256=leaf.hex(),
        index=index,
        path=hexadecimal(path),
        signed=entry,
    )


def prove_consistency(
    log: Log,
    anchor: Anchor,
    old: SignedCheckpoint | None,
    new: SignedCheckpoint,
    notify: Notify = no_notice,
) -> ConsistencyProof:
    """The proof that what was signed earlier is still there.

    Args:
        log: Any log.
        anchor: What was signed of it.
        old: An earlier checkpoint; None to begin with.
        new: A later one.
        notify: As in `prove_record`.

    Raises:
        EvidenceError: If the later one has fewer entries.
    """
    last = signed_entry(anchor, new)
    if old is None:
        return ConsistencyProof(old=None, new=last, anchor_path=(), paths={})
    old_size, new_size = old.checkpoint.size, new.checkpoint.size
    if old_size > new_size:
        raise EvidenceError(
            f"{new.place} has {new_size} entries, fewer than the {old_size} of {old.place};"
            " name the earlier one first"
        )
    first = signed_entry(anchor, old)
    return ConsistencyProof(
        old=first,
        new=last,
        anchor_path=hexadecimal(anchor.consistency_path(old_size, new_size)),
        paths=_paths(log, first.entry.heads, last.entry, notify),
    )


def prove_report(
    log: Log,
    anchor: Anchor,
    signed: SignedCheckpoint,
    report: Mapping[str, Any],
    notify: Notify = no_notice,
) -> ReportProof:
    """The proof that a report was made from signed records.

    Args:
        log: Any log.
        anchor: What was signed of it.
        signed: One of its checkpoints.
        report: As JSON values; its roots are those of the log, or added.
        notify: As in `prove_record`.

    Raises:
        EvidenceError: If the report's cut is not below what was signed, or its roots differ.
    """
    cut = {int(partition): end for partition, end in report["log"]["cut"].items()}
    roots, proof = prove_cut(log, anchor, signed, cut, notify)
    stated = report["log"].get("roots", roots)
    if stated != roots:
        raise EvidenceError("the roots of the report are not those of the log")
    return ReportProof(
        report={**report, "log": {**report["log"], "roots": roots}},
        sizes=proof.sizes,
        paths=proof.paths,
        signed=proof.signed,
    )


def prove_cut(
    log: Log, anchor: Anchor, signed: SignedCheckpoint, cut: Cut, notify: Notify = no_notice
) -> tuple[dict[str, str], CutProof]:
    """The roots at a cut by partition, and the proof that they are part of what was signed.

    Args:
        log: Any log.
        anchor: What was signed of it.
        signed: One of its checkpoints.
        cut: Of the log.
        notify: As in `prove_record`.

    Raises:
        EvidenceError: If the cut is not below what was signed, or the log is not what was.
    """
    entry = signed_entry(anchor, signed)
    if set(cut) != set(entry.entry.cut) or any(
        end > entry.entry.cut[partition] for partition, end in cut.items()
    ):
        raise EvidenceError(
            f"the report reads further than {signed.place} has signed; sign the log again with"
            " `outcomes checkpoint`"
        )
    try:
        heads = heads_at(log, [log.normalise(cut)], notify=notify)[0]
    except CutNotHeldError as error:
        raise EvidenceError(f"the log is not that of the report: {error}") from error
    proof = CutProof(
        sizes={str(partition): head.size for partition, head in heads.items()},
        paths=_paths(log, heads, entry.entry),
        signed=entry,
    )
    return {str(partition): head.root.hex() for partition, head in sorted(heads.items())}, proof


def _paths(
    log: Log, old: TreeHeads, new: Entry, notify: Notify = no_notice
) -> dict[str, tuple[str, ...]]:
    """The proof for every partition that held a record."""
    paths = {}
    later_heads = {partition: _head_of(new.heads, partition) for partition in old}
    grown = [number for number, head in old.items() if 0 < head.size < later_heads[number].size]
    kept = _kept_leaves(log, grown, notify)
    for partition, head in old.items():
        later = later_heads[partition]
        if head.size > later.size:
            raise EvidenceError(
                f"partition {partition} had {head.size:,} records and was signed later with"
                f" {later.size:,}: it lost records"
            )
        if head.size:
            path: list[bytes] = []
            if head.size < later.size:
                leaves = _leaves_of(log, partition, later.size, new.cut[partition], kept)
                path = consistency_path(leaves.tree.subtree, head.size, later.size)
            if not check_consistency(
                head.size, later.size, path, old_root=head.root, new_root=later.root
            ):
                raise _rewritten(partition, later, "the checkpoint")
            paths[str(partition)] = hexadecimal(path)
    return paths


def _rewritten(partition: int, head: TreeHead, place: str) -> EvidenceError:
    return EvidenceError(
        f"the first {head.size:,} records of partition {partition} of the log are not those that"
        f" {place} has signed"
    )


def _head_of(heads: TreeHeads, partition: int) -> TreeHead:
    head = heads.get(partition)
    if head is None:
        raise EvidenceError(f"nothing was signed of partition {partition}")
    return head


class _KeptPart(NamedTuple):
    part: SegmentLeaves
    file: LeafFile


class _Leaves(NamedTuple):
    tree: Tree
    index_of: Callable[[int], int]


def _kept_leaves(log: Log, partitions: Collection[int], notify: Notify) -> list[_KeptPart]:
    """The leaf hashes that an archive keeps of some partitions; none of another log."""
    archive = as_archive(log)
    if archive is None:
        return []
    archive.end()  # A merge may have replaced segments since the archive was opened.
    parts = [
        part
        for part in segments_with_first_leaf(archive.manifest)
        if part.segment.partition in partitions
    ]
    return list(map(_KeptPart, parts, check_leaves(archive.folder, parts, notify)))


def _leaves_of(log: Log, partition: int, size: int, end: int, kept: Iterable[_KeptPart]) -> _Leaves:
    """The leaves of a partition below an offset.

    Raises:
        EvidenceError: If there are fewer than were signed.
    """
    archive = as_archive(log)
    if archive is not None:
        own = [each for each in kept if each.part.segment.partition == partition]
        return _archive_leaves(archive, partition, size, own)
    hashes, offsets = list[bytes](), list[int]()
    for record in log.read({partition: 0}, {partition: end}):
        if record.partition == partition:
            hashes.append(leaf_of(record))
            offsets.append(record.offset)
    _refuse_too_few(partition, len(hashes), size)
    return _Leaves(Tree(hashes.__getitem__, {}), lambda offset: bisect_right(offsets, offset) - 1)


def _refuse_too_few(partition: int, records: int, size: int) -> None:
    if records < size:
        raise EvidenceError(
            f"partition {partition} of the log has {records:,} records, {size:,} were signed"
        )


def _archive_leaves(
    log: ArchiveLog, partition: int, size: int, kept: Sequence[_KeptPart]
) -> _Leaves:
    parts = [each.part for each in kept]
    _refuse_too_few(partition, sum(part.segment.records for part in parts), size)
    begins = [part.begin for part in parts]
    known: dict[Node, bytes] = {}
    for _, file in kept:
        if file.nodes is not None:
            nodes = nodes_between(file.nodes.begin, file.nodes.end)
            known.update(zip(nodes, file.nodes.hashes, strict=True))

    @lru_cache(maxsize=2)
    def hashes_of(number: int) -> bytes:
        return _hashes(log, *kept[number])

    def leaf(index: int) -> bytes:
        number = bisect_right(begins, index) - 1
        start = (index - begins[number]) * HASH_BYTES
        return hashes_of(number)[start : start + HASH_BYTES]

    def index_of(offset: int) -> int:
        starts = [part.segment.start for part in parts]
        part = parts[bisect_right(starts, offset) - 1]
        before = log.read({partition: part.segment.start}, {partition: offset})
        return part.begin + sum(1 for _ in before)

    return _Leaves(Tree(leaf, known), index_of)


def _hashes(log: ArchiveLog, part: SegmentLeaves, file: LeafFile) -> bytes:
    return hash_segment(log.folder, part).hashes if file.nodes is None else read_hashes(file)
