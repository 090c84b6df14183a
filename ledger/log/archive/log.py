"""An archive as a log: read-only, with the offsets and `recorded_at` of the archived log.

Opening one hashes every file, and a segment is hashed once more in memory when it is read, so that
no record comes from bytes that were not sealed. This cannot be switched off.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from ledger.errors import DamagedArchiveError, StoreError
from ledger.log.archive.checking import leftovers, verify_archive
from ledger.log.archive.damage import damaged
from ledger.log.archive.manifest import MANIFEST, Manifest, Segment
from ledger.log.archive.segment import (
    records_at,
    records_of,
    sealed_bytes,
)
from ledger.log.cut import Cut, refuse_not_held
from ledger.log.port import Acknowledged, Check, EachAppended, Log, NewRecord
from ledger.log.record_sort import sort_by_key
from ledger.numbers import pluralise
from schemas.record import Record

__all__ = ["ArchiveLog", "as_archive", "refuse_appending"]


class ArchiveLog:
    """A log in the sealed files of a folder; it grows when its archive does.

    Attributes:
        folder: The archive.
        name: That of the log that was archived.
        partitions: See `port.Log`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._use(*verify_archive(folder))
        self.name = self._manifest.log.name
        self.partitions = self._manifest.log.partitions

    @classmethod
    def open(cls, folder: Path) -> ArchiveLog:
        """Open an archive, after every file in it was hashed.

        Raises:
            StoreError: If there is none.
            DamagedArchiveError: If a file is missing, changed, or one too many.
        """
        return cls(folder)

    def append(self, records: Iterable[NewRecord]) -> Acknowledged:  # noqa: ARG002 - see `port.Log`
        """Refused: what is sealed stays as it is.

        Raises:
            StoreError: Always.
        """
        refuse_appending(self.folder)

    def append_each(
        self,
        records: Sequence[NewRecord],  # noqa: ARG002 - see `port.Log`
        *,
        wait_seconds: float,  # noqa: ARG002
    ) -> EachAppended:
        """Refused, as `append`."""
        refuse_appending(self.folder)

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The records between two cuts, see `port.Log`."""
        for partition in range(self.partitions):
            offset, stop = start.get(partition, 0), end.get(partition, 0)
            while offset < stop:
                sealed = self._sealed(partition, offset)
                if sealed is None:
                    break
                segment, data = sealed
                for record in records_of(self.folder, segment, data):
                    if record.offset >= stop:
                        break
                    if record.offset >= offset:
                        yield record
                offset = segment.end

    def read_at(self, partition: int, offsets: Iterable[int]) -> Iterator[Record]:
        """The records of a partition at some offsets, ascending; of others no line is decoded.

        Several segments are unpacked at once: that releases the interpreter's lock.

        Raises:
            DamagedArchiveError: If a segment is missing or changed, or has no such record.
        """
        threads = os.cpu_count() or 1
        running = deque[Future[list[Record]]]()
        with ThreadPoolExecutor(threads) as pool:
            for part in self._parts_at(partition, iter(offsets)):
                running.append(pool.submit(_unpacked, self.folder, *part))
                if len(running) == threads:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()

    def _parts_at(
        self, partition: int, offsets: Iterator[int]
    ) -> Iterator[tuple[Segment, bytes, list[int]]]:
        """The segments in which some offsets lie, ascending, with their bytes and the offsets."""
        offset = next(offsets, None)
        while offset is not None and (sealed := self._sealed(partition, offset)) is not None:
            segment, data = sealed
            own = [offset]
            for offset in offsets:
                if offset >= segment.end:
                    break
                own.append(offset)
            else:
                offset = None
            yield segment, data, own

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut by (key, partition, offset), see `port.Log`."""
        return sort_by_key(self.read(dict.fromkeys(end, 0), end))

    def read_partition_by_key(
        self, partition: int, end: int, *, tick: Callable[[], object]
    ) -> Iterator[Record]:
        """A partition's records by (key, offset), see `port.Log`."""
        return sort_by_key(self.read({partition: 0}, {partition: end}), tick=tick)

    def first_records(self) -> dict[int, Record]:
        """The first record of every partition that holds one, see `port.Log`."""
        first = (
            next(self._partition(partition, 0, end), None) for partition, end in self._cut.items()
        )
        return {record.partition: record for record in first if record is not None}

    def end(self) -> Cut:
        """The cut after the last records, see `port.Log`; checks whether the archive has grown."""
        self._refresh()
        return dict(self._cut)

    def cut_as_of(self, at_ms: int) -> Cut:
        """The cut as of a moment, see `port.Log`; at most one segment a partition is read.

        `recorded_at` ascends within a partition.
        """
        cut = {}
        for partition, end in self.end().items():
            later = (segment for segment in self._series[partition] if segment.latest_ms > at_ms)
            segment = next(later, None)
            cut[partition] = end
            if segment is not None:
                cut[partition] = segment.start
                for record in self.records_of(segment):
                    if record.recorded_at > at_ms:
                        break
                    cut[partition] = record.offset + 1
        return cut

    def normalise(self, cut: Cut) -> Cut:
        """The cut in the form of SPEC section 5; see `port.Log`."""
        end = self.end()
        refuse_not_held(
            cut,
            end,
            place=self.folder,
            end=lambda: end,
            advice="`outcomes archive` continues it, if it is of that log",
        )
        return {partition: self._normal(partition, cut[partition]) for partition in sorted(cut)}

    def latest_recorded_at(self, cut: Cut) -> int | None:
        """The latest `recorded_at` below a cut, see `port.Log`."""
        latest = [self._latest(partition, end) for partition, end in cut.items()]
        return max((at_ms for at_ms in latest if at_ms is not None), default=None)

    def close(self) -> None:
        """No file is open between two calls."""

    def examine(self) -> Iterator[Check]:
        """Check every record against the manifest, see `port.Log`.

        Raises:
            DamagedArchiveError: If the records are not those that the manifest lists.
        """
        records = sum(1 for _ in self.read({}, self._cut))
        segments = len(self._manifest.segments)
        size = f"{records:,} records in {pluralise(segments, 'segment')}"
        detail = f"{self.folder}: {size}, all with the hashes of the manifest"
        yield Check("archive", "fine", detail)
        for path in leftovers(self.folder, self._manifest):
            detail = f"{path} was left by an interrupted run; the next run removes it"
            yield Check("archive", "warning", detail)

    @property
    def manifest(self) -> Manifest:
        """The manifest as it was last read."""
        return self._manifest

    def records_of(self, segment: Segment) -> Iterator[Record]:
        """The records of one segment, ascending.

        Raises:
            DamagedArchiveError: If the file is missing or changed.
        """
        return self._partition(segment.partition, segment.start, segment.end)

    def segment_start(self, partition: int, offset: int) -> int:
        """The first offset of the segment in which an offset lies; the offset itself at the end."""
        segment = self._segment_at(partition, offset)
        return offset if segment is None else segment.start

    def _partition(self, partition: int, start: int, end: int) -> Iterator[Record]:
        return self.read({partition: start}, {partition: end})

    def _use(self, manifest: Manifest, data: bytes) -> None:
        self._manifest, self._data = manifest, data
        self._cut = manifest.ends
        self._series = manifest.series()
        self._ends = {
            partition: [part.end for part in series] for partition, series in self._series.items()
        }

    def _refresh(self) -> bool:
        """Whether the archive has grown or was merged; only new files are hashed."""
        path = self.folder / MANIFEST
        try:
            if path.read_bytes() == self._data:
                return False
        except OSError as error:
            raise damaged(path, "cannot be read") from error
        manifest, data = verify_archive(self.folder, frozenset(self._manifest.segments))
        before = self._manifest
        same = before.log.identity.items() <= manifest.log.identity.items()
        if not same or any(
            end > manifest.cut.get(partition, -1) for partition, end in before.cut.items()
        ):
            raise StoreError(
                f"{self.folder} was replaced by another archive; run the command again"
            )
        self._use(manifest, data)
        return True

    def _segment_at(self, partition: int, offset: int) -> Segment | None:
        """The segment in which an offset lies."""
        index = bisect_right(self._ends[partition], offset)
        series = self._series[partition]
        return series[index] if index < len(series) else None

    def _sealed(self, partition: int, offset: int) -> tuple[Segment, bytes] | None:
        while (segment := self._segment_at(partition, offset)) is not None:
            try:
                return segment, sealed_bytes(self.folder, segment)
            except DamagedArchiveError:
                # A merge may have moved it into a larger one since.
                if not self._refresh():
                    raise
        return None

    def _normal(self, partition: int, end: int) -> int:
        segment = self._segment_at(partition, end - 1) if end else None
        if segment is None:
            return 0
        if end == segment.end or segment.records == segment.end - segment.start:
            return end
        normal = segment.start
        for record in self._partition(partition, segment.start, end):
            normal = record.offset + 1
        return normal

    def _latest(self, partition: int, end: int) -> int | None:
        normal = self._normal(partition, end)
        segment = self._segment_at(partition, normal - 1) if normal else None
        if segment is None:
            return None
        if normal == segment.end:
            return segment.latest_ms
        return next(self._partition(partition, normal - 1, normal)).recorded_at


def _unpacked(folder: Path, segment: Segment, data: bytes, offsets: list[int]) -> list[Record]:
    return list(records_at(folder, segment, data, offsets))


def as_archive(log: Log) -> ArchiveLog | None:
    """The log as an archive, whose sealed segments can be read one by one; None for another log."""
    return log if isinstance(log, ArchiveLog) else None


def refuse_appending(folder: Path) -> NoReturn:
    """Refuse to append to an archive.

    Raises:
        StoreError: Always.
    """
    raise StoreError(
        f"{folder} is a sealed archive and takes no records; append to its log, then"
        " `outcomes archive` continues it"
    )
