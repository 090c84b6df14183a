"""Reading the records that concern a student: under their key, or in what they cannot say right."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from ledger.log import Cut, Log
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from projections.student import Student, read_student
from schemas.glimpse import glimpse_record, key_subject
from schemas.record import Record

__all__ = ["about_subjects", "students", "students_about"]


def students(log: Log, cut: Cut, progress: ProgressCallback = no_progress) -> Iterator[Student]:
    """Every student of a log, by key; records under no pseudonym each by themselves.

    Memory follows from the student with most records.

    Raises:
        StoreError: If the log cannot be read.
    """
    records = with_progress(log.read_by_key(cut), progress)
    return _students(records, log.partitions)


def students_about(
    log: Log,
    cut: Cut,
    is_about: Callable[[Record], bool],
    progress: ProgressCallback = no_progress,
) -> Iterator[Student]:
    """What the records say that a test finds, by key, after one reading of the log.

    Args:
        log: Any log.
        cut: In its normal form.
        is_about: Whether a record is looked for; those found are held in memory.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    records = with_progress(log.read(dict.fromkeys(cut, 0), cut), progress)
    matching = [record for record in records if is_about(record)]
    matching.sort(key=lambda record: (record.key or b"", record.partition, record.offset))
    return _students(matching, log.partitions)


def about_subjects(subjects: Collection[str]) -> Callable[[Record], bool]:
    """Whether a record has the key of one of some students, or names one all the same.

    Only a record that is quarantined can name another student than its key does.
    """
    keys = {subject.encode("ascii") for subject in subjects}
    named = re.compile(b"|".join([rb"\\u", *map(re.escape, sorted(keys))]))

    def is_about(record: Record) -> bool:
        if record.key in keys:
            return True
        if record.value is None or named.search(record.value) is None:
            return False
        return glimpse_record(record).subject in subjects

    return is_about


def _students(records: Iterable[Record], partitions: int) -> Iterator[Student]:
    for key, of_key in groupby(records, key=attrgetter("key")):
        if key_subject(key) is None:
            # Nobody's: all quarantined, and perhaps very many.
            for record in of_key:
                yield read_student([record], partitions)
        else:
            yield read_student(of_key, partitions)
