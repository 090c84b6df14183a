"""Finding records of an archive by its typed columns, which serve as an index and no more.

What is found is read from sealed records afterwards; only a record that is not found is a matter of
trust. Columns that are not fresh are not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

from ledger.columns.cache import check_columns, refuse_replaced
from ledger.columns.database import Database
from ledger.columns.schema import name_hash, student_hash
from ledger.log.archive import ArchiveLog
from ledger.temporary import temporary_folder
from schemas.glimpse import key_subject

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

NOBODY = EVERYBODY[1]
"""In whose place records stand whose key names no student."""


class Search(NamedTuple):
    """Which students are wanted.

    Attributes:
        students: SQL over the view `row` for one column, their hashes.
        values: What it reads by `getvariable`.
        quarantined: SQL: which quarantined records are wanted, by their columns and `wanted`,
            the students; all of them otherwise.
        share: The first and the last hash of students who are wanted, 32 hexadecimal digits each.
        has_events: Whether they can have events there, or quarantined records alone.
    """

    students: str
    values: Mapping[str, object]
    quarantined: str = "true"
    share: tuple[str, str] = EVERYBODY
    has_events: bool = True

    def is_about(self, key: bytes | None) -> bool:
        """Whether a key is in the share."""
        first, last = self.share
        if self.share == EVERYBODY:
            return True
        subject = key_subject(key)
        return first <= (NOBODY if subject is None else student_hash(subject)) <= last


def search_everybody() -> Search:
    """Every student who has an event."""
    return Search("select student from row where rule is null", {})


def search_subjects(subjects: Collection[str]) -> Search:
    """The students of some pseudonyms, and quarantined records that name one of them."""
    return Search(
        "select unnest(getvariable('subjects')::uuid[])",
        {"subjects": [student_hash(subject) for subject in sorted(subjects)]},
        "key_student in (from wanted) or named_student in (from wanted)",
    )


def search_event(source: str, event_id: str) -> Search:
    """The students who have a record of that source and id, be it quarantined."""
    return Search(
        """
            select student from row
            where source = getvariable('source') and id = getvariable('id')
            union all
            select key_student from row where named_event = getvariable('name')::uuid
        """,
        {"source": source, "id": event_id, "name": name_hash(source, event_id)},
        "key_student in (from wanted) or named_event = getvariable('name')::uuid",
    )


def search_dates(years: Mapping[str, tuple[int, int]]) -> Search:
    """The students with an event one of whose dates lies in some years.

    Args:
        years: For dates, or the time, by the names of their columns, the first year and the last.
    """
    # Compared as they are stored, so that groups of rows of other years are not read.
    dated = " or ".join(
        f"({name} >= date '{first:04}-01-01' and {name} < date '{last + 1:04}-01-01')"
        for name, (first, last) in years.items()
    )
    return Search(f"select student from row where {dated}", {})  # noqa: S608 - of constants


class Index:
    """The typed columns of one partition; valid while `open_index` is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def offsets(self, search: Search) -> Iterator[int]:
        """Where the students' records are, and the quarantined ones that are wanted; ascending.

        Raises:
            StoreError: If the columns cannot be read.
        """
        self._database.set_variables(**search.values)
        shared = "between '{}'::uuid and '{}'::uuid".format(*search.share)
        self._database.run(f"create or replace temp table wanted as {search.students}")
        rows = self._database.iterate(f"""
            select "offset" from row
            where {search.has_events} and student {shared} and student in (from wanted)
            union all
            select "offset" from row
            where rule is not null
                and coalesce(key_student, '{NOBODY}'::uuid) {shared}
                and ({search.quarantined})
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
        database.create_parquet_view("stored_row", [file.path for file in files])
        database.run(f'create temp view row as from stored_row where "offset" < {end}')
        yield Index(database)
        refuse_replaced(files)
