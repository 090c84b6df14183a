"""Room for judged records until the last line has passed: in memory, on disk when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from ledger.conflicts import Judged
from ledger.errors import StoreError
from ledger.log import NewRecord

__all__ = ["Spool", "open_spool"]

_MEMORY_BYTES = 33_554_432
_RECORD_BYTES = 512
"""What Python needs for a record and its identity beside its value, roughly."""
_NULL = b"null"


class Spool:
    """Records in the order in which they were put in: first those of the file, then the latest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._latest: list[Judged] = []
        self._room = _MEMORY_BYTES

    def put(self, batch: Sequence[Judged]) -> None:
        """Keep some more."""
        self._latest += batch
        self._room -= sum(_RECORD_BYTES + len(record.value or b"") for record, _ in batch)
        if self._room < 0:
            self._file.writelines(_packed(record) for record, _ in self._latest)
            self._latest, self._room = [], _MEMORY_BYTES

    def judged(self) -> Iterator[Judged]:
        """All of them, from the first; of those on disk nobody has kept the identity."""
        if self._file.tell():
            self._file.seek(0)
            yield from ((record, None) for record in self._unpacked())
        yield from self._latest

    def _unpacked(self) -> Iterator[NewRecord]:
        while head := self._file.readline():
            key, value, recorded_at = (
                None if number == _NULL else int(number) for number in head.split()
            )
            yield NewRecord(
                None if key is None else self._file.read(key),
                None if value is None else self._file.read(value),
                recorded_at,
            )


def _packed(record: NewRecord) -> bytes:
    """The two lengths and the time, then the bytes."""
    key, value, recorded_at = record
    numbers = (
        None if key is None else len(key),
        None if value is None else len(value),
        recorded_at,
    )
    head = b" ".join(_NULL if number is None else b"%d" % number for number in numbers)
    return head + b"\n" + (key or b"") + (value or b"")


@contextmanager
def open_spool() -> Iterator[Spool]:
    """A spool that is gone afterwards.

    Raises:
        StoreError: If the temporary folder is full or cannot be written to.
    """
    try:
        with tempfile.TemporaryFile() as file:
            yield Spool(file)
    except OSError as error:
        raise StoreError(
            f"temporary folder {tempfile.gettempdir()}: {error.strerror}; nothing appended, make"
            " room there or set TMPDIR"
        ) from error
