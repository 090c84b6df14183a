"""Leaf hashes beside an archive: one file for each segment, derived from it, never evidence.

A file is one line of JSON and then 32 bytes for each record of the segment. The line names the
sealed file that the hashes were computed from, and holds the roots of their largest subtrees, so
that the tree of a partition is put together without reading the hashes again. Sealed records are
hashed once, whatever is added later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from ledger.errors import DamagedArchiveError, InterruptError, StoreError
from ledger.evidence.leaf import leaf_of
from ledger.evidence.merkle import HASH_BYTES, CompactRange
from ledger.log.archive import MANIFEST, ArchiveLog, Manifest, Segment
from ledger.log.archive.files import (
    PARTIAL,
    lock_archive,
    map_in_threads,
    sync_folder,
    translate_archive_errors,
    write_atomically,
)
from ledger.log.archive.manifest import parse_segment_name, read_manifest
from ledger.log.archive.segment import records_of, sealed_bytes
from ledger.log.archive.self_digest import with_self_digest
from ledger.log.archive.workers import run_job
from ledger.log.port import Check
from ledger.log.progress import (
    PROGRESS_EVERY,
    Notify,
    ProgressCallback,
    advancing,
    no_notice,
    no_progress,
)
from ledger.numbers import pluralise

__all__ = [
    "FOLDER",
    "HashedSegment",
    "LeafFile",
    "LeavesResult",
    "SegmentLeaves",
    "build_leaves",
    "check_leaves",
    "examine_leaves",
    "hash_segment",
    "hash_segments",
    "leaf_path",
    "read_hashes",
    "segments_with_first_leaf",
]

FOLDER = "leaves"
"""The folder of the leaf hashes, beside that of the segments."""

SCHEMA: Final = "ledger/leaves/v1"
_SUFFIX = ".leaves"


class SegmentLeaves(NamedTuple):
    """A segment, and the index of its first record among the leaves of its partition."""

    segment: Segment
    begin: int


class LeafFile(NamedTuple):
    """The leaf hashes of a segment as they are kept.

    Attributes:
        segment: The segment.
        path: Where they are.
        nodes: Their subtrees; None where they cannot be used.
        fault: Why they cannot be used; None where they can.
    """

    segment: Segment
    path: Path
    nodes: CompactRange | None
    fault: str | None


class HashedSegment(NamedTuple):
    """The leaf hashes of a segment, from its sealed records.

    Attributes:
        part: The segment.
        nodes: Their subtrees.
        hashes: 32 bytes each.
    """

    part: SegmentLeaves
    nodes: CompactRange
    hashes: bytes


class LeavesResult(NamedTuple):
    """What a run has done.

    Attributes:
        built: The number of segments whose leaf hashes it computed.
        segments: The number that the archive has; all of them have leaf hashes now.
    """

    built: int
    segments: int


def leaf_path(folder: Path, segment: Segment) -> Path:
    """Where an archive keeps the leaf hashes of a segment."""
    return folder / FOLDER / Path(segment.file).name.replace(".jsonl.gz", _SUFFIX)


def segments_with_first_leaf(manifest: Manifest) -> Iterator[SegmentLeaves]:
    """Every segment with the index of its first leaf; offsets may have holes, indexes have none."""
    for series in manifest.series().values():
        begin = 0
        for segment in series:
            yield SegmentLeaves(segment, begin)
            begin += segment.records


def hash_segment(
    folder: Path, part: SegmentLeaves, advance: ProgressCallback = no_progress
) -> HashedSegment:
    """The subtrees and the leaf hashes of a segment, from its sealed records.

    Args:
        folder: The archive.
        part: The segment.
        advance: Called with the number of records hashed since its last call.

    Raises:
        DamagedArchiveError: If they are not those that were sealed.
    """
    nodes, hashes = CompactRange(part.begin), bytearray()
    data = sealed_bytes(folder, part.segment)
    for record in records_of(folder, part.segment, data):
        leaf = leaf_of(record)
        nodes.append(leaf)
        hashes += leaf
        if (nodes.end - part.begin) % PROGRESS_EVERY == 0:
            advance(PROGRESS_EVERY)
    advance(part.segment.records % PROGRESS_EVERY)
    return HashedSegment(part, nodes, bytes(hashes))


def hash_segments(
    folder: Path, parts: Sequence[SegmentLeaves], advance: ProgressCallback = no_progress
) -> Generator[HashedSegment]:
    """The leaf hashes of several segments, by several processes where that is worth it.

    Raises:
        StoreError: If they cannot be read.
        DamagedArchiveError: If they are not those that were sealed.
    """
    job = _LeavesJob(folder, {part.segment.file: part for part in parts})
    return run_job(job, [part.segment for part in parts], advance)


class _LeavesJob(NamedTuple):
    """See `ledger.log.archive.workers.SegmentJob`."""

    folder: Path
    parts: Mapping[str, SegmentLeaves]

    def make(self, segment: Segment, advance: ProgressCallback, *, beside: int) -> HashedSegment:
        del beside  # One thread hashes, whatever runs beside it.
        return hash_segment(self.folder, self.parts[segment.file], advance)


def check_leaves(
    folder: Path,
    parts: Sequence[SegmentLeaves],
    notify: Notify = no_notice,
) -> list[LeafFile]:
    """Check the leaf hashes of some segments; every file that may be used is hashed.

    Args:
        folder: The archive.
        parts: Some of its segments.
        notify: Gets a sentence where not all of them can be used.
    """
    files = map_in_threads(partial(_check, folder), parts)
    unusable = sum(file.nodes is None for file in files)
    if unusable:
        notify(
            f"leaf hashes of {unusable:,} of {pluralise(len(files), 'segment')} were computed"
            f" for this command only; `outcomes archive {folder}` keeps them"
        )
    return files


def read_hashes(file: LeafFile) -> bytes:
    """The leaf hashes of a segment, exactly those that were checked.

    Raises:
        StoreError: If the file has changed meanwhile.
    """
    assert file.nodes is not None
    checked = _read(file.path, SegmentLeaves(file.segment, file.nodes.begin))
    if isinstance(checked, str):
        raise StoreError(f"{file.path} {checked} while it was read; run the command again")
    return checked[1]


def examine_leaves(log: ArchiveLog) -> Check:
    """The check of an archive's leaf hashes for `outcomes doctor`; every file is hashed."""
    files = check_leaves(log.folder, list(segments_with_first_leaf(log.manifest)))
    faults = [file.fault for file in files if file.fault is not None]
    usable = f"leaf hashes for {len(files) - len(faults):,} of {pluralise(len(files), 'segment')}"
    if not faults:
        return Check("leaves", "fine", usable)
    more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
    advice = f"`outcomes archive {log.folder} --refresh` computes them"
    return Check("leaves", "warning", f"{usable}; {faults[0]}{more}; {advice}")


