"""An external merge sort: sorted runs in a temporary file, merged; memory holds one run."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import BinaryIO, Generic, NamedTuple, Self, TypeVar, cast

from ledger.error_translation import Advice, translate_errors

__all__ = ["MERGE_BYTES", "Codec", "SpilledRuns", "reader_of"]

MERGE_BYTES = 67_108_864
"""What reading the runs back takes in memory, roughly."""

_BLOCK_MIN = 8_192
_BLOCK_MAX = 131_072
_ADVICE = (
    Advice(
        (OSError,), "sorting needs as much room there as its input has; make room or set TMPDIR"
    ),
)

Item = TypeVar("Item")


class Codec(NamedTuple, Generic[Item]):
    """How items are ordered, written and read back.

    Attributes:
        key: The order; items that are equal in it keep the order in which they came.
        encode: Items to pieces of bytes.
        decode: Blocks of those bytes, cut anywhere, to items.
    """

    key: Callable[[Item], bytes] | None
    encode: Callable[[Iterable[Item]], Iterable[bytes]]
    decode: Callable[[Iterator[bytes]], Iterator[Item]]


class _Range(NamedTuple):
    """Which bytes of the file are a run."""

    start: int
    end: int


class SpilledRuns(Generic[Item]):
    """Runs on disk, in a file without a name that ends with the context or the process.

    Args:
        codec: Of the items.
        merge_bytes: Memory for reading the runs back.
    """

    def __init__(self, codec: Codec[Item], *, merge_bytes: int = MERGE_BYTES) -> None:
        self._codec = codec
        self._merge_bytes = merge_bytes
        self._file: BinaryIO | None = None
        self._ranges = list[_Range]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def spill(self, run: list[Item]) -> None:
        """Sort a run, write it, and empty the list.

        Raises:
            StoreError: If the temporary folder cannot take it.
        """
        run.sort(key=self._codec.key)
        with _translated():
            if self._file is None:
                self._file = _temporary_file()
            start = self._file.tell()
            self._file.writelines(self._codec.encode(run))
            self._file.flush()
            self._ranges.append(_Range(start, self._file.tell()))
        run.clear()

    def merge(self, last: list[Item]) -> Iterator[Item]:
        """The items of all runs in order.

        Args:
            last: A run that was not spilled; sorted in place.

        Raises:
            StoreError: If the file cannot be read back.
        """
        last.sort(key=self._codec.key)
        if not self._ranges:
            return iter(last)
        size = min(_BLOCK_MAX, max(_BLOCK_MIN, self._merge_bytes // len(self._ranges)))
        runs = [self._codec.decode(self._blocks(span, size)) for span in self._ranges]
        # The type stubs do not know that merge, as sort, takes None for a key.
        return heapq.merge(*runs, last, key=cast("Callable[[Item], bytes]", self._codec.key))

    def _blocks(self, run: _Range, size: int) -> Iterator[bytes]:
        """The bytes of a run."""
        assert self._file is not None
        for start in range(run.start, run.end, size):
            with _translated():
                block = os.pread(self._file.fileno(), min(size, run.end - start), start)
            yield block


def _temporary_file() -> BinaryIO:
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=1_048_576))


def _translated() -> AbstractContextManager[None]:
    return translate_errors(f"temporary folder {_folder()}", "failed", _ADVICE)


def _folder() -> str:
    return tempfile.tempdir or tempfile.gettempdir()


def reader_of(blocks: Iterator[bytes]) -> Callable[[int], bytes]:
    """A function that reads so many bytes, fewer at the end."""
    block, position = b"", 0

    def read(count: int) -> bytes:
        nonlocal block, position
        while len(block) - position < count:
            fresh = next(blocks, b"")
            if not fresh:
                break
            block, position = block[position:] + fresh, 0
        position += count
        return block[position - count : position]

    return read
