"""Reading the records that concern a student: under their key, or in what they cannot say right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from ledger.audit.found import ReadStudent, found_records, judged_students, students_found
from ledger.columns.cache import segments_without_columns
from ledger.columns.lookup import Search, search_event, search_subjects
from ledger.log import Cut, Log
from ledger.log.archive import Segment, as_archive
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from ledger.log.sqlite.log import SqliteLog
from ledger.numbers import pluralise
from projections.student import Student
from schemas.glimpse import glimpse_record, key_subject
from schemas.partition import partition_of
from schemas.record import Record

__all__ = [
    "partitions_about",
    "students",
    "students_about",
    "students_near",
    "students_with",
    "unread_remark",
]

_NAMES_MAX = 8
"""To look for more takes SQLite longer than to read everything once."""


def students(log: Log, cut: Cut, progress: ProgressCallback = no_progress) -> Iterator[Student]:
    """Every student of a log, by key; records under no pseudonym each by themselves.

    Memory follows from the student with most records.

    Raises:
        StoreError: If the log cannot be read.
    """
    records = with_progress(log.read_by_key(cut), progress)
    return judged_students(records, log.partitions)


def students_near(
    log: Log, cut: Cut, search: Search, progress: ProgressCallback = no_progress
) -> Iterator[ReadStudent]:
    """The students whom a search finds, by key; of a log that is no archive all of them.

    An archive's come partition by partition, see `students_found`.

    Raises:
        StoreError: If the log cannot be read.
    """
    archive = as_archive(log)
    if archive is None:
        return map(ReadStudent, students(log, cut, progress))
    return students_found(archive, cut, search, progress)


def students_with(
    log: Log, cut: Cut, identity: tuple[str, str], progress: ProgressCallback = no_progress
) -> Iterator[ReadStudent]:
    """The students who have a record of a source and id, be it quarantined, by key.

    Args:
        log: Any log; of one on Kafka all students come.
        cut: In its normal form.
        identity: Source and id.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    if not isinstance(log, SqliteLog):
        return students_near(log, cut, search_event(*identity), progress)
    # Escapes hide texts, and so does an encoding that has two bytes for a letter.
    texts = [identity[1].encode(), b"\\", b"\0"]
    matching = log.read_naming([], texts, cut, progress)
    having = [each for each in matching if _identity(each) == identity]
    subjects = {key_subject(each.key) for each in having} - {None}
    records = [each for each in having if key_subject(each.key) is None]
    records += (
        each
        for each in log.read_subjects(each.encode() for each in sorted(filter(None, subjects)))
        if each.offset < cut[each.partition]
    )
    return map(ReadStudent, judged_students(_by_key(records), log.partitions))


def _identity(record: Record) -> tuple[str | None, str | None]:
    glimpse = glimpse_record(record)
    return glimpse.source, glimpse.id


def _by_key(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda each: (each.key or b"", each.partition, each.offset))


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
    archive = as_archive(log)
    if isinstance(log, SqliteLog) and len(keys) <= _NAMES_MAX:
        # An escape may hide any text.
        records = log.read_naming(sorted(keys), [*sorted(keys), b"\\u"], cut, progress)
    elif archive is None:
        records = with_progress(log.read(dict.fromkeys(cut, 0), cut), progress)
    else:
        home, search = _homes(log, subjects), search_subjects(subjects)
        records = chain.from_iterable(
            found_records(archive, each, cut[each], search._replace(has_events=each in home))
            for each in partitions_about(log, subjects)
        )
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
    return judged_students(_by_key(matching), log.partitions)


def partitions_about(log: Log, subjects: Collection[str]) -> list[int]:
    """The partitions that are read for some students, or asked by their typed columns.

    All of them, but of an archive only their own and those with columns: reading all of a large one
    takes minutes, and elsewhere only a quarantined record can name them.
    """
    archive = as_archive(log)
    if archive is None:
        return list(range(log.partitions))
    return _partitions_asked(log, subjects, segments_without_columns(archive))


def _partitions_asked(
    log: Log, subjects: Collection[str], without_columns: Iterable[Segment]
) -> list[int]:
    unknown = {segment.partition for segment in without_columns}
    return sorted(set(range(log.partitions)) - unknown | _homes(log, subjects))


def _homes(log: Log, subjects: Collection[str]) -> set[int]:
    """The partitions of some students."""
    return {partition_of(subject.encode("ascii"), log.partitions) for subject in subjects}


def unread_remark(log: Log, subjects: Collection[str]) -> str | None:
    """What was not checked or not read of an archive, as a person should know; None elsewhere.

    Args:
        log: Any log.
        subjects: The students who were asked for; all of them where empty.
    """
    archive = as_archive(log)
    if archive is None:
        return None
    without = segments_without_columns(archive)
    partitions = _partitions_asked(log, subjects, without) if subjects else range(log.partitions)
    remark = (
        "found by the archive's typed columns where these are fresh, read from sealed records;"
        " a record that forged columns leave out is missing here, and found by `outcomes verify`"
    )
    segments = [each for each in archive.manifest.segments if each.partition in partitions]
    stale = sum(segment.partition in partitions for segment in without)
    if stale:
        remark += (
            f"; no typed columns of this ledger for {stale:,} of"
            f" {pluralise(len(segments), 'segment')}, whose partitions are read whole;"
            f" `outcomes archive {archive.folder}` builds them"
        )
    unread = log.partitions - len(partitions)
    if unread:
        others = f"{pluralise(unread, 'other partition')} of the archive not read"
        remark += f"; {others}; only quarantined records there could name a student"
    return remark
