"""Making proofs from a log and what was signed of it; each is checked before it is handed out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from ledger.errors import CutNotHeldError, EvidenceError
from ledger.evidence.anchor import Anchor, SignedCheckpoint
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
from ledger.evidence.proofs import (
    ConsistencyProof,
    RecordProof,
    ReportProof,
    hexadecimal,
    signed_entry,
)
from ledger.log import Log
from ledger.log.archive import ArchiveLog, as_archive
from ledger.log.record_lines import format_record

__all__ = ["prove_consistency", "prove_record", "prove_report"]


def prove_record(
    log: Log, anchor: Anchor, signed: SignedCheckpoint, *, partition: int, offset: int
) -> RecordProof:
    """The proof that a record is in a signed log.

    Args:
        log: Any log.
        anchor: What was signed of it.
        signed: One of its checkpoints.
        partition: The record's.
        offset: The record's.

    Raises:
        EvidenceError: If the log is not the one that was signed, or does not hold the record.
    """
    entry = signed_entry(anchor, signed)
    head = _head_of(entry.entry.heads, partition)
    records = log.read({partition: offset}, {partition: offset + 1})
    record = next((each for each in records if each.partition == partition), None)
    if record is None or offset >= entry.entry.cut[partition]:
        raise EvidenceError(
            f"record {partition}:{offset} is not among those that {signed.place} has signed"
        )
    leaves = _leaves_of(log, partition, head.size, entry.entry.cut[partition])
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
    log: Log, anchor: Anchor, old: SignedCheckpoint | None, new: SignedCheckpoint
) -> ConsistencyProof:
    """The proof that what was signed earlier is still there.

    Args:
        log: Any log.
        anchor: What was signed of it.
        old: An earlier checkpoint; None to begin with.
        new: A later one.

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
        paths=_paths(log, first.entry.heads, last.entry.heads, last.entry.cut),
    )


def prove_report(
    log: Log, anchor: Anchor, signed: SignedCheckpoint, report: Mapping[str, Any]
) -> ReportProof:
    """The proof that a report was made from signed records.

    Args:
        log: Any log.
        anchor: What was signed of it.
        signed: One of its checkpoints.
        report: As JSON values; its roots are those of the log, or added.

    Raises:
        EvidenceError: If the report's cut is not below what was signed, or its roots differ.
    """
    entry = signed_entry(anchor, signed)
    cut = {int(partition): end for partition, end in report["log"]["cut"].items()}
    if set(cut) != set(entry.entry.cut) or any(
        end > entry.entry.cut[partition] for partition, end in cut.items()
    ):
        raise EvidenceError(
            f"the report reads further than {signed.place} has signed; sign the log again with"
            " `outcomes checkpoint`"
        )
    try:
        heads = heads_at(log, [log.normalise(cut)])[0]
    except CutNotHeldError as error:
        raise EvidenceError(f"the log is not that of the report: {error}") from error
    roots = {str(partition): head.root.hex() for partition, head in sorted(heads.items())}
    stated = report["log"].get("roots", roots)
    if stated != roots:
        raise EvidenceError("the roots of the report are not those of the log")
    return ReportProof(
        report={**report, "log": {**report["log"], "roots": roots}},
        sizes={str(partition): head.size for partition, head in heads.items()},
        paths=_paths(log, heads, entry.entry.heads, entry.entry.cut),
        signed=entry,
    )


def _paths(
    log: Log, old: TreeHeads, new: TreeHeads, ends: Mapping[int, int]
) -> dict[str, tuple[str, ...]]:
    """The proof for every partition that held a record."""
    paths = {}
    for partition, head in old.items():
        later = _head_of(new, partition)
        if head.size > later.size:
            raise EvidenceError(
                f"partition {partition} had {head.size:,} records and was signed later with"
                f" {later.size:,}: it lost records"
            )
        if head.size:
            path: list[bytes] = []
            if head.size < later.size:
                leaves = _leaves_of(log, partition, later.size, ends[partition])
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


class _Leaves(NamedTuple):
    tree: Tree
    index_of: Callable[[int], int]


def _leaves_of(log: Log, partition: int, size: int, end: int) -> _Leaves:
    """The leaves of a partition below an offset.

    Raises:
        EvidenceError: If there are fewer than were signed.
    """
    archive = as_archive(log)
    if archive is not None:
        return _archive_leaves(archive, partition, size)
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


def _archive_leaves(log: ArchiveLog, partition: int, size: int) -> _Leaves:
    log.end()
    parts = [
        part
        for part in segments_with_first_leaf(log.manifest)
        if part.segment.partition == partition
    ]
    _refuse_too_few(partition, sum(part.segment.records for part in parts), size)
    files = check_leaves(log.folder, parts)
    begins = [part.begin for part in parts]
    known: dict[Node, bytes] = {}
    for file in files:
        if file.nodes is not None:
            nodes = nodes_between(file.nodes.begin, file.nodes.end)
            known.update(zip(nodes, file.nodes.hashes, strict=True))

    @lru_cache(maxsize=2)
    def hashes_of(number: int) -> bytes:
        return _hashes(log, parts[number], files[number])

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
