"""The embedded log: one SQLite file, several readers, one writer at a time, no server.

Write-ahead logging lets readers go on while somebody appends. `synchronous=FULL` puts every
acknowledged append on disk before it is acknowledged. The file states its type
(`application_id`) and schema (`user_version`), so that a foreign file is refused, never written to.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlite_utils import Database

from ledger.clock import now_ms
from ledger.errors import ConfigurationError, StoreError
from ledger.log.cut import Cut, refuse_not_held
from ledger.log.port import Acknowledged, Check, NewRecord
from ledger.sqlite_file import BUSY_SECONDS, connect, translate_sqlite_errors
from schemas.partition import partition_of
from schemas.record import Record

__all__ = ["DEFAULT_NAME", "SqliteLog"]

DEFAULT_NAME = "student-lifecycle"
APPLICATION_ID = 0x4F4C4F47
SCHEMA_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_PAUSE_SECONDS = 0.01

_INSERT = "insert into records values (?, ?, ?, ?, ?)"
_READ = (
    "select partition, offset, recorded_at, key, value from records"
    " where partition = ? and offset >= ? and offset < ? order by offset"
)
_READ_BY_KEY = (
    "select partition, offset, recorded_at, key, value from records"
    " indexed by records_by_key order by key, partition, offset"
)


class SqliteLog:
    """A log in one file; offsets within a partition have no gaps.

    Attributes:
        path: The file.
        name: See `port.Log`.
        partitions: See `port.Log`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = Database(connection)
        self._connection = connection
        connection.execute("pragma cache_size = -65536")
        row = connection.execute("select name, partitions from log").fetchone()
        self.name = cast("str", row[0])
        self.partitions = cast("int", row[1])

    @classmethod
    def open(cls, file: Path, *, partitions: int | None = None, create: bool = False) -> SqliteLog:
        """Open a log file; with `create` make it when it is missing.

        Args:
            file: The log.
            partitions: The expected count; of a new file its count, 1 where None.
            create: Open for appending; otherwise for reading alone.

        Raises:
            StoreError: If the file is missing, unreadable or not a log of this schema.
            ConfigurationError: If the log has another partition count.
        """
        with translate_sqlite_errors(file, "cannot be opened"):
            connection = _connect_to_write(file) if create else _connect_to_read(file)
            try:
                if create:
                    _prepare(file, connection, partitions or 1)
                _check(file, connection)
                log = cls(file, connection)
            except BaseException:
                connection.close()
                raise
        if partitions not in (None, log.partitions):
            log.close()
            raise ConfigurationError(
                f"{file} has {log.partitions} partitions, not {partitions}: a log's partition "
                "count never changes; leave out ?partitions or make another log"
            )
        return log

    def append(self, records: Iterable[NewRecord]) -> Acknowledged:
        """Append records in one transaction, see `port.Log`.

        A given `recorded_at` is kept where it is not below its partition's last.
        """
        with translate_sqlite_errors(self.path, "was not appended to"), self._writing():
            before = self._connection.total_changes
            self._connection.executemany(_INSERT, self._rows(records))
            count = self._connection.total_changes - before
        return Acknowledged(count, self.end())

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The records between two cuts, see `port.Log`."""
        for partition in range(self.partitions):
            bounds = (partition, start.get(partition, 0), end.get(partition, 0))
            yield from self._select(_READ, bounds)

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut by (key, partition, offset), see `port.Log`."""
        for record in self._select(_READ_BY_KEY, ()):
            if record.offset < end[record.partition]:
                yield record

    def first_records(self) -> dict[int, Record]:
        """The first record of every partition that holds one, see `port.Log`."""
        partitions = range(self.partitions)
        first = self.read(dict.fromkeys(partitions, 0), dict.fromkeys(partitions, 1))
        return {record.partition: record for record in first}

    def end(self) -> Cut:
        """The cut after the last records, see `port.Log`."""
        with translate_sqlite_errors(self.path, "cannot be read"):
            last = "select coalesce(max(offset), -1) from records where partition = ?"
            return {
                partition: self._connection.execute(last, (partition,)).fetchone()[0] + 1
                for partition in range(self.partitions)
            }

    def cut_as_of(self, at_ms: int) -> Cut:
        """The cut as of a moment, by bisection since `recorded_at` ascends; see `port.Log`."""
        return {
            partition: self._bisect(partition, end, at_ms) for partition, end in self.end().items()
        }

    def normalise(self, cut: Cut) -> Cut:
        """The cut unchanged, since offsets have no gaps; see `port.Log`."""
        end = self.end()
        refuse_not_held(cut, end, place=self.path, end=lambda: end)
        return dict(sorted(cut.items()))

    def latest_recorded_at(self, cut: Cut) -> int | None:
        """The latest `recorded_at` below a cut, see `port.Log`."""
        latest = [self._recorded_at(partition, end - 1) for partition, end in cut.items() if end]
        return max(latest, default=None)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def examine(self) -> Iterator[Check]:
        """Check the file and the order of its records, see `port.Log`; reads all of it."""
        faults = list(self._faults())
        for fault in faults:
            yield Check("file", "broken", f"{fault}; restore {self.path} from a copy")
        if not faults:
            size = f"{self.path}: {sum(self.end().values()):,} records"
            checks = "SQLite integrity check passed, offsets contiguous, recorded_at ascending"
            yield Check("file", "fine", f"{size}; {checks}")

    def _faults(self) -> Iterator[str]:
        """What is wrong, as sentences."""
        with translate_sqlite_errors(self.path, "cannot be read"):
            for (result,) in self._connection.execute("pragma integrity_check"):
                if result != "ok":
                    yield f"SQLite integrity check failed: {result}"
            sizes = "select partition, count(*), max(offset) + 1 from records group by partition"
            for partition, count, end in self._connection.execute(sizes):
                if count != end:
                    yield f"partition {partition} has {count} records below offset {end}"
            back = (
                "select distinct partition from (select partition, recorded_at, lag(recorded_at)"
                " over (partition by partition order by offset) as before from records)"
                " where recorded_at < before"
            )
            for (partition,) in self._connection.execute(back):
                yield f"recorded_at goes back in partition {partition}"

    def _rows(self, records: Iterable[NewRecord]) -> Iterator[Record]:
        offsets = dict(self.end())
        latest = {
            partition: self._recorded_at(partition, end - 1) if end else 0
            for partition, end in offsets.items()
        }
        now = now_ms()
        for key, value, given in records:
            partition = partition_of(key or b"", self.partitions)
            recorded_at = max(latest[partition], now if given is None else given)
            yield Record(partition, offsets[partition], recorded_at, key, value)
            latest[partition] = recorded_at
            offsets[partition] += 1

    def _bisect(self, partition: int, end: int, at_ms: int) -> int:
        low, high = 0, end
        while low < high:
            middle = (low + high) // 2
            if self._recorded_at(partition, middle) > at_ms:
                high = middle
            else:
                low = middle + 1
        return low

    def _recorded_at(self, partition: int, offset: int) -> int:
        query = "select recorded_at from records where partition = ? and offset = ?"
        with translate_sqlite_errors(self.path, "cannot be read"):
            row = self._connection.execute(query, (partition, offset)).fetchone()
            if row is None:
                raise StoreError(
                    f"{self.path}: no record at offset {offset} of partition {partition};"
                    " the file is damaged, see `outcomes doctor`"
                )
            return cast("int", row[0])

    def _select(self, query: str, bounds: tuple[int, ...]) -> Iterator[Record]:
        with translate_sqlite_errors(self.path, "cannot be read"):
            yield from map(Record._make, self._connection.execute(query, bounds))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; the write lock is taken at once, so that no upgrade can fail later."""
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            self._db.rollback()
            raise


def _connect_to_write(file: Path) -> sqlite3.Connection:
    if file.is_dir():
        raise StoreError(f"{file} is a folder; name a file for the log")
    # SQLite takes a file of a byte or two for an empty database.
    if file.exists() and 0 < file.stat().st_size < len(_MAGIC):
        raise StoreError(f"{file} is not a log of this ledger; name another file with --log")
    if not file.parent.is_dir():
        raise StoreError(f"{file}: there is no folder {file.parent}; make it first")
    return connect(file, "rwc")


def _connect_to_read(file: Path) -> sqlite3.Connection:
    if file.is_dir():
        raise StoreError(f"{file} is a folder; name the file of a log")
    if not file.exists():
        raise StoreError(f"no log at {file}; `outcomes append` makes one, or name it with --log")
    connection = connect(file, "ro")
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # A reader beside the file needs a -shm file, which a read-only folder refuses. Without a
        # -wal file nobody is writing, and the file alone is the whole log.
        connection.close()
        wal = file.with_name(f"{file.name}-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        connection = connect(file, "ro&immutable=1")
    return connection


def _prepare(file: Path, connection: sqlite3.Connection, partitions: int) -> None:
    """Make the tables in an empty file; any other file is left unchanged."""
    if _pragma(connection, "application_id") == 0 and not _tables(connection):
        _write_ahead(connection)
        connection.execute("begin immediate")
        try:
            if not _tables(connection):
                _create(connection, partitions)
            connection.execute("commit")
        except BaseException:
            connection.rollback()
            raise
    _check(file, connection)
    connection.execute("pragma synchronous = full")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait for another process that does so now."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _create(connection: sqlite3.Connection, partitions: int) -> None:
    db = Database(connection)
    db.table("log").create({"name": str, "partitions": int}, not_null={"name", "partitions"})
    connection.execute("insert into log values (?, ?)", (DEFAULT_NAME, partitions))
    db.table("records").create(
        {"partition": int, "offset": int, "recorded_at": int, "key": bytes, "value": bytes},
        pk=("partition", "offset"),
        not_null={"partition", "offset", "recorded_at"},
    )
    db.table("records").create_index(["key", "partition", "offset"], index_name="records_by_key")
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _check(file: Path, connection: sqlite3.Connection) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{file} is not a log of this ledger; name another file with --log")
    version = _pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{file} is a log of schema {version}, this ledger reads up to {SCHEMA_VERSION};"
            " upgrade the ledger"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return cast("int", connection.execute(f"pragma {name}").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> int:
    return cast("int", connection.execute("select count(*) from sqlite_master").fetchone()[0])
