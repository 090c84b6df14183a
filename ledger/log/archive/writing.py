"""Archiving: the records of a log that an archive does not hold yet become sealed segments.

A segment is put on disk under its name, then the manifest that lists it. Whatever stops a run, the
manifest on disk lists only whole files, and the next run continues after the last of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ledger.log.archive.manifest import Manifest, manifest_digest, save_manifest
from ledger.log.archive.opening import create_archive, open_to_write
from ledger.log.archive.segment import SegmentWriter
from ledger.log.cut import Cut
from ledger.log.port import Log
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from schemas.record import Record

__all__ = ["SEGMENT_BYTES", "ArchiveResult", "archive_log"]

SEGMENT_BYTES = 67_108_864
"""A segment is closed when its lines take so much, or at the end of a run."""


class ArchiveResult(NamedTuple):
    """What a run has added.

    Attributes:
        records: Sealed by this run.
        segments: Made by this run.
        end: How far the log is archived now.
        digest: The manifest's, to be kept elsewhere: it identifies this very archive.
    """

    records: int
    segments: int
    end: Cut
    digest: str


def archive_log(
    log: Log,
    folder: Path,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    progress: ProgressCallback = no_progress,
) -> ArchiveResult:
    """Copy what a log holds into an archive, up to the log's end when the run starts.

    Args:
        log: Any log.
        folder: The archive; made when it is missing.
        segment_bytes: How much a segment's lines take at most, give or take a record.
        progress: Called now and then with the number of records copied.

    Raises:
        StoreError: If the archive is of another log, or the folder cannot take it.
        DamagedArchiveError: If a file that was sealed before is missing or changed.
        CutNotHeldError: If the log has lost records that are not archived yet.
    """
    create_archive(folder, log)
    with (
        open_to_write(folder, log) as manifest,
        _ArchiveWriter(folder, manifest, segment_bytes) as writer,
    ):
        for record in with_progress(log.read(manifest.ends, log.end()), progress):
            writer.add(record)
        writer.seal()
        return _result(manifest, writer.manifest)


def _result(before: Manifest, after: Manifest) -> ArchiveResult:
    ends = before.ends
    added = [part for part in after.segments if part.start >= ends[part.partition]]
    records = sum(segment.records for segment in added)
    return ArchiveResult(records, len(added), after.ends, manifest_digest(after))


class _ArchiveWriter:
    """Seals records in segments.

    Attributes:
        manifest: Of all that is sealed; the one on disk.
    """

    def __init__(self, folder: Path, manifest: Manifest, segment_bytes: int) -> None:
        self.manifest = manifest
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._pool = ThreadPoolExecutor(1)
        self._segment: SegmentWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._segment is not None:
            self._segment.discard()
        self._pool.shutdown()

    def add(self, record: Record) -> None:
        """Add the next record; one of another partition, or beyond the size, begins a segment."""
        segment = self._segment
        if segment is not None and (
            record.partition != segment.partition or segment.plain_bytes >= self._segment_bytes
        ):
            self.seal()
            segment = None
        if segment is None:
            start = self.manifest.ends[record.partition]
            segment = SegmentWriter(self._folder, record.partition, start, self._pool)
            self._segment = segment
        segment.add(record)

    def seal(self) -> None:
        """Put the segment that is open on disk, if there is one, then the manifest."""
        if self._segment is None:
            return
        sealed = self._segment.seal()
        self._segment = None
        self.manifest = self.manifest.with_segments((*self.manifest.segments, sealed))
        save_manifest(self._folder, self.manifest)
