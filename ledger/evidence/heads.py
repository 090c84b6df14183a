"""The trees of all partitions at some cuts: from records, or from the leaf hashes of an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from ledger.errors import DamagedArchiveError
from ledger.evidence.leaf import leaf_of
from ledger.evidence.leaf_files import (
    LeafFile,
    SegmentLeaves,
    check_leaves,
    hash_segments,
    read_hashes,
    segments_with_first_leaf,
)
from ledger.evidence.merkle import EMPTY_ROOT, HASH_BYTES, CompactRange
from ledger.log import Cut, Log, furthest
from ledger.log.archive import ArchiveLog, Segment, as_archive
from ledger.log.progress import Notify, ProgressCallback, no_notice, no_progress, with_progress

__all__ = ["EMPTY_HEAD", "TreeHead", "TreeHeads", "heads_at", "heads_of_records", "kept_heads"]


class TreeHead(NamedTuple):
    """The tree of a partition.

    Attributes:
        size: How many leaves, that is records; offsets may have holes, leaves have none.
        root: The root over them.
    """

    size: int
    root: bytes


TreeHeads = Mapping[int, TreeHead]
"""Partition → its tree."""

EMPTY_HEAD = TreeHead(0, EMPTY_ROOT)


def heads_at(
    log: Log,
    cuts: Sequence[Cut],
    *,
    progress: ProgressCallback = no_progress,
    notify: Notify = no_notice,
) -> list[TreeHeads]:
    """The trees at each of some cuts; an archive's from the leaf hashes that it keeps.

    Args:
        log: Any log.
        cuts: In their normal form, at least one.
        progress: Called with the number of records hashed.
        notify: Gets a sentence where an archive does not keep all of its leaf hashes.

    Raises:
        StoreError: If the log cannot be read.
    """
    archive = as_archive(log)
    if archive is None:
        return heads_of_records(log, cuts, progress=progress)
    return kept_heads(archive, cuts, notify=notify)


def heads_of_records(
    log: Log, cuts: Sequence[Cut], *, progress: ProgressCallback = no_progress
) -> list[TreeHeads]:
    """The trees at each of some cuts from nothing but records, read once."""
    ends = {partition: sorted({cut[partition] for cut in cuts}) for partition in cuts[0]}
    end = furthest(cuts)
    records = with_progress(log.read(dict.fromkeys(end, 0), end), progress)
    heads: dict[tuple[int, int], TreeHead] = {}
    for partition, group in groupby(records, key=attrgetter("partition")):
        leaves, waiting = CompactRange(), iter(ends[partition])
        stop = next(waiting)
        for record in group:
            while record.offset >= stop:
                heads[partition, stop] = TreeHead(leaves.end, leaves.root())
                stop = next(waiting)
            leaves.append(leaf_of(record))
        for last in (stop, *waiting):
            heads[partition, last] = TreeHead(leaves.end, leaves.root())
    return [
        {partition: heads.get((partition, stop), EMPTY_HEAD) for partition, stop in cut.items()}
        for cut in cuts
    ]


def kept_heads(
    log: ArchiveLog, cuts: Sequence[Cut], *, notify: Notify = no_notice
) -> list[TreeHeads]:
    """The trees of an archive at each of some cuts.

    Kept leaf hashes are used where they are up to date, and sealed records are hashed where not.
    """
    log.end()  # A merge may have replaced segments since the archive was opened.
    before, end = log.manifest, furthest(cuts)
    parts = [
        part
        for part in segments_with_first_leaf(before)
        if part.segment.start < end[part.segment.partition]
    ]
    try:
        files = _leaf_files(log, parts, notify)
    except DamagedArchiveError:
        log.end()
        if log.manifest == before:
            raise
        return kept_heads(log, cuts, notify=notify)
    series = log.manifest.series()
    return [
        {
            partition: _head(log, _parts_below(series[partition], files, end))
            for partition, end in cut.items()
        }
        for cut in cuts
    ]


def _leaf_files(
    log: ArchiveLog, parts: Sequence[SegmentLeaves], notify: Notify
) -> dict[str, LeafFile]:
    """The leaf hashes of some segments by file; missing ones are computed, but for the hashes."""
    checked = check_leaves(log.folder, parts, notify)
    files = {file.segment.file: file for file in checked}
    missing = [part for part, file in zip(parts, checked, strict=True) if file.nodes is None]
    with closing(hash_segments(log.folder, missing)) as hashed:
        for (segment, _), nodes, _ in hashed:
            files[segment.file] = files[segment.file]._replace(nodes=nodes)
    return files


class _Part(NamedTuple):
    file: LeafFile
    segment: Segment
    end: int

    def is_whole(self) -> bool:
        return self.end == self.segment.end

    def has_holes(self) -> bool:
        return self.segment.records != self.segment.end - self.segment.start


def _parts_below(
    series: Sequence[Segment], files: Mapping[str, LeafFile], end: int
) -> Iterator[_Part]:
    for segment in series:
        if segment.start < end:
            yield _Part(files[segment.file], segment, min(end, segment.end))


def _head(log: ArchiveLog, parts: Iterator[_Part]) -> TreeHead:
    leaves = CompactRange()
    for part in parts:
        partition, start = part.segment.partition, part.segment.start
        if part.file.nodes is not None and part.is_whole():
            leaves.extend(part.file.nodes)
        elif part.file.fault is None and not part.has_holes():
            hashes = read_hashes(part.file)
            for position in range(0, (part.end - start) * HASH_BYTES, HASH_BYTES):
                leaves.append(hashes[position : position + HASH_BYTES])
        else:
            for record in log.read({partition: start}, {partition: part.end}):
                leaves.append(leaf_of(record))
    return TreeHead(leaves.end, leaves.root())
