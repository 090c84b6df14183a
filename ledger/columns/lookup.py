"""Finding records of an archive by its typed columns, which serve as an index and no more.

What is found is read from sealed records afterwards; only a record that is not found is a matter of
trust. Columns that are not fresh are not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import NamedTuple

from ledger.columns.cache import ColumnFile, check_columns, file_state
from ledger.columns.database import Database
from ledger.errors import StoreError
from ledger.log.archive import ArchiveLog
from ledger.temporary import temporary_folder

__all__ = [
    "EVERYBODY",
    "Index",
    "Search",
    "open_index",
    "search_dates",
    "search_event",
    "search_everybody",
    "search_subjects",
]


EVERYBODY = ("0" * 32, "f" * 32)
"""The first and the last hash of a student there can be."""


class Search(NamedTuple):
    """Which students are wanted: those with an event that meets a condition.

    Attributes:
        condition: SQL over the columns of an event.
        values: What it reads by `getvariable`.
        share: The first and the last hash of students who are wanted, 32 hexadecimal digits each.
    """

    condition: str
    values: Mapping[str, object]
    share: tuple[str, str] = EVERYBODY

    def is_about(self, key: bytes | None) -> bool:
        """Whether a key is in the share."""
        first, last = self.share
        return self.share == EVERYBODY or first <= _hash(key or b"") <= last


def search_everybody() -> Search:
    """Every student who has an event."""
    return Search("true", {})


def search_subjects(subjects: Collection[str]) -> Search:
    """The students of some pseudonyms."""
    hashes = [_hash(subject.encode()) for subject in sorted(subjects)]
    if len(hashes) == 1:
        return Search("student = getvariable('wanted')::uuid", {"wanted": hashes[0]})
    return Search("student in (select unnest(getvariable('wanted'))::uuid)", {"wanted": hashes})


def search_event(source: str, event_id: str) -> Search:
    """The students who have an event of that source and id."""
    condition = "source = getvariable('source') and id = getvariable('id')"
    return Search(condition, {"source": source, "id": event_id})


def search_dates(columns: Collection[str], first_year: int, last_year: int) -> Search:
    """The students with an event one of whose dates lies in some years.

    Args:
        columns: Dates, or the time, by the names of their columns.
        first_year: Inclusive.
        last_year: Inclusive.
    """
    between = f"between {first_year} and {last_year}"
    return Search(" or ".join(f"year({column}) {between}" for column in columns), {})


class Index:
    """The typed columns of one partition; valid while `open_index` is."""

    def __init__(self, database: Database, end: int) -> None:
        self._database = database
        self._end = end

    def offsets(self, search: Search) -> Iterator[int]:
        """Where the records of the students are, and all that are quarantined; ascending.

        Whose a quarantined record is, its columns do not say.

        Raises:
            StoreError: If the columns cannot be read.
        """
        self._database.set_variables(**search.values)
        below = f'"offset" < {self._end}'
        first, last = search.share
        shared = f"student between '{first}'::uuid and '{last}'::uuid"
        rows = self._database.iterate(f"""
            select "offset" from row
            where {below} and (
                rule is not null
                or {shared} and student in (
                    select student from row where {below} and ({search.condition})
                )
            )
            order by "offset"
        """)  # noqa: S608 - of constants
        return (offset for (offset,) in rows)


@contextmanager
def open_index(log: ArchiveLog, partition: int, end: int) -> Iterator[Index | None]:
    """The typed columns of a partition below an offset; None where not all of them are fresh.

    Every file is hashed before it is asked.

    Raises:
        StoreError: If a file has been replaced meanwhile, or the temporary folder is full.
    """
    segments = [
        segment
        for segment in log.manifest.segments
        if segment.partition == partition and segment.start < end
    ]
    files = check_columns(log.folder, segments)
    if not files or any(file.fault is not None for file in files):
        yield None
        return
    with (
        temporary_folder("outcomes-lookup-") as folder,
        closing(Database(folder)) as database,
    ):
        database.create_parquet_view("row", [file.path for file in files])
        yield Index(database, end)
        _refuse_replaced(files)


def _refuse_replaced(files: Iterable[ColumnFile]) -> None:
    for file in files:
        try:
            is_same = file_state(file.path.stat()) == file.state
        except OSError:
            is_same = False
        if not is_same:
            raise StoreError(f"{file.path} was replaced while it was read; run the command again")


def _hash(key: bytes) -> str:
    """The column `student` of a subject, see `schema.hash128`."""
    return sha256(b"student%d:%b" % (len(key), key)).hexdigest()[:32]
