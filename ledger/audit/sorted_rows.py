"""Rows of an audit in order, with flat memory however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from types import TracebackType
from typing import Any, Final, Self

import orjson

from ledger.external_sort import Codec, SpilledRuns, reader_of

__all__ = ["Row", "SortedRows"]

Row = Mapping[str, Any]
"""Members that JSON can hold."""

_RUN_BYTES = 33_554_432
_ITEM_BYTES = 120
_HEAD = Struct("<II")
_Item = tuple[bytes, bytes]


class SortedRows:
    """Rows are added in any order, then read in that of their keys, as often as wanted; a context.

    What does not fit into memory lies in a file without a name, which ends with the context.
    """

    def __init__(self, *, run_bytes: int = _RUN_BYTES) -> None:
        self._run_bytes = run_bytes
        self._runs = SpilledRuns(_ITEMS)
        self._run = list[_Item]()
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runs.__exit__(kind, error, traceback)

    def add(self, key: bytes, row: Row) -> None:
        """Add a row; of equal keys the one that came first stays first.

        Raises:
            StoreError: If the temporary folder cannot take it.
        """
        item = key, orjson.dumps(row)
        self._run.append(item)
        self._size += _ITEM_BYTES + len(item[0]) + len(item[1])
        if self._size >= self._run_bytes:
            self._runs.spill(self._run)
            self._size = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows in order."""
        for _, row in self._runs.merge(self._run):
            yield orjson.loads(row)


def _order(item: _Item) -> bytes:
    return item[0]


def _encode(items: Iterable[_Item]) -> Iterator[bytes]:
    for key, row in items:
        yield b"".join((_HEAD.pack(len(key), len(row)), key, row))


def _decode(blocks: Iterator[bytes]) -> Iterator[_Item]:
    read = reader_of(blocks)
    while head := read(_HEAD.size):
        key_bytes, row_bytes = _HEAD.unpack(head)
        yield read(key_bytes), read(row_bytes)


_ITEMS: Final = Codec(_order, _encode, _decode)
