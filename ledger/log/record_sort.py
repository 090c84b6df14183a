"""Records by key with flat memory.

The input ascends by (partition, offset). A stable sort by key alone keeps that order within a key,
so the whole comes out by (key, partition, offset).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import Final

from ledger.external_sort import Codec, SpilledRuns, reader_of
from schemas.record import Record

__all__ = ["RUN_BYTES", "sort_by_key"]

RUN_BYTES = 67_108_864
"""What the records of one run take in memory, roughly."""

_RECORD_BYTES = 350
_TICK_EVERY = 500
_HEAD = Struct("<iqqii")


def sort_by_key(
    records: Iterable[Record],
    *,
    run_bytes: int = RUN_BYTES,
    tick: Callable[[], object] = bool,
) -> Iterator[Record]:
    """The records by (key, partition, offset), null keys first.

    Args:
        records: By (partition, offset).
        run_bytes: Memory for one run; no file is made where all fit into one.
        tick: Called every few hundred records that are read.

    Raises:
        StoreError: If the temporary folder cannot take them.
    """
    run, size = list[Record](), 0
    with SpilledRuns(_RECORDS, merge_bytes=run_bytes) as runs:
        for number, record in enumerate(records):
            if number % _TICK_EVERY == 0:
                tick()
            run.append(record)
            size += _RECORD_BYTES + len(record[3] or b"") + len(record[4] or b"")
            if size >= run_bytes:
                runs.spill(run)
                size = 0
        yield from runs.merge(run)


def _order(record: Record) -> bytes:
    key = record[3]
    return b"" if key is None else b"\x00" + key


def _encode(records: Iterable[Record]) -> Iterator[bytes]:
    for partition, offset, recorded_at, key, value in records:
        key_bytes = -1 if key is None else len(key)
        value_bytes = -1 if value is None else len(value)
        head = _HEAD.pack(partition, offset, recorded_at, key_bytes, value_bytes)
        yield b"".join((head, key or b"", value or b""))


def _decode(blocks: Iterator[bytes]) -> Iterator[Record]:
    read = reader_of(blocks)
    while head := read(_HEAD.size):
        partition, offset, recorded_at, key_bytes, value_bytes = _HEAD.unpack(head)
        key = None if key_bytes < 0 else read(key_bytes)
        value = None if value_bytes < 0 else read(value_bytes)
        yield Record(partition, offset, recorded_at, key, value)


_RECORDS: Final = Codec(_order, _encode, _decode)
