"""The read model in one file: student state, figures, dead letters and the next offset.

What belongs to one offset commits in one transaction, so the file always holds exactly the records
below `next_offset` of each partition. It is a cache of the log: deleting it loses nothing. A sum of
row hashes is kept beside the rows and is checked when the file is opened.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlite_utils import Database, Migrations

from ledger.errors import StoreError
from processors.read_model.file import APPLICATION_ID, connect, is_damaged, locked, remove
from projections.figures import Figures, RecordCounts

__all__ = ["Cell", "DeadLetter", "PartitionState", "Store", "cell_hash", "student_hash"]

_MODULUS = 1 << 63
_BY_PARTITION = ("students", "figures", "dead_letters", "partitions")

Cell = tuple[str, int, str, str]
"""(policy SHA-256, year, measure, group)."""


class DeadLetter(NamedTuple):
    """A pointer to a quarantined record, never its bytes.

    Attributes:
        rule: The first rule that it fails.
        size: Of its value, in bytes; None for a tombstone.
    """

    partition: int
    offset: int
    rule: str
    size: int | None


@dataclass(slots=True)
class PartitionState:
    """What is known of one partition at `next_offset`, but for the students.

    Attributes:
        next_offset: 1 + the last record folded; 0 before the first.
        latest_recorded_at: Of the records folded, in milliseconds.
        first_record: Names the log: a hash of the partition's first record.
        records: The counters of the records folded.
        cells: Every cell that is not 0.
        checksum: Sum of the hashes of the rows of students and figures.
    """

    next_offset: int = 0
    latest_recorded_at: int | None = None
    first_record: str | None = None
    records: RecordCounts = field(default_factory=RecordCounts)
    cells: dict[Cell, int] = field(default_factory=dict)
    checksum: int = 0

    def add(self, policy: str, figures: Figures) -> Iterator[Cell]:
        """Add changes of figures and keep the checksum; the cells that changed are yielded."""
        for name, change in figures.cells.items():
            if not change:
                continue
            cell = (policy, *name)
            before = self.cells.pop(cell, 0)
            count = before + change
            if count:
                self.cells[cell] = count
            self.add_hash(cell_hash(cell, count) - cell_hash(cell, before))
            yield cell

    def add_hash(self, change: int) -> None:
        """Add to the checksum."""
        self.checksum = (self.checksum + change) % _MODULUS

    def figures(self, policy: str) -> Figures:
        """The figures under one policy, named by its SHA-256."""
        found = Figures()
        for (sha256, year, measure, group), count in self.cells.items():
            if sha256 == policy:
                found.cells[year, measure, group] = count
        return found


_MIGRATIONS = Migrations("read-model")


@_MIGRATIONS()
def _m001_tables(db: Database) -> None:
    db.table("partitions").create(
        {
            "partition": int,
            "next_offset": int,
            "latest_recorded_at": int,
            "first_record": str,
            "records": str,
            "checksum": int,
        },
        pk="partition",
    )
    db.table("students").create(
        {"partition": int, "subject": str, "state": bytes}, pk=("partition", "subject")
    )
    db.table("figures").create(
        {
            "partition": int,
            "policy": str,
            "year": int,
            "measure": str,
            "grp": str,
            "count": int,
        },
        pk=("partition", "policy", "year", "measure", "grp"),
    )
    db.table("dead_letters").create(
        {"partition": int, "offset": int, "rule": str, "size": int}, pk=("partition", "offset")
    )
    db.table("about").create({"name": str, "value": str}, pk="name")


class Store:
    """The read model's file; one writer, any number of readers.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file to write as the only one, or to read.

        A file that is missing is made; one that is damaged is made anew, since it is a cache.

        Raises:
            StoreError: If it cannot be opened, is no read model, or has a writer already.
        """
        self.path = path
        self._held = ExitStack()
        if read_only and not path.exists():
            raise StoreError(f"no figures at {path}; `outcomes worker` keeps them")
        try:
            with ExitStack() as opening:
                if not read_only:
                    opening.enter_context(locked(path))
                    if is_damaged(path):
                        remove(path)
                self._connection = opening.enter_context(
                    closing(connect(path, "ro" if read_only else "rwc"))
                )
                self._db = Database(self._connection)
                self._check(read_only=read_only)
                self._held = opening.pop_all()
        except (sqlite3.Error, OSError) as error:
            hint = "mind the rights of its folder, or delete the file: it is made anew from the log"
            raise StoreError(f"{path} cannot be opened ({error}): {hint}") from error

    def _check(self, *, read_only: bool) -> None:
        found = self._connection.execute("pragma application_id").fetchone()[0]
        tables = self._connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if found != APPLICATION_ID and tables:
            raise StoreError(f"{self.path} is not a read model of this ledger; name another file")
        if not read_only:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            self._connection.execute(f"pragma application_id = {APPLICATION_ID}")
            _MIGRATIONS.apply(self._db)

    def about(self) -> dict[str, str]:
        """What the figures are of: log name, rules, policies, by name."""
        return dict(self._connection.execute("select name, value from about"))

    def load(self, partition: int) -> PartitionState:
        """The state of a partition as last committed."""
        row = self._connection.execute(
            "select next_offset, latest_recorded_at, first_record, records, checksum"
            " from partitions where partition = ?",
            (partition,),
        ).fetchone()
        if row is None:
            return PartitionState()
        members = orjson.loads(row[3])
        members["quarantined"] = Counter(members["quarantined"])
        query = "select policy, year, measure, grp, count from figures where partition = ?"
        cells = {
            (policy, year, measure, group): count
            for policy, year, measure, group, count in self._connection.execute(query, (partition,))
        }
        return PartitionState(row[0], row[1], row[2], RecordCounts(**members), cells, row[4])

    def check_identity(
        self, partition: int, state: PartitionState, first_record: str | None
    ) -> None:
        """Refuse a state that was made from another log.

        Raises:
            StoreError: If the log's first record is not the one that was folded.
        """
        if state.first_record not in (None, first_record):
            raise StoreError(
                f"{self.path} was made from another log: the first record of partition"
                f" {partition} is not the same; name the log that it is of, or delete the file"
            )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment, whatever is committed meanwhile."""
        self._connection.execute("begin")
        try:
            yield
        finally:
            self._connection.execute("rollback")

    def students(self, partition: int, subjects: Sequence[str]) -> dict[str, bytes]:
        """The stored states of some students; one not seen before is absent."""
        query = (
            "select subject, state from students where partition = ?"
            " and subject in (select value from json_each(?))"
        )
        return dict(
            self._connection.execute(query, (partition, orjson.dumps(list(subjects)).decode()))
        )

    def every_student(self, partition: int) -> Iterator[tuple[str, bytes]]:
        """All students of a partition, (subject, state), by subject."""
        query = "select subject, state from students where partition = ? order by subject"
        yield from self._connection.execute(query, (partition,))

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Pointers to the quarantined records that were folded, in log order."""
        query = "select partition, offset, rule, size from dead_letters order by 1, 2"
        yield from map(DeadLetter._make, self._connection.execute(query))

    def unsent_dead_letters(self, partition: int, limit: int) -> list[DeadLetter]:
        """Those of a partition that have not been passed on yet, at most so many."""
        query = (
            "select partition, offset, rule, size from dead_letters"
            " where partition = ? and offset >= ? order by offset limit ?"
        )
        sent = int(self.about().get(_sent(partition), "0"))
        found = self._connection.execute(query, (partition, sent, limit))
        return list(map(DeadLetter._make, found))

    def dead_letters_sent(self, partition: int, upto: int) -> None:
        """Note that all dead letters below an offset have been passed on."""
        self.set_about({_sent(partition): str(upto)})

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
            state: As it is after the batch.
            students: The changed ones.
            cells: The names of the changed cells.
            dead_letters: Of the batch.

        Raises:
            StoreError: If the file cannot take it; then nothing of the batch is in it.
        """
        changed = set(cells)
        kept = [(partition, *cell, state.cells[cell]) for cell in changed if cell in state.cells]
        gone = [(partition, *cell) for cell in changed if cell not in state.cells]
        try:
            with self._db.atomic():
                self._many(
                    "insert or replace into students values (?, ?, ?)",
                    ((partition, subject, text) for subject, text in students.items()),
                )
                self._many("insert or replace into figures values (?, ?, ?, ?, ?, ?)", kept)
                self._many(
                    "delete from figures where partition = ? and policy = ? and year = ?"
                    " and measure = ? and grp = ?",
                    gone,
                )
                self._many("insert or replace into dead_letters values (?, ?, ?, ?)", dead_letters)
                self._write_partition(partition, state)
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} took nothing of a batch ({error}); make room and start again: the"
                " worker goes on where it stopped"
            ) from error

    def set_about(self, about: Mapping[str, str]) -> None:
        """Say what the figures are of."""
        with self._db.atomic():
            self._many("insert or replace into about values (?, ?)", about.items())

    def forget_all(self) -> None:
        """Drop everything, to fold the log anew."""
        with self._db.atomic():
            for table in (*_BY_PARTITION, "about"):
                self._connection.execute(f"delete from {table}")  # noqa: S608 - names above

    def forget(self, partition: int) -> None:
        """Drop all that is known of a partition, to fold it anew."""
        with self._db.atomic():
            for table in _BY_PARTITION:
                self._connection.execute(
                    f"delete from {table} where partition = ?",  # noqa: S608 - names above
                    (partition,),
                )
            self._connection.execute("delete from about where name = ?", (_sent(partition),))

    def replace_cells(self, partition: int, state: PartitionState) -> None:
        """Write all cells of a partition anew, when the policies have changed."""
        with self._db.atomic():
            self._connection.execute("delete from figures where partition = ?", (partition,))
            self._many(
                "insert into figures values (?, ?, ?, ?, ?, ?)",
                ((partition, *cell, count) for cell, count in state.cells.items()),
            )
            self._write_partition(partition, state)

    def checksum(self, partition: int) -> int:
        """The checksum that the rows of a partition give; reads all of them."""
        total = sum(student_hash(*row) for row in self.every_student(partition))
        cells = self.load(partition).cells
        return (total + sum(cell_hash(cell, count) for cell, count in cells.items())) % _MODULUS

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def _many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(statement, rows)

    def _write_partition(self, partition: int, state: PartitionState) -> None:
        self._connection.execute(
            "insert or replace into partitions values (?, ?, ?, ?, ?, ?)",
            (
                partition,
                state.next_offset,
                state.latest_recorded_at,
                state.first_record,
                orjson.dumps(state.records.as_dict()).decode(),
                state.checksum,
            ),
        )


def _sent(partition: int) -> str:
    return f"dead_letters_sent:{partition}"


def student_hash(subject: str, state: bytes) -> int:
    """A student's part of the checksum."""
    return _hash(subject.encode("ascii") + b"\0" + state)


def cell_hash(cell: Cell, count: int) -> int:
    """A cell's part of the checksum; a cell of 0 has none."""
    return _hash(orjson.dumps([*cell, count])) if count else 0


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) % _MODULUS
