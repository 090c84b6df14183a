"""A write-ahead log that belongs to another file: SQLite takes any that lies beside a file.

Salts and checksums hold a write-ahead log together; nothing in it names its database. Laid beside
another log, pages of the one replace pages of the other, and what is read is a mixture. But a log
only grows: each record that the file holds by itself has to be there, unchanged, when both are read
together.

The file is opened through SQLite alone: closing it would drop the locks of other connections.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ledger.errors import StoreError
from ledger.sqlite_file import connect, is_damage, wal_path

__all__ = ["refuse_foreign_wal"]

_TRIES = 5
_PAUSE_SECONDS = 0.05
_WAL_HEADER = 32
_FRAME_HEADER = 24
_TABLE_LEAF = 0x0D
_LEAF_HEADER = 8
_SPREAD = 16
"""How many records spread over a file are compared, besides those on pages that are written."""

_FRAMES_MAX = 10_000
"""How many pages of a write-ahead log are looked at; usually it has at most 1,000."""

_ROWS = (
    "select rowid, partition, offset, recorded_at, key, value from records"
    " where rowid between ? and ? order by rowid"
)
_BY_KEY = (
    "select count(*) from records indexed by records_by_key"
    " where key is ? and partition = ? and offset = ?"
)

_Records = list[tuple[int, int, int, int, bytes | None, bytes | None]]


def refuse_foreign_wal(file: Path) -> None:
    """Refuse a log beside which another one's write-ahead log lies.

    Raises:
        StoreError: If records of the file are missing or changed when both are read together.
    """
    wal = wal_path(file)
    for attempt in range(_TRIES):
        if not _has_frames(wal) or _belong_together(file, wal):
            return
        # A page that is moved into the file at this moment may be seen half written.
        if attempt + 1 < _TRIES:
            time.sleep(_PAUSE_SECONDS)
    raise StoreError(
        f"{wal} belongs to another log than {file}, and would be read as a part of it: stop whoever"
        f" uses them, and move the one that is not wanted away, {wal.name} or {file.name}"
    )


def _has_frames(wal: Path) -> bool:
    try:
        return wal.stat().st_size > _WAL_HEADER
    except (FileNotFoundError, NotADirectoryError):
        return False


def _belong_together(file: Path, wal: Path) -> bool:
    """Whether nothing that the file holds is missing or changed when both are read."""
    with (
        closing(connect(file, "ro&immutable=1")) as alone,
        closing(connect(file, "ro")) as both,
    ):
        try:
            held = list(_held(alone, wal))
        except (sqlite3.Error, OSError):
            # Half of a change was moved here, all is in the write-ahead log, or it is no log.
            return True
        try:
            return all(_holds(both, records) for records in held)
        except sqlite3.Error as error:
            # Any other trouble is reported by whoever opens the two.
            return not is_damage(error)


def _held(alone: sqlite3.Connection, wal: Path) -> Iterator[_Records]:
    """Records of the file alone: those of rows that the log beside it has, and some of all."""
    first, last = alone.execute("select min(rowid), max(rowid) from records").fetchone()
    if last is None:
        return
    step = max(1, (last - first) // _SPREAD)
    spread = {(row, row) for row in (*range(first, last, step), last)}
    for bounds in sorted(spread | set(_rows_written(wal))):
        yield alone.execute(_ROWS, bounds).fetchall()


def _holds(both: sqlite3.Connection, records: _Records) -> bool:
    if not records:
        return True
    first, last = records[0], records[-1]
    # The file alone may lack some: half of a change may have been moved here.
    if not set(records) <= set(both.execute(_ROWS, (first[0], last[0]))):
        return False
    _, partition, offset, _, key, _ = first
    return bool(both.execute(_BY_KEY, (key, partition, offset)).fetchone()[0])


def _rows_written(wal: Path) -> Iterator[tuple[int, int]]:
    """The first and the last row on each page of a table in a log; SQLite's file format, 4.1."""
    with wal.open("rb") as log:
        size = int.from_bytes(log.read(_WAL_HEADER)[8:12], "big")
        for _ in range(_FRAMES_MAX):
            frame = log.read(_FRAME_HEADER + size)
            if len(frame) < _FRAME_HEADER + size:
                return
            try:
                rows = _rows(frame[_FRAME_HEADER:])
            except IndexError:  # A writer at work is writing this very page.
                continue
            if rows:
                yield min(rows), max(rows)


def _rows(page: bytes) -> list[int]:
    """The row numbers on a leaf page of a table; none on another page."""
    if page[0] != _TABLE_LEAF:
        return []
    count = int.from_bytes(page[3:5], "big")
    pointers = range(_LEAF_HEADER, _LEAF_HEADER + 2 * count, 2)
    cells = (int.from_bytes(page[start : start + 2], "big") for start in pointers)
    return [_number(page, _number(page, cell)[1])[0] for cell in cells]


def _number(page: bytes, start: int) -> tuple[int, int]:
    """A number of variable length, which has at most nine bytes, and where the next byte is."""
    value = 0
    for length, byte in enumerate(page[start : start + 8], 1):
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, start + length
    return value << 8 | page[start + 8], start + 9
