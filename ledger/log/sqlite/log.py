"""The embedded log: one SQLite file, several readers, one writer at a time, no server.

Write-ahead logging lets readers go on while somebody appends. `synchronous=FULL` puts every
acknowledged append on disk before it is acknowledged. The file states its type
(`application_id`) and schema (`user_version`), so that a foreign file is refused, never written to.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import cast

from ledger.clock import now_ms
from ledger.error_translation import code_of
from ledger.errors import ConfigurationError, StoreError
from ledger.log.cut import Cut, refuse_not_held
from ledger.log.port import Acknowledged, Check, EachAppended, Location, NewRecord
from ledger.log.progress import ProgressCallback
from ledger.log.sqlite.checks import examine_file
from ledger.log.sqlite.opening import UnlockedFile, open_to_read, open_to_write
from ledger.numbers import pluralise
from ledger.sqlite_file import checkpoint, translate_sqlite_errors, waiting_at_most
from schemas.partition import partition_of
from schemas.record import Record, as_record

__all__ = ["SqliteLog"]

_CHECKPOINT_SECONDS = 1.0
_TICK_INSTRUCTIONS = 100_000
_CHUNK_ROWS = 200

_INSERT = "insert into records values (?, ?, ?, ?, ?)"
_READ = (
    "select partition, offset, recorded_at, key, value from records"
    " where partition = ? and offset >= ? and offset < ? order by offset"
)
_READ_BY_KEY = (
    "select partition, offset, recorded_at, key, value from records"
    " indexed by records_by_key order by key, partition, offset"
)
# To sort them is quicker than to fetch every record through the index, from all over the file.
_READ_PARTITION_BY_KEY = (
    "select partition, offset, recorded_at, key, value from records not indexed"
    " where partition = ? and offset < ? order by key, offset"
)
_READ_SUBJECTS = (
    "select partition, offset, recorded_at, key, value from records"
    " where key in (select cast(value as blob) from json_each(?)) order by key, partition, offset"
)
_COUNT_SUBJECTS = (
    "select key, count(*) from records"
    " where key in (select cast(value as blob) from json_each(?)) group by key"
)


_READ_NAMING = (
    "select partition, offset, recorded_at, key, value from records"
    " where partition = ? and offset >= ? and offset < ? and ({}) order by offset"
)
_NAMING_OFFSETS = 50_000


class SqliteLog:
    """A log in one file; offsets within a partition have no gaps.

    Attributes:
        path: The file.
        name: See `port.Log`.
        partitions: See `port.Log`.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, unlocked: UnlockedFile | None = None
    ) -> None:
        self.path = path
        self._unlocked = unlocked
        self._checkpointed_at: float | None = None
        self._appended = False
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
            if create:
                connection, unlocked = open_to_write(file, partitions or 1), None
            else:
                connection, unlocked = open_to_read(file)
            try:
                log = cls(file, connection, unlocked)
            except BaseException:
                connection.close()
                raise
        if partitions not in (None, log.partitions):
            log.close()
            raise ConfigurationError(
                f"{file} has {pluralise(log.partitions, 'partition')}, not {partitions}: a log's"
                " partition count never changes; leave out ?partitions or name another log"
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
        self._note_append()
        return Acknowledged(count, self.end())

    def append_each(self, records: Sequence[NewRecord], *, wait_seconds: float) -> EachAppended:
        """Append records in one transaction and say where each is, see `port.Log`."""
        try:
            with (
                translate_sqlite_errors(self.path, "was not appended to"),
                waiting_at_most(self._connection, wait_seconds),
                self._writing(),
            ):
                rows = [Record._make(row) for row in self._rows(records)]
                self._connection.executemany(_INSERT, rows)
        except StoreError as error:
            return EachAppended([None] * len(records), error)
        self._note_append()
        return EachAppended([Location(row.partition, row.offset) for row in rows], None)

    def copy_to(self, file: Path, progress: Callable[[], None]) -> None:
        """Copy all records as of one moment to an empty or new file, while others append.

        The copy has no write-ahead log, and the mode of SQLite's that needs none.

        Args:
            file: Where to.
            progress: Called now and then.

        Raises:
            KeyboardInterrupt: As soon as a person stops it.
            sqlite3.Error: If the log is damaged, or the disk takes no copy.
        """
        # A name that SQLite takes for a URI is one, with every character of the path escaped.
        with self._ticking(progress):
            self._connection.execute("vacuum into ?", (file.absolute().as_uri(),))

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The records between two cuts, see `port.Log`."""
        for partition in range(self.partitions):
            offset = start.get(partition, 0)
            bounds = (partition, offset, end.get(partition, 0))
            for records in self._chunks(_READ, bounds):
                # They ascend, so without a gap the last is as far on as they are many.
                if records[-1].offset != offset + len(records) - 1:
                    held = {record.offset for record in records}
                    raise self._gap(partition, min(set(range(offset, records[-1].offset)) - held))
                yield from records
                offset += len(records)

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut by (key, partition, offset), see `port.Log`."""
        missing = dict(end)
        for record in chain.from_iterable(self._chunks(_READ_BY_KEY, ())):
            if record.offset < end[record.partition]:
                yield record
                missing[record.partition] -= 1
        for partition, count in missing.items():
            if count:
                raise self._gap(partition, f"0 to {end[partition] - 1}")

    def read_partition_by_key(
        self, partition: int, end: int, *, tick: Callable[[], object]
    ) -> Iterator[Record]:
        """A partition's records by (key, offset), see `port.Log`."""
        count = 0
        for records in self._sorted_chunks((partition, end), tick):
            yield from records
            count += len(records)
        if count != end:
            raise self._gap(partition, f"0 to {end - 1}")

    def read_subjects(self, keys: Iterable[bytes]) -> Iterator[Record]:
        """All records under the keys of some students, by (key, partition, offset)."""
        yield from chain.from_iterable(self._chunks(_READ_SUBJECTS, (_as_json(keys),)))

    def read_naming(
        self,
        keys: Sequence[bytes],
        texts: Sequence[bytes],
        end: Cut,
        progress: ProgressCallback,
    ) -> Iterator[Record]:
        """The records of some keys, and those with one of some texts in their value, by offset.

        SQLite looks through a log in a fifth of the time that it takes to read all of it.

        Args:
            keys: Any.
            texts: Any; a value may have them anywhere.
            end: Below which records are looked at.
            progress: Called with the number of offsets that have been dealt with.
        """
        naming = [*("key = ?" for _ in keys), *("instr(value, ?)" for _ in texts)]
        query, done = _READ_NAMING.format(" or ".join(naming)), 0
        for partition, last in end.items():
            for start in range(0, last, _NAMING_OFFSETS):
                stop = min(start + _NAMING_OFFSETS, last)
                bounds: list[int | str | bytes] = [partition, start, stop, *keys, *texts]
                yield from chain.from_iterable(self._chunks(query, bounds))
                done += stop - start
                progress(done)

    def count_records(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """How many records the log holds of some students; one of whom it has none is absent."""
        with self._reading():
            return dict(self._connection.execute(_COUNT_SUBJECTS, (_as_json(keys),)).fetchall())

    def first_records(self) -> dict[int, Record]:
        """The first record of every partition that holds one, see `port.Log`."""
        partitions = range(self.partitions)
        first = self.read(dict.fromkeys(partitions, 0), dict.fromkeys(partitions, 1))
        return {record.partition: record for record in first}

    def end(self) -> Cut:
        """The cut after the last records, see `port.Log`."""
        with self._reading():
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
        """Close the file; what was appended is moved into it as far as open readers allow."""
        if self._appended:
            self._checkpoint()
            self._appended = False
        self._connection.close()

    def examine(self) -> Iterator[Check]:
        """Check the file and the order of its records, see `port.Log`; reads all of it."""
        with self._reading():
            yield from examine_file(self.path, self._connection)

    def _note_append(self) -> None:
        self._appended = True
        now = time.monotonic()
        if self._checkpointed_at is None or now - self._checkpointed_at >= _CHECKPOINT_SECONDS:
            self._checkpoint()

    def _rows(self, records: Iterable[NewRecord]) -> Iterator[tuple[object, ...]]:
        """The columns of `Record`."""
        offsets = dict(self.end())
        latest = {
            partition: self._recorded_at(partition, end - 1) if end else 0
            for partition, end in offsets.items()
        }
        now, partitions = now_ms(), self.partitions
        for key, value, given in records:
            partition = partition_of(key or b"", partitions)
            offset, recorded_at = offsets[partition], now if given is None else given
            recorded_at = max(recorded_at, latest[partition])
            # For bytes, Python's SQLite looks for an adapter first, each time.
            key_blob = None if key is None else bytearray(key)
            value_blob = None if value is None else bytearray(value)
            yield partition, offset, recorded_at, key_blob, value_blob
            latest[partition], offsets[partition] = recorded_at, offset + 1

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
        with self._reading():
            row = self._connection.execute(query, (partition, offset)).fetchone()
            if row is None:
                raise self._gap(partition, offset)
            return cast("int", row[0])

    def _gap(self, partition: int, where: object) -> StoreError:
        return StoreError(
            f"{self.path}: a record is missing at offset {where} of partition {partition}; the file"
            " is damaged, see `outcomes doctor`"
        )

    def _chunks(self, query: str, bounds: Sequence[int | str | bytes]) -> Iterator[list[Record]]:
        with self._reading():
            cursor = self._connection.execute(query, bounds)
            while rows := cursor.fetchmany(_CHUNK_ROWS):
                yield list(map(as_record, rows))

    def _sorted_chunks(
        self, bounds: tuple[int, int], tick: Callable[[], object]
    ) -> Iterator[list[Record]]:
        with self._reading("cannot be sorted in the temporary folder"), self._ticking(tick):
            cursor = self._connection.execute(_READ_PARTITION_BY_KEY, bounds)
            rows = cursor.fetchmany(_CHUNK_ROWS)  # Once there is a first record, all are sorted.
        with self._reading():
            while rows:
                yield list(map(as_record, rows))
                rows = cursor.fetchmany(_CHUNK_ROWS)

    @contextmanager
    def _ticking(self, tick: Callable[[], object]) -> Iterator[None]:
        """Call a function now and then during a statement; what it raises ends the statement."""
        raised: list[BaseException] = []

        def handle() -> int:
            try:
                tick()
            except BaseException as error:  # noqa: BLE001 - SQLite would lose it
                raised.append(error)
            return len(raised)

        self._connection.set_progress_handler(handle, _TICK_INSTRUCTIONS)
        try:
            yield
        except sqlite3.OperationalError as error:
            if code_of(error) == sqlite3.SQLITE_INTERRUPT:
                raise next(iter(raised), KeyboardInterrupt()) from error
            raise
        finally:
            self._connection.set_progress_handler(None, 0)

    def _checkpoint(self) -> None:
        checkpoint(self._connection)
        self._checkpointed_at = time.monotonic()

    @contextmanager
    def _reading(self, failure: str = "cannot be read") -> Iterator[None]:
        try:
            with translate_sqlite_errors(self.path, failure):
                yield
        except StoreError:
            # Whatever a file looks like that changes below a reader without locks, this is why.
            if self._unlocked is not None:
                self._unlocked.refuse_change()
            raise
        if self._unlocked is not None:
            self._unlocked.refuse_change()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; the write lock is taken at once, so that no upgrade can fail later."""
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            self._connection.rollback()
            raise


def _as_json(keys: Iterable[bytes]) -> str:
    return json.dumps([key.decode("ascii") for key in keys])
