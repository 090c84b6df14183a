"""What is made of segments by DuckDB, several at a time: by threads, or by processes.

DuckDB needs no interpreter while it works, so threads of this process are as quick as others, and a
process takes longer to start than a segment's statements. What `schemas` has to judge is Python,
and of that there is one at a time in a process; so segments that are mostly that go to others.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import filterfalse
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, NamedTuple, Protocol, TypeVar

from ledger.columns.database import Database, stop_threads
from ledger.columns.segments import ManyLeftError, Means, is_for_sql
from ledger.log.archive import Segment
from ledger.log.archive.files import translate_archive_errors
from ledger.log.archive.workers import Advance, Done, run_job
from ledger.log.progress import ProgressCallback

__all__ = ["ColumnJob", "run_column_job"]

_LEFT_MAX = 20_000

_Made = TypeVar("_Made")
_Made_co = TypeVar("_Made_co", covariant=True)


class ColumnJob(Protocol[_Made_co]):
    """What is made of each segment; it may go to other processes, and what it makes comes back."""

    @property
    def folder(self) -> Path:
        """The archive."""

    @property
    def run_folder(self) -> Path:
        """Where files are until they are complete, and what a database spills."""

    def make(self, segment: Segment, advance: ProgressCallback, means: Means) -> _Made_co:
        """Make it of one segment.

        Args:
            segment: One of the archive's.
            advance: Called with the number of records read since its last call.
            means: By what.

        Raises:
            ManyLeftError: If the means do not allow it.
        """


class _Left(NamedTuple):
    segment: Segment


class _End(NamedTuple):
    """A thread has nothing more to do."""


class _Failure(NamedTuple):
    error: BaseException


_Answer = Callable[[Advance | Done | _Left | _End | _Failure], None]


class _InProcess(NamedTuple, Generic[_Made]):
    """A job as `ledger.log.archive.workers` runs it."""

    job: ColumnJob[_Made]

    @property
    def folder(self) -> Path:
        return self.job.folder

    def make(self, segment: Segment, advance: ProgressCallback, *, beside: int) -> _Made:
        with closing(Database(self.job.run_folder, beside=beside)) as database:
            return self.job.make(segment, advance, Means(database))


def run_column_job(
    job: ColumnJob[_Made], segments: Sequence[Segment], advance: ProgressCallback
) -> Generator[_Made]:
    """Do a job for some segments, by as many threads or processes as there are cores.

    Args:
        job: What is made.
        segments: Any of the archive's segments.
        advance: Called with the number of records read since its last call.

    Yields:
        What was made, as it is complete; threads and processes end with the generator.

    Raises:
        StoreError: If something cannot be made, or a process has ended.
        DamagedArchiveError: If records are not those that were sealed.
    """
    for_sql = list(filter(is_for_sql, segments))
    left = list(filterfalse(is_for_sql, segments))
    count = min(os.cpu_count() or 1, len(for_sql))
    if count < 2:  # noqa: PLR2004 - one at a time
        left = list(segments)
    else:
        yield from _run_in_threads(job, for_sql, count, advance, left)
    yield from run_job(_InProcess(job), left, advance)


def _run_in_threads(
    job: ColumnJob[_Made],
    segments: Sequence[Segment],
    count: int,
    advance: ProgressCallback,
    left: list[Segment],
) -> Generator[_Made]:
    """Do a job for some segments; those with too much for `schemas` are added to *left*."""
    # Long ones first, so that no thread is left with one when the others are done.
    waiting = deque(sorted(segments, key=attrgetter("plain_bytes"), reverse=True))
    answers = SimpleQueue[Advance | Done | _Left | _End | _Failure]()
    with ExitStack() as stack:
        databases = [
            stack.enter_context(closing(Database(job.run_folder, beside=count - 1)))
            for _ in range(count)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(count))
        running = [
            pool.submit(_serve, job, database, waiting, answers.put) for database in databases
        ]
        try:
            while count:
                match answers.get():
                    case Advance(records):
                        advance(records)
                    case Done(made):
                        yield made
                    case _Left(segment):
                        left.append(segment)
                    case _End():
                        count -= 1
                    case _Failure(error):
                        raise error
        finally:
            waiting.clear()
            stop_threads(running, databases)


def _serve(
    job: ColumnJob[_Made],
    database: Database,
    waiting: deque[Segment],
    answer: _Answer,
) -> None:
    """What a thread does: its job for each segment, until none is waiting."""
    means = Means(database, _LEFT_MAX)
    try:
        with translate_archive_errors(job.folder):
            while (segment := _next(waiting)) is not None:
                try:
                    answer(Done(job.make(segment, partial(_advanced, answer), means)))
                except ManyLeftError:
                    answer(_Left(segment))
    except BaseException as error:  # noqa: BLE001 - raised by who waits for it
        answer(_Failure(error))
    else:
        answer(_End())


def _next(waiting: deque[Segment]) -> Segment | None:
    """Take the first; another thread may have taken the last a moment before."""
    with suppress(IndexError):
        return waiting.popleft()
    return None


def _advanced(answer: _Answer, records: int) -> None:
    answer(Advance(records))
