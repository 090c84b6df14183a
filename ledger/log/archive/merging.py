"""Merging: small neighbouring segments become one, their lines unchanged.

The manifest names the new files before they are made, and the old ones before they are removed,
so that an interrupted merge leaves nothing that could be taken for evidence.
"""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log.archive.files import GzipWriter, sync_folder
from ledger.log.archive.manifest import (
    MANIFEST,
    RECORDS,
    Manifest,
    OffsetRange,
    Segment,
    manifest_digest,
    save_manifest,
    segment_name,
)
from ledger.log.archive.opening import open_to_write
from ledger.log.archive.segment import partial_path, sealed_bytes
from ledger.log.archive.writing import SEGMENT_BYTES
from ledger.log.progress import ProgressCallback, no_progress

__all__ = ["MergeResult", "merge_segments"]

_COPY_BYTES = 1_048_576


class MergeResult(NamedTuple):
    """What a merge has done.

    Attributes:
        before: How many segments there were.
        after: How many there are.
        digest: The manifest's.
    """

    before: int
    after: int
    digest: str


def merge_segments(
    folder: Path,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    progress: ProgressCallback = no_progress,
) -> MergeResult:
    """Merge neighbouring segments that fit into one together.

    Args:
        folder: The archive.
        segment_bytes: How much the lines of one take at most.
        progress: Called with the number of segments made.

    Raises:
        StoreError: If there is no archive, or no room for the merged files beside the small ones.
        DamagedArchiveError: If a file is missing or changed.
    """
    if not (folder / MANIFEST).exists():
        raise StoreError(f"no archive at {folder}; `outcomes archive` creates one")
    with open_to_write(folder) as manifest:
        groups = [group for group in _groups(manifest, segment_bytes) if len(group) > 1]
        merged = _merge_groups(folder, manifest, groups, progress) if groups else manifest
    return MergeResult(len(manifest.segments), len(merged.segments), manifest_digest(merged))


def _groups(manifest: Manifest, segment_bytes: int) -> Iterator[list[Segment]]:
    """Neighbours that become one, in order; a group of one stays as it is."""
    for series in manifest.series().values():
        group, size = list[Segment](), 0
        for segment in series:
            if group and size + segment.plain_bytes > segment_bytes:
                yield group
                group, size = [], 0
            group.append(segment)
            size += segment.plain_bytes
        yield group


def _merge_groups(
    folder: Path,
    manifest: Manifest,
    groups: Sequence[Sequence[Segment]],
    progress: ProgressCallback,
) -> Manifest:
    names = [segment_name(_span(group)) for group in groups]
    save_manifest(folder, manifest.with_segments(manifest.segments, unsealed=names))
    replaced = {part.file for group in groups for part in group}
    others = [segment for segment in manifest.segments if segment.file not in replaced]
    merged = list[Segment]()
    with ThreadPoolExecutor(1) as pool:
        for group in groups:
            merged.append(_merge_group(folder, group, pool))
            progress(len(merged))
    save_manifest(folder, manifest.with_segments([*others, *merged], unsealed=replaced))
    for file in replaced:
        (folder / file).unlink()
    sync_folder(folder / RECORDS)
    after = manifest.with_segments([*others, *merged])
    save_manifest(folder, after)
    return after


def _merge_group(folder: Path, parts: Sequence[Segment], pool: Executor) -> Segment:
    offsets = _span(parts)
    writer = GzipWriter(partial_path(folder, offsets.partition, offsets.start), pool)
    try:
        for part in parts:
            with gzip.GzipFile(fileobj=io.BytesIO(sealed_bytes(folder, part))) as lines:
                shutil.copyfileobj(lines, writer, _COPY_BYTES)
        packed = writer.publish(folder / segment_name(offsets))
    finally:
        writer.discard()
    last = parts[-1]
    return parts[0].model_copy(
        update={
            **offsets._asdict(),
            **packed._asdict(),
            "file": segment_name(offsets),
            "records": sum(part.records for part in parts),
            "last_recorded_at": last.last_recorded_at,
            "last_record": last.last_record,
        }
    )


def _span(parts: Sequence[Segment]) -> OffsetRange:
    return OffsetRange(parts[0].partition, parts[0].start, parts[-1].end)
