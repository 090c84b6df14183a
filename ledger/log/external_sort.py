"""Records by key with flat memory: sorted runs in a temporary file, merged.

The input ascends by (partition, offset). Sorting by key alone and merging the runs in their order
keep that order within a key, so the whole comes out by (key, partition, offset).
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from struct import Struct
from typing import BinaryIO, NamedTuple, cast

from ledger.errors import StoreError
from schemas.record import Record

__all__ = ["RUN_BYTES", "by_key"]

RUN_BYTES = 67_108_864
"""What the records of one run take in memory, roughly."""

_RECORD_BYTES = 350
_BLOCK_MIN = 8_192
_BLOCK_MAX = 131_072
_HEAD = Struct("<iqqii")


class _Run(NamedTuple):
    """Where a run lies in the file, in bytes."""

    start: int
    end: int


def by_key(records: Iterable[Record], *, run_bytes: int = RUN_BYTES) -> Iterator[Record]:
    """The records by (key, partition, offset), null keys first.

    Args:
        records: By (partition, offset).
        run_bytes: Memory for one run; no file is made where all fit into one.

    Raises:
        StoreError: If the temporary folder cannot take them.
    """
    run, taken = list[Record](), 0
    with ExitStack() as stack:
        file: BinaryIO | None = None
        spilled = list[_Run]()
        for record in records:
            run.append(record)
            taken += _RECORD_BYTES + len(record[3] or b"") + len(record[4] or b"")
            if taken >= run_bytes:
                file = file or stack.enter_context(_temporary_file())
                spilled.append(_write(file, run))
                run, taken = [], 0
        run.sort(key=_order)
        if file is None:
            yield from run
        else:
            block = min(_BLOCK_MAX, max(_BLOCK_MIN, run_bytes // len(spilled)))
            back = [_read(file, one, block) for one in spilled]
            yield from heapq.merge(*back, run, key=_order)


def _order(record: Record) -> bytes:
    key = record[3]
    return b"" if key is None else b"\x00" + key


def _write(file: BinaryIO, run: list[Record]) -> _Run:
    run.sort(key=_order)
    with _one_line():
        start = file.tell()
        for partition, offset, recorded_at, key, value in run:
            key_bytes = -1 if key is None else len(key)
            value_bytes = -1 if value is None else len(value)
            head = _HEAD.pack(partition, offset, recorded_at, key_bytes, value_bytes)
            file.write(b"".join((head, key or b"", value or b"")))
        file.flush()
        return _Run(start, file.tell())


def _read(file: BinaryIO, run: _Run, block_bytes: int) -> Iterator[Record]:
    """A run's records; the runs share the file, so each keeps its own place and block."""
    take = _taker(file, run, block_bytes)
    while head := take(_HEAD.size):
        partition, offset, recorded_at, key_bytes, value_bytes = _HEAD.unpack(head)
        key = None if key_bytes < 0 else take(key_bytes)
        value = None if value_bytes < 0 else take(value_bytes)
        yield Record(partition, offset, recorded_at, key, value)


def _taker(file: BinaryIO, run: _Run, block_bytes: int) -> Callable[[int], bytes]:
    at, block, begin = run.start, b"", 0

    def take(count: int) -> bytes:
        nonlocal at, block, begin
        if len(block) - begin < count:
            wanted = max(block_bytes, count)
            with _one_line():
                file.seek(at)
                fresh = file.read(min(wanted, run.end - at))
            at += len(fresh)
            block, begin = block[begin:] + fresh, 0
        begin += count
        return block[begin - count : begin]

    return take


def _temporary_file() -> BinaryIO:
    with _one_line():
        # Without a name: it is gone when it is closed, or when the process dies.
        return cast("BinaryIO", tempfile.TemporaryFile(buffering=1_048_576))


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"temporary folder {tempfile.gettempdir()}: {error.strerror}; sorting the log by"
            " student needs as much room there as the log has, make it or set TMPDIR"
        ) from error
