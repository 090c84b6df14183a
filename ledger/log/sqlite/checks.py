"""What `outcomes doctor` checks in a log's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ledger.log.port import Check
from ledger.numbers import pluralise
from ledger.sqlite_file import connect, wal_path

__all__ = ["examine_file"]

_SIZES = "select partition, count(*), max(offset) + 1 from records group by partition"
_NOT_ASCENDING = (
    "select distinct partition from (select partition, recorded_at, lag(recorded_at)"
    " over (partition by partition order by offset) as before from records)"
    " where recorded_at < before"
)


def examine_file(path: Path, connection: sqlite3.Connection) -> Iterator[Check]:
    """Check a file, the order of its records, and what a copy of it alone would lose.

    Args:
        path: The file.
        connection: To it.
    """
    faults = list(_faults(connection))
    for fault in faults:
        yield Check("file", "broken", f"{fault}; restore {path} from a copy")
    records = _count(connection)
    if not faults:
        checks = "SQLite integrity check passed, offsets contiguous, recorded_at ascending"
        yield Check("file", "fine", f"{path}: {pluralise(records, 'record')}; {checks}")
    wal = wal_path(path)
    if wal.exists() and wal.stat().st_size:
        missing = records - _count_in_file(path)
        if missing > 0:
            yield Check(
                "file",
                "warning",
                f"{missing:,} of {records:,} records are only in {wal} so far, since readers were"
                " open; a copy of the file alone lacks them, use `outcomes backup`",
            )


def _faults(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong, as sentences."""
    for (result,) in connection.execute("pragma integrity_check"):
        if result != "ok":
            yield f"SQLite integrity check failed: {result}"
    for partition, count, end in connection.execute(_SIZES):
        if count != end:
            yield f"partition {partition} has {count} records below offset {end}"
    for (partition,) in connection.execute(_NOT_ASCENDING):
        yield f"recorded_at goes back in partition {partition}"


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("select count(*) from records").fetchone()[0])


def _count_in_file(path: Path) -> int:
    """The records that the file holds without its write-ahead log."""
    with closing(connect(path, "ro&immutable=1")) as file:
        try:
            return _count(file)
        except sqlite3.OperationalError:
            # Its tables are in the write-ahead log, too.
            return 0
