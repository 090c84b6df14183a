"""Reading those students of an archive whom its typed columns name, every record as it was sealed.

The columns only say where to look. Who is found is judged by the same rules as everybody, from all
records of the student. Quarantined records are found under their key and under the student whom
they name; for a figure all of them are read, since each claims one or is counted as claiming none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, groupby
from operator import attrgetter
from typing import NamedTuple

from ledger.columns.lookup import EVERYBODY, Search, open_index, search_subjects
from ledger.log import Cut
from ledger.log.archive import ArchiveLog
from ledger.log.progress import ProgressCallback
from ledger.log.record_sort import sort_by_key
from projections.student import JudgedRecord, Student, read_student
from schemas.glimpse import key_subject
from schemas.partition import partition_of
from schemas.record import Record

__all__ = ["ReadStudent", "found_records", "judged_students", "students_found"]

FIRST_OFFSETS = 3_000
"""Roughly how many records the first students have together, whose rows need not wait."""

_HASHES = 1 << 128
# Records in another partition than their key's are held in memory up to this number.
_STRAYS = 10_000


class ReadStudent(NamedTuple):
    """A student, and which of the records are not yet accounted for.

    Attributes:
        student: All that has been read under one key.
        places: Partition and offset of those records; None for all of them.
    """

    student: Student
    places: Collection[tuple[int, int]] | None = None

    def records(self) -> Iterator[JudgedRecord]:
        """The records that are to be accounted for."""
        for judged in self.student.records:
            if self.is_about((judged.record.partition, judged.record.offset)):
                yield judged

    def is_about(self, place: tuple[int, int]) -> bool:
        """Whether a record is to be accounted for."""
        return self.places is None or place in self.places


def students_found(
    log: ArchiveLog, cut: Cut, search: Search, progress: ProgressCallback
) -> Iterator[ReadStudent]:
    """The students of an archive whom a search finds, and the quarantined records it asks for.

    They come partition by partition, in each of them by key. A record in another partition than its
    key's is quarantined; such records come later, with all that is known of their student.

    Args:
        log: An archive.
        cut: In its normal form.
        search: Who is wanted; a partition without fresh columns is read whole.
        progress: Called with the number of offsets that have been dealt with.

    Raises:
        StoreError: If the archive cannot be read, or its columns are replaced meanwhile.
    """
    strays, done = list[Record](), 0
    for partition, end, share in _parts(cut):
        part = search._replace(share=share)
        records = found_records(log, partition, end, part)
        own = _own_records(records, log.partitions, strays)
        yield from map(ReadStudent, judged_students(sort_by_key(own), log.partitions))
        if len(strays) > _STRAYS:
            yield from _strays_read(log, cut, strays)
            strays.clear()
        if share[1] == EVERYBODY[1]:
            done += end
            progress(done)
    yield from _strays_read(log, cut, strays)


def _parts(cut: Cut) -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Each partition; the first in two parts, so that the rows of few students need not wait."""
    (first, end), *others = sorted(cut.items())
    border = _HASHES // max(1, end // FIRST_OFFSETS)
    yield first, end, (EVERYBODY[0], f"{border - 1:032x}")
    if border < _HASHES:
        yield first, end, (f"{border:032x}", EVERYBODY[1])
    yield from ((partition, end, EVERYBODY) for partition, end in others)


def found_records(log: ArchiveLog, partition: int, end: int, search: Search) -> Iterator[Record]:
    """Of one partition the records that a search finds, by offset.

    Without fresh columns these are all records.
    """
    with open_index(log, partition, end) as index:
        records = (
            log.read({partition: 0}, {partition: end})
            if index is None
            else log.read_at(partition, index.offsets(search))
        )
        yield from (record for record in records if search.is_about(record.key))


def judged_students(records: Iterable[Record], partitions: int) -> Iterator[Student]:
    """Every student of some records, which come by key; those of nobody each by themselves."""
    for key, of_key in groupby(records, key=attrgetter("key")):
        if key_subject(key) is None:
            # Nobody's: all quarantined, and perhaps very many.
            for record in of_key:
                yield read_student([record], partitions)
        else:
            yield read_student(of_key, partitions)


def _own_records(
    records: Iterable[Record], partitions: int, strays: list[Record]
) -> Iterator[Record]:
    """The records in their key's partition; the others are added to a list."""
    for record in records:
        if key_subject(record.key) is None or _home(record, partitions) == record.partition:
            yield record
        else:
            strays.append(record)


def _home(record: Record, partitions: int) -> int:
    return partition_of(record.key or b"", partitions)


def _strays_read(log: ArchiveLog, cut: Cut, strays: Iterable[Record]) -> Iterator[ReadStudent]:
    """The students under whose key some records in another partition are."""
    by_home = sorted(strays, key=lambda record: _home(record, log.partitions))
    for home, group in groupby(by_home, key=lambda record: _home(record, log.partitions)):
        away = list(group)
        keys = {record.key for record in away}
        search = search_subjects({(key or b"").decode() for key in keys})
        at_home = found_records(log, home, cut[home], search)
        records = chain(away, (record for record in at_home if record.key in keys))
        places = {(record.partition, record.offset) for record in away}
        in_order = sorted(records, key=attrgetter("key", "partition", "offset"))
        for student in judged_students(in_order, log.partitions):
            yield ReadStudent(student, places)