def build_leaves(
    folder: Path, *, rebuild: bool = False, progress: ProgressCallback = no_progress
) -> LeavesResult:
    """Bring the leaf hashes of an archive up to date, and remove those of no segment.

    Args:
        folder: The archive.
        rebuild: Compute also those that are up to date.
        progress: Called with the number of records whose leaf hashes are ready.

    Raises:
        StoreError: If there is no archive, another run writes to it, or the disk fails or is full.
        DamagedArchiveError: If records are not those that were sealed.
        InterruptError: If a person stops it; what was finished is kept.
    """
    if not (folder / MANIFEST).exists():
        raise StoreError(f"no archive at {folder}; `outcomes archive` makes one")
    try:
        with translate_archive_errors(folder), lock_archive(folder):
            manifest = read_manifest(folder)[0]
            _remove_leftovers(folder, manifest)
            stale = list(segments_with_first_leaf(manifest))
            if not rebuild:
                checked = check_leaves(folder, stale)
                stale = [
                    part for part, file in zip(stale, checked, strict=True) if file.nodes is None
                ]
            _build(folder, stale, progress)
    except KeyboardInterrupt as error:
        raise InterruptError(
            "interrupted, the records are sealed, not all leaf hashes are computed;"
            f" `outcomes archive {folder}` computes the others"
        ) from error
    except DamagedArchiveError:
        raise
    except StoreError as error:
        raise error.with_context("the records are sealed, not all leaf hashes are") from error
    return LeavesResult(len(stale), len(manifest.segments))


def _build(folder: Path, stale: Sequence[SegmentLeaves], progress: ProgressCallback) -> None:
    if not stale:
        return
    (folder / FOLDER).mkdir(exist_ok=True)
    sync_folder(folder)
    with closing(hash_segments(folder, stale, advancing(progress, 0))) as hashed:
        for part, nodes, hashes in hashed:
            header = with_self_digest(_header(part, nodes, hashes))
            write_atomically(leaf_path(folder, part.segment), header + hashes)


def _remove_leftovers(folder: Path, manifest: Manifest) -> None:
    """Remove what an interrupted run has left, and what belongs to no segment any more."""
    if not (folder / FOLDER).exists():
        return
    known = {leaf_path(folder, segment) for segment in manifest.segments}
    for path in sorted((folder / FOLDER).iterdir()):
        name = path.name.removesuffix(PARTIAL)
        is_ours = name.endswith(_SUFFIX) and parse_segment_name(name.replace(_SUFFIX, ".jsonl.gz"))
        if is_ours and path not in known:
            path.unlink()


def _header(part: SegmentLeaves, nodes: CompactRange, hashes: bytes) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "segment": {"file": part.segment.file, "sha256": part.segment.sha256},
        "begin": part.begin,
        "records": part.segment.records,
        "nodes": [node.hex() for node in nodes.hashes],
        "sha256": hashlib.sha256(hashes).hexdigest(),
    }


def _check(folder: Path, part: SegmentLeaves) -> LeafFile:
    path = leaf_path(folder, part.segment)
    checked = _read(path, part)
    if isinstance(checked, str):
        return LeafFile(part.segment, path, None, f"{path} {checked}")
    return LeafFile(part.segment, path, checked[0], None)


def _read(path: Path, part: SegmentLeaves) -> tuple[CompactRange, bytes] | str:
    """The subtrees and hashes of a file, or why they cannot be used."""
    try:
        line, _, hashes = path.read_bytes().partition(b"\n")
        members = orjson.loads(line)
        nodes = CompactRange(
            part.begin,
            part.begin + part.segment.records,
            [bytes.fromhex(node) for node in members["nodes"]],
        )
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, TypeError, KeyError, AssertionError):
        return "was changed"
    if len(hashes) != part.segment.records * HASH_BYTES:
        return "was changed"
    if line + b"\n" != with_self_digest(_header(part, nodes, hashes)):
        return "is of other records, or was changed"
    return nodes, hashes
