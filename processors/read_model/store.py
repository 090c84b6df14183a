"""The read model in one file: student state, figures, dead letters and the next offset.

What belongs to one offset commits in one transaction, so the file always holds exactly the records
below `next_offset` of each partition. It is a cache of the log: deleting it loses nothing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlite_utils import Database

from ledger.errors import StoreError
from ledger.sqlite_file import checkpoint
from processors.dead_letters import DeadLetter
from processors.read_model.checksum import CHECKSUM_MODULUS, Cell, cell_hash, student_hash
from processors.read_model.file import open_file
from processors.read_model.lock import InUseError
from processors.read_model.partition_state import PartitionState
from processors.read_model.tables import PARTITION_TABLES
from projections.figures import RecordCounts

__all__ = ["Rows", "Store", "open_store"]

_INSERT_DEAD_LETTER = "insert or replace into dead_letters values (?, ?, ?, ?)"


class Rows(NamedTuple):
    """Rows of one partition, all new to it.

    Attributes:
        students: Subject and state.
        dead_letters: Of quarantined records.
    """

    students: list[tuple[str, bytes]]
    dead_letters: list[DeadLetter]


class Store:
    """The read model's file; one writer, any number of readers.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, *, read_only: bool = False, owner: int | None = None) -> None:
        """Open the file, as its only writer or as a reader.

        A missing file is created; a damaged one is created again, since it is a cache.

        Args:
            path: The file.
            read_only: Whether to open it as a reader.
            owner: See `lock_for_writing`.

        Raises:
            StoreError: If it cannot be opened, is not a read model, or has a writer already.
        """
        self.path = path
        self._resources = ExitStack()
        self._connection = self._resources.enter_context(
            open_file(path, read_only=read_only, owner=owner)
        )
        self._db = Database(self._connection)

    def metadata(self) -> dict[str, str]:
        """Which log, fold and policies the figures belong to, by name."""
        return dict(self._connection.execute("select name, value from about"))

    def set_metadata(self, metadata: Mapping[str, str]) -> None:
        """Add to the metadata, or replace what is there under these names."""
        with self._writing("its metadata"):
            self._execute_many("insert or replace into about values (?, ?)", metadata.items())

    def load(self, partition: int) -> PartitionState:
        """The state of a partition as last committed."""
        row = self._connection.execute(
            "select next_offset, latest_recorded_at, first_record, last_record, records, checksum"
            " from partitions where partition = ?",
            (partition,),
        ).fetchone()
        if row is None:
            return PartitionState()
        next_offset, latest_recorded_at, first_record, last_record, counters, checksum = row
        members = orjson.loads(counters)
        members["quarantined"] = Counter(members["quarantined"])
        query = "select policy, year, measure, grp, count from figures where partition = ?"
        cells = {
            (policy, year, measure, group): count
            for policy, year, measure, group, count in self._connection.execute(query, (partition,))
        }
        records = RecordCounts(**members)
        return PartitionState(
            next_offset, latest_recorded_at, first_record, last_record, records, cells, checksum
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment, whatever is committed meanwhile."""
        self._connection.execute("begin")
        try:
            yield
        finally:
            self._connection.execute("rollback")

    def student_states(self, partition: int, subjects: Sequence[str]) -> dict[str, bytes]:
        """The stored states of some students; a student not seen before is absent."""
        query = (
            "select subject, state from students where partition = ?"
            " and subject in (select value from json_each(?))"
        )
        return dict(
            self._connection.execute(query, (partition, orjson.dumps(list(subjects)).decode()))
        )

    def all_student_states(self, partition: int) -> Iterator[tuple[str, bytes]]:
        """All students of a partition, (subject, state), by subject."""
        query = "select subject, state from students where partition = ? order by subject"
        yield from self._connection.execute(query, (partition,))

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Pointers to the quarantined records that were folded, in log order."""
        query = "select partition, offset, rule, size from dead_letters order by 1, 2"
        yield from map(DeadLetter._make, self._connection.execute(query))

    def unsent_dead_letters(self, partition: int, limit: int) -> list[DeadLetter]:
        """Those of a partition that have not been sent yet, at most so many."""
        query = (
            "select partition, offset, rule, size from dead_letters"
            " where partition = ? and offset >= ? order by offset limit ?"
        )
        start = int(self.metadata().get(_sent_name(partition), "0"))
        rows = self._connection.execute(query, (partition, start, limit))
        return list(map(DeadLetter._make, rows))

    def mark_dead_letters_sent(self, partition: int, end: int) -> None:
        """Record that all dead letters below an offset have been sent."""
        self.set_metadata({_sent_name(partition): str(end)})

    def commit(
        self,
        partition: int,
        state: PartitionState,
        *,
        students: Mapping[str, bytes],
        cells: Iterable[Cell],
        dead_letters: Iterable[DeadLetter],
    ) -> None:
        """Write what one batch has changed, with the next offset, in one transaction.

        Args:
            partition: The partition.
            state: After the batch.
            students: The changed ones.
            cells: The names of the changed cells.
            dead_letters: Of the batch.

        Raises:
            StoreError: If the file cannot take it; then nothing of the batch is in it.
        """
        changed = set(cells)
        present = [(partition, *cell, state.cells[cell]) for cell in changed if cell in state.cells]
        absent = [(partition, *cell) for cell in changed if cell not in state.cells]
        with self._writing("a batch"):
            self._execute_many(
                "insert or replace into students values (?, ?, ?)",
                ((partition, subject, text) for subject, text in students.items()),
            )
            self._execute_many("insert or replace into figures values (?, ?, ?, ?, ?, ?)", present)
            self._execute_many(
                "delete from figures where partition = ? and policy = ? and year = ?"
                " and measure = ? and grp = ?",
                absent,
            )
            self._execute_many(_INSERT_DEAD_LETTER, dead_letters)
            self._write_partition(partition, state)

    def replace_partition(
        self, partition: int, state: PartitionState, batches: Iterable[Rows]
    ) -> None:
        """Write all rows of a partition in the place of those that are there, in one transaction.

        Which dead letters have been sent is kept: it is a matter of the log, not of these rows.

        Args:
            partition: The partition.
            state: What it is once the batches are through.
            batches: The students, by subject, and the dead letters.

        Raises:
            StoreError: If the file cannot take it; then it holds what it held before.
        """
        with self._writing("a backlog"):
            self._delete_rows(partition)
            for students, dead_letters in batches:
                self._execute_many(
                    "insert into students values (?, ?, ?)",
                    ((partition, subject, text) for subject, text in students),
                )
                self._execute_many(_INSERT_DEAD_LETTER, dead_letters)
            self._insert_cells(partition, state)
            self._write_partition(partition, state)
        checkpoint(self._connection)

    def replace_cells(self, partition: int, state: PartitionState) -> None:
        """Write all cells of a partition again, after the policies have changed."""
        with self._writing("a partition"):
            self._connection.execute("delete from figures where partition = ?", (partition,))
            self._insert_cells(partition, state)
            self._write_partition(partition, state)

    def clear(self) -> None:
        """Delete all rows; the log is then folded from its beginning."""
        with self._writing("its beginning"):
            for table in (*PARTITION_TABLES, "about"):
                self._connection.execute(f"delete from {table}")  # noqa: S608 - a constant name

    def clear_partition(self, partition: int) -> None:
        """Delete the rows of a partition; it is then folded from its beginning."""
        with self._writing("its beginning"):
            self._delete_rows(partition)
            self._connection.execute("delete from about where name = ?", (_sent_name(partition),))

    def compute_checksum(self, partition: int) -> int:
        """The checksum of a partition's rows; reads all of them."""
        students = sum(student_hash(*row) for row in self.all_student_states(partition))
        cells = self.load(partition).cells
        figures = sum(cell_hash(cell, count) for cell, count in cells.items())
        return (students + figures) % CHECKSUM_MODULUS

    def close(self) -> None:
        """Close the file, and stop being its writer."""
        self._resources.close()

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with self._db.atomic():
                yield
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: {what} was not written ({error}); make room and start the worker"
                " again: it resumes where it stopped"
            ) from error

    def _delete_rows(self, partition: int) -> None:
        for table in PARTITION_TABLES:
            self._connection.execute(
                f"delete from {table} where partition = ?",  # noqa: S608 - a constant name
                (partition,),
            )

    def _insert_cells(self, partition: int, state: PartitionState) -> None:
        self._execute_many(
            "insert into figures values (?, ?, ?, ?, ?, ?)",
            ((partition, *cell, count) for cell, count in state.cells.items()),
        )

    def _execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(statement, rows)

    def _write_partition(self, partition: int, state: PartitionState) -> None:
        self._connection.execute(
            "insert or replace into partitions (partition, next_offset, latest_recorded_at,"
            " first_record, last_record, records, checksum) values (?, ?, ?, ?, ?, ?, ?)",
            (
                partition,
                state.next_offset,
                state.latest_recorded_at,
                state.first_record,
                state.last_record,
                orjson.dumps(state.records.as_dict()).decode(),
                state.checksum,
            ),
        )


def _sent_name(partition: int) -> str:
    return f"dead_letters_sent:{partition}"


def open_store(state: Path) -> Store:
    """Open a read model as its only writer.

    Args:
        state: Its file; or a folder, where it is the first `worker-K.db` that has no writer. So
            workers that are started alike share a folder.

    Raises:
        StoreError: As `Store`.
    """
    if not state.is_dir():
        return Store(state)
    for number in count(1):
        with suppress(InUseError):
            return Store(state / f"worker-{number}.db")
    raise AssertionError
