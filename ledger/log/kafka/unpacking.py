"""Bounded unpacking of fetched batches, for every aiokafka consumer of this process.

By itself aiokafka unpacks a compressed batch whole, however large, fails at a record header whose
name is not UTF-8, and never says at which batch. This replaces its decoders and two classes of its
fetcher, which Faust's consumer uses as well.
"""

from __future__ import annotations

import gzip
import io
import mmap
import sys
from collections.abc import Callable, Iterator
from typing import Any

import cramjam
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.record import default_records, legacy_records
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

__all__ = ["BATCH_BYTES_MAX", "UnreadableBatchError", "guard_consumers"]

BATCH_BYTES_MAX = 268_435_456
"""The largest unpacked batch that is read, 256 MiB: some 4,000 of the largest events."""

_MAGIC_OFFSET = 16
_LENGTH_END = 12
_XERIAL_HEADER_BYTES = 16


class UnreadableBatchError(KafkaError):  # type: ignore[misc]
    """A batch that cannot be unpacked; whatever follows it in its partition is out of reach."""

    def __init__(self, partition: int, offset: int, reason: object) -> None:
        super().__init__(f"the batch at offset {offset} of partition {partition}: {reason}")

    def __str__(self) -> str:
        return str(self.args[0])


class _BatchTooLargeError(Exception):
    def __init__(self) -> None:
        super().__init__(f"it unpacks to more than {BATCH_BYTES_MAX >> 20} MiB")


def guard_consumers() -> None:
    """Bound what aiokafka's consumers unpack; called once, before there is one."""
    decoders = {
        "gzip_decode": _gzip_decode,
        "snappy_decode": _snappy_decode,
        "lz4_decode": _lz4_decode,
        "zstd_decode": _zstd_decode,
    }
    for batch_class in (DefaultRecordBatch, LegacyRecordBatch):
        # The compiled class and its Python twin look their decoders up in their own modules.
        for module in (sys.modules[batch_class.__module__], default_records, legacy_records):
            for name in decoders.keys() & vars(module).keys():
                setattr(module, name, decoders[name])
    fetcher.MemoryRecords = _RawRecords
    fetcher.PartitionRecords = _GuardedRecords


def _gzip_decode(payload: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
        unpacked = file.read(BATCH_BYTES_MAX + 1)
    if len(unpacked) > BATCH_BYTES_MAX:
        raise _BatchTooLargeError
    return unpacked


def _snappy_decode(payload: bytes) -> bytes:
    if sum(map(cramjam.snappy.decompress_raw_len, _snappy_blocks(payload))) > BATCH_BYTES_MAX:
        raise _BatchTooLargeError
    unpacked: bytes = codec.snappy_decode(payload)
    return unpacked


def _snappy_blocks(payload: bytes) -> Iterator[bytes]:
    """The blocks of xerial's framing, which Java writes; else the whole is one block."""
    if not codec._detect_xerial_stream(payload):  # noqa: SLF001 - no public way
        yield payload
        return
    start = _XERIAL_HEADER_BYTES
    while start < len(payload):
        end = start + 4 + int.from_bytes(payload[start : start + 4], "big")
        yield payload[start + 4 : end]
        start = end


def _lz4_decode(payload: bytes) -> bytes:
    return _decompress_bounded(cramjam.lz4.decompress_into, payload)


def _zstd_decode(payload: bytes) -> bytes:
    return _decompress_bounded(cramjam.zstd.decompress_into, payload)


def _decompress_bounded(decompress_into: Callable[[bytes, Any], int], payload: bytes) -> bytes:
    # These formats need not declare their size. Of a mapping only the pages written to are real.
    with mmap.mmap(-1, BATCH_BYTES_MAX) as room:
        try:
            size = decompress_into(payload, room)
        except cramjam.DecompressionError as error:
            if "write whole buffer" in str(error):
                raise _BatchTooLargeError from error
            raise
        return room[:size]


class _RawRecords(MemoryRecords):  # type: ignore[misc]
    """The batches of a fetch, with their bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw


class _GuardedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a fetch; an error names partition and offset."""

    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        try:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                # A header's name. Nobody reads headers, so the batches left are read without them.
                self._records = _HeaderlessRecords(self._records.raw, self.next_fetch_offset)
                yield from super()._unpack_records()
        except Exception as error:
            raise UnreadableBatchError(self._tp.partition, self.next_fetch_offset, error) from error


class _HeaderlessRecords:
    """The batches of a fetch from an offset on, whose records have lost their headers."""

    def __init__(self, raw: bytes, offset: int) -> None:
        batches = map(_open_batch, _slices(raw))
        self._batches = [batch for batch in batches if batch.next_offset > offset][::-1]

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> Any:  # noqa: ANN401 - untyped
        return self._batches.pop()


class _HeaderlessBatch(default_records._DefaultRecordBatchPy):  # type: ignore[misc]  # noqa: SLF001
    _pos: int

    def _read_msg(self, decode_varint: Any = decode_varint) -> Any:  # noqa: ANN401 - untyped
        length, start = decode_varint(self._buffer, self._pos)
        _, position = decode_varint(self._buffer, start)
        timestamp_delta, position = decode_varint(self._buffer, position)
        offset_delta, position = decode_varint(self._buffer, position)
        key, position = self._read_bytes(position)
        value, _ = self._read_bytes(position)
        self._pos = start + length
        timestamp = (
            self.max_timestamp
            if self.timestamp_type == self.LOG_APPEND_TIME
            else self.first_timestamp + timestamp_delta
        )
        return default_records._DefaultRecordPy(  # noqa: SLF001
            self.base_offset + offset_delta, timestamp, self.timestamp_type, key, value, []
        )

    def _read_bytes(self, position: int) -> tuple[bytes | None, int]:
        size, position = decode_varint(self._buffer, position)
        if size < 0:
            return None, position
        return bytes(self._buffer[position : position + size]), position + size


def _open_batch(raw: memoryview) -> Any:  # noqa: ANN401 - untyped
    magic = raw[_MAGIC_OFFSET]
    return _HeaderlessBatch(raw) if magic > 1 else LegacyRecordBatch(raw, magic)


def _slices(raw: bytes) -> Iterator[memoryview]:
    """Each whole batch of a fetch; the last one may be cut off."""
    start, view = 0, memoryview(raw)
    while start + _MAGIC_OFFSET < len(raw):
        end = start + _LENGTH_END + int.from_bytes(view[start + 8 : start + _LENGTH_END], "big")
        if end > len(raw):
            return
        yield view[start:end]
        start = end
