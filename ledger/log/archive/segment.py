"""Segments: making one from records, and reading one whose hash is that of the manifest."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from datetime import date
from pathlib import Path

from ledger.errors import DamagedArchiveError, StoreError
from ledger.log.archive.damage import damaged
from ledger.log.archive.files import PARTIAL, GzipWriter
from ledger.log.archive.manifest import RECORDS, OffsetRange, Segment, segment_name
from ledger.log.record_lines import format_record, read_record
from schemas.moments import LAST_MS, midnight, utc_text
from schemas.record import Record

__all__ = [
    "SegmentWriter",
    "partial_path",
    "records_at",
    "records_of",
    "sealed_bytes",
]

# What zlib calls the format of a gzip file.
_GZIP = 31
_STEP = 262_144
_FIRST_MS = midnight(date.min) * 1_000


class SegmentWriter:
    """Writes one segment of the records of a partition from an offset on."""

    def __init__(self, folder: Path, partition: int, start: int, pool: Executor) -> None:
        self._folder = folder
        self._offsets = OffsetRange(partition, start, start)
        self._file = GzipWriter(partial_path(folder, partition, start), pool)
        self._records = 0
        self._ends = ((0, b""), (0, b""))

    @property
    def partition(self) -> int:
        """The partition of its records."""
        return self._offsets.partition

    @property
    def plain_bytes(self) -> int:
        """The size of the lines so far."""
        return self._file.plain_bytes

    def add(self, record: Record) -> None:
        """Add the next record.

        Raises:
            StoreError: If its time cannot be represented.
        """
        if not _FIRST_MS <= record.recorded_at <= LAST_MS:
            when = "before the year 1" if record.recorded_at < 0 else "after the year 9999"
            raise StoreError(
                f"record {record.partition}:{record.offset} was recorded {when}, and an archive"
                " ends there; correct recorded_at in the lines of `outcomes tail --jsonl`, and"
                " append them to a new log with `outcomes append --records`"
            )
        line = format_record(record)
        self._file.write(line)
        last = (record.recorded_at, line)
        self._ends = (self._ends[0] if self._records else last, last)
        self._offsets = self._offsets._replace(end=record.offset + 1)
        self._records += 1

    def seal(self) -> Segment:
        """Put it on disk under its name; it has at least one record."""
        assert self._records
        packed = self._file.publish(self._folder / segment_name(self._offsets))
        (first_at, first_line), (last_at, last_line) = self._ends
        return Segment(
            file=segment_name(self._offsets),
            **self._offsets._asdict(),
            **packed._asdict(),
            records=self._records,
            first_recorded_at=utc_text(first_at),
            last_recorded_at=utc_text(last_at),
            first_record=hashlib.sha256(first_line).hexdigest(),
            last_record=hashlib.sha256(last_line).hexdigest(),
        )

    def discard(self) -> None:
        """Remove it unless it is sealed."""
        self._file.discard()


def partial_path(folder: Path, partition: int, start: int) -> Path:
    """Where a segment is written before it is sealed."""
    return folder / RECORDS / f"p{partition:04}-{start:012}{PARTIAL}"


def sealed_bytes(folder: Path, segment: Segment) -> bytes:
    """A segment's compressed bytes, exactly those that were sealed.

    They are hashed in memory, so what is unpacked afterwards is what was hashed.

    Raises:
        DamagedArchiveError: If the file is missing or changed.
    """
    path = folder / segment.file
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path, "is missing") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check its permissions") from error
    if hashlib.sha256(data).hexdigest() != segment.sha256:
        raise damaged(path, "is not what was sealed")
    return data


def records_of(folder: Path, segment: Segment, data: bytes) -> Iterator[Record]:
    """The records in a segment's bytes, ascending.

    Raises:
        DamagedArchiveError: If they are not those that the manifest says.
    """
    path = folder / segment.file
    count, expected = 0, segment.start
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as lines:
            for line in lines:
                count += 1
                record = read_record(line)
                if (
                    record.partition != segment.partition
                    or not expected <= record.offset < segment.end
                ):
                    raise _wrong_line(path, count, "it belongs in another segment")
                expected = record.offset + 1
                yield record
    except ValueError as error:
        raise _wrong_line(path, count, str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, f"cannot be unpacked ({error})") from error
    if (count, expected) != (segment.records, segment.end):
        raise DamagedArchiveError([f"{path} holds other records than the manifest says"])


def records_at(
    folder: Path, segment: Segment, data: bytes, offsets: Iterable[int]
) -> Iterator[Record]:
    """The records at some offsets in a segment's bytes, which are unpacked no further than needed.

    Args:
        folder: The archive.
        segment: A segment of it.
        data: Its bytes, as `sealed_bytes` gives them.
        offsets: Ascending, each within the segment.

    Raises:
        StoreError: If it has no record at one of them.
        DamagedArchiveError: If it cannot be unpacked.
    """
    path = folder / segment.file
    unpack = zlib.decompressobj(_GZIP)
    packed = (data[start : start + _STEP] for start in range(0, len(data), _STEP))
    # A line begins after a line feed, which is nowhere else: within a text it is escaped.
    block, position = b"\n", 0
    try:
        for offset in offsets:
            head = f'\n{{"partition":{segment.partition},"offset":{offset},'.encode()
            while (start := block.find(head, position)) < 0 or (
                end := block.find(b"\n", start + 1)
            ) < 0:
                following = next(packed, None)
                if following is None:
                    raise StoreError(
                        f"{path} has no record at offset {offset}, which a file beside it names;"
                        f" `outcomes archive {folder} --refresh` rebuilds those"
                    )
                block = block[block.rfind(b"\n") if start < 0 else start :]
                block, position = block + unpack.decompress(following), 0
            yield read_record(block[start + 1 : end + 1])
            position = end
    except ValueError as error:
        raise damaged(path, f"has a line that is no record ({error})") from error
    except zlib.error as error:
        raise damaged(path, f"cannot be unpacked ({error})") from error


def _wrong_line(path: Path, line: int, why: str) -> DamagedArchiveError:
    return DamagedArchiveError([f"{path} line {line}: {why}"])
