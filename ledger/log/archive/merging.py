"""Merging: small neighbouring segments become one, their lines byte for byte as they were.

The manifest names the files under way before they are made, and those to go before they are
removed, so that a merge cut short leaves nothing that could be taken for evidence.
"""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log.archive.files import GzipWriter, one_line, sync_folder
from ledger.log.archive.manifest import (
    MANIFEST,
    RECORDS,
    Manifest,
    Place,
    Segment,
    digest_of,
    file_name,
    save_manifest,
)
from ledger.log.archive.segment import partial_path, sealed_bytes
from ledger.log.archive.writing import SEGMENT_BYTES, opened_to_write

__all__ = ["Merged", "merge_segments"]

_COPY_BYTES = 1_048_576


class Merged(NamedTuple):
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
    progress: Callable[[int], None] = lambda _: None,
) -> Merged:
    """Merge neighbouring segments that fit into one together.

    Args:
        folder: The archive.
        segment_bytes: How much the lines of one take at most.
        progress: Told the number of segments made.

    Raises:
        StoreError: If there is no archive, or no room for the merged files beside the small ones.
        DamagedArchiveError: If a file is missing or changed.
    """
    if not (folder / MANIFEST).exists():
        raise StoreError(f"no archive at {folder}; `outcomes archive` makes one")
    with one_line(folder), opened_to_write(folder) as manifest:
        groups = [one for one in _groups(manifest, segment_bytes) if len(one) > 1]
        merged = _merged(folder, manifest, groups, progress) if groups else manifest
    return Merged(len(manifest.segments), len(merged.segments), digest_of(merged))


def _groups(manifest: Manifest, segment_bytes: int) -> Iterator[list[Segment]]:
    """Neighbours that become one, in order; a group of one stays as it is."""
    for series in manifest.series().values():
        group, taken = list[Segment](), 0
        for segment in series:
            if group and taken + segment.plain_bytes > segment_bytes:
                yield group
                group, taken = [], 0
            group.append(segment)
            taken += segment.plain_bytes
        yield group


def _merged(
    folder: Path,
    manifest: Manifest,
    groups: Sequence[Sequence[Segment]],
    progress: Callable[[int], None],
) -> Manifest:
    names = [file_name(_span(group)) for group in groups]
    save_manifest(folder, manifest.with_segments(manifest.segments, unsealed=names))
    gone = {part.file for group in groups for part in group}
    kept = [one for one in manifest.segments if one.file not in gone]
    made = list[Segment]()
    with ThreadPoolExecutor(1) as pool:
        for group in groups:
            made.append(_one_of(folder, group, pool))
            progress(len(made))
    save_manifest(folder, manifest.with_segments([*kept, *made], unsealed=gone))
    for file in gone:
        (folder / file).unlink()
    sync_folder(folder / RECORDS)
    after = manifest.with_segments([*kept, *made])
    save_manifest(folder, after)
    return after


def _one_of(folder: Path, parts: Sequence[Segment], pool: Executor) -> Segment:
    place = _span(parts)
    writer = GzipWriter(partial_path(folder, place.partition, place.start), pool)
    try:
        for part in parts:
            with gzip.GzipFile(fileobj=io.BytesIO(sealed_bytes(folder, part))) as lines:
                shutil.copyfileobj(lines, writer, _COPY_BYTES)
        packed = writer.publish(folder / file_name(place))
    finally:
        writer.discard()
    last = parts[-1]
    return parts[0].model_copy(
        update={
            **place._asdict(),
            **packed._asdict(),
            "file": file_name(place),
            "records": sum(part.records for part in parts),
            "last_recorded_at": last.last_recorded_at,
            "last_record": last.last_record,
        }
    )


def _span(parts: Sequence[Segment]) -> Place:
    return Place(parts[0].partition, parts[0].start, parts[-1].end)
