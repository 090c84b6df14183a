"""Room for judged records until the last line has passed: in memory, on disk when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ledger.errors import StoreError
from ledger.log import NewRecord

__all__ = ["Spool", "open_spool"]

_MEMORY_BYTES = 33_554_432


class Spool:
    """Records in the order in which they were put in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def put(self, record: NewRecord) -> None:
        """Keep one more: its three lengths, -1 for null, and its bytes."""
        parts = [b"" if part is None else part for part in record[:2]]
        lengths = [-1 if part is None else len(part) for part in record[:2]]
        moment = -1 if record.recorded_at is None else record.recorded_at
        self._file.write(f"{lengths[0]} {lengths[1]} {moment}\n".encode("ascii") + b"".join(parts))

    def records(self) -> Iterator[NewRecord]:
        """All of them, from the first."""
        self._file.seek(0)
        while head := self._file.readline():
            key, value, recorded_at = map(int, head.split())
            yield NewRecord(
                None if key < 0 else self._file.read(key),
                None if value < 0 else self._file.read(value),
                None if recorded_at < 0 else recorded_at,
            )


@contextmanager
def open_spool() -> Iterator[Spool]:
    """A spool that is gone afterwards.

    Raises:
        StoreError: If the temporary folder is full or cannot be written to.
    """
    try:
        with tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES) as file:
            yield Spool(file)  # type: ignore[arg-type]
    except OSError as error:
        raise StoreError(
            f"temporary folder {tempfile.gettempdir()}: {error.strerror}; nothing appended, make"
            " room there or set TMPDIR"
        ) from error
