"""Reading the records that concern a student: under their key, or in what they cannot say right."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from ledger.log import Cut, Log
from ledger.log.archive import as_archive
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from ledger.numbers import pluralise
from projections.student import Student, read_student
from schemas.glimpse import glimpse_record, key_subject
from schemas.partition import partition_of
from schemas.record import Record

__all__ = ["partitions_about", "students", "students_about", "unread_remark"]


def students(log: Log, cut: Cut, progress: ProgressCallback = no_progress) -> Iterator[Student]:
    """Every student of a log, by key; records under no pseudonym each by themselves.

    Memory follows from the student with most records.

    Raises:
        StoreError: If the log cannot be read.
    """
    records = with_progress(log.read_by_key(cut), progress)
    return _students(records, log.partitions)


def students_about(
    log: Log, cut: Cut, subjects: Collection[str], progress: ProgressCallback = no_progress
) -> Iterator[Student]:
    """What the records say that concern some students, by key, after one reading of the log.

    These are the records under their keys, and those that name one of them under another: only a
    record that is quarantined can do that.

    Args:
        log: Any log; of an archive `partitions_about` are read.
        cut: In its normal form.
        subjects: Pseudonyms; the records that concern them are held in memory.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    keys = {subject.encode("ascii") for subject in subjects}
    part = {partition: cut[partition] for partition in partitions_about(log, subjects)}
    archive = as_archive(log)
    if archive is None:
        records = with_progress(log.read(dict.fromkeys(part, 0), part), progress)
    else:
        records = archive.read_matching(part, _line_test(keys))
    named = re.compile(b"|".join([rb"\\u", *map(re.escape, sorted(keys))]))
    matching = [
        record
        for record in records
        if record.key in keys
        or (
            record.value is not None
            and named.search(record.value) is not None
            and glimpse_record(record).subject in subjects
        )
    ]
    matching.sort(key=lambda record: (record.key or b"", record.partition, record.offset))
    return _students(matching, log.partitions)


def partitions_about(log: Log, subjects: Collection[str]) -> list[int]:
    """The partitions that are read for some students.

    All of them, but of an archive only their own: reading all of a large one takes minutes, and
    elsewhere only a quarantined record can name them.
    """
    if as_archive(log) is None:
        return list(range(log.partitions))
    return sorted({partition_of(subject.encode("ascii"), log.partitions) for subject in subjects})


def unread_remark(log: Log, subjects: Collection[str]) -> str | None:
    """What was not read for some students, as a person should know; None where all was."""
    unread = log.partitions - len(partitions_about(log, subjects))
    if not unread:
        return None
    others = pluralise(unread, "other partition")
    return f"{others} of the archive not read; only quarantined records there could name a student"


def _line_test(keys: Collection[bytes]) -> Callable[[bytes], bool]:
    """Whether a sealed line may be about one of some keys: it has the text, or hides its texts."""
    if len(keys) == 1:
        (key,) = keys
        return lambda line: key in line or b"\\u" in line or b"_base64" in line
    pattern = re.compile(b"|".join([rb"\\u", b"_base64", *map(re.escape, sorted(keys))]))
    return lambda line: pattern.search(line) is not None


def _students(records: Iterable[Record], partitions: int) -> Iterator[Student]:
    for key, of_key in groupby(records, key=attrgetter("key")):
        if key_subject(key) is None:
            # Nobody's: all quarantined, and perhaps very many.
            for record in of_key:
                yield read_student([record], partitions)
        else:
            yield read_student(of_key, partitions)
