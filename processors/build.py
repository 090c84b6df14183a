"""A backlog folded by student: each student is folded and written once, however long the backlog.

A batch of a long log touches most students, so that following it in batches reads and writes each
of them again and again. Here the partition's records are sorted by student first. Nothing is kept
of a build that was interrupted: what was folded before stands until all of it can be replaced.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, islice
from operator import itemgetter

from ledger.diagnostics import logger
from ledger.log.identity import record_hash
from ledger.log.record_sort import sort_by_key
from processors.dead_letters import DeadLetter, dead_letter_of
from processors.read_model.checksum import student_hash
from processors.read_model.increments import Increment, fold_student
from processors.read_model.partition_state import PartitionState
from processors.read_model.store import Rows, Store
from projections.history import Disposition
from projections.policy import Policy
from schemas.admission import Event, Quarantined, admit_with_content
from schemas.record import Record

__all__ = ["BUILD_RECORDS_MIN", "Build", "is_build_due"]

BUILD_RECORDS_MIN = 20_000
"""A shorter backlog is one small batch, in which a student is folded once anyway."""

_STUDENTS_AT_ONCE = 2_000
_RECORDS_AT_ONCE = 5_000
"""Of one key; a student has at most 1,000 events, but a producer may send anything."""

_CHECK_EVERY = 500
_COLLECT_AFTER = 1_000
"""Failing records, which alone leave what refers to itself."""

_KEY = itemgetter(3)
_PROGRESS_SECONDS = 5.0


def is_build_due(folded: int, waiting: int) -> bool:
    """Whether a backlog is so long that folding the whole log by student takes less time.

    Args:
        folded: Records that were folded already; a build folds them again.
        waiting: Records that were not.
    """
    return waiting > max(folded, BUILD_RECORDS_MIN)


class Build:
    """Builds the state of one partition from its records.

    Args:
        store: The read model's file.
        policies: To keep live.
        partitions: Of the log.
        check: Called every few hundred records; what it raises ends the build, which leaves the
            read model as it was.
    """

    def __init__(
        self,
        store: Store,
        policies: Sequence[Policy],
        partitions: int,
        *,
        check: Callable[[], None],
    ) -> None:
        self._store = store
        self._policies = policies
        self._partitions = partitions
        self._check = check
        self._next_progress = time.monotonic() + _PROGRESS_SECONDS

    def run(
        self, partition: int, records: Iterable[Record], *, are_sorted: bool
    ) -> PartitionState | None:
        """Replace a partition's state, to the byte by what its records in batches would make.

        Args:
            partition: Of the records.
            records: All of its records from offset 0 to some offset.
            are_sorted: Whether they come by (key, offset), as a log may give them; otherwise they
                come by offset.

        Returns:
            The state as committed; None, and nothing is replaced, where there are no records.

        Raises:
            StoreError: If the read model or the temporary folder cannot take them.
        """
        with _collection_in_steps() as collect:
            ordered = records if are_sorted else sort_by_key(self._observed(partition, records))
            students = groupby(ordered, key=_KEY)
            first = next(students, None)
            if first is None:
                return None
            folding = _Folding(self._partitions, Increment.under(self._policies))

            def rows() -> Iterator[Rows]:
                failed = 0
                for batch in self._batches(chain([first], students), folding):
                    self._show("build.folded", partition, folding.count)
                    yield batch
                    failed += len(batch.dead_letters)
                    if failed >= _COLLECT_AFTER:
                        collect()
                        failed = 0
                folding.complete()

            self._store.replace_partition(partition, folding.state, rows())
        return folding.state

    def _show(self, event: str, partition: int, records: int) -> None:
        """Log how far the build has come, every few seconds."""
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + _PROGRESS_SECONDS
            logger().info(event, partition=partition, records=records)

    def _observed(self, partition: int, records: Iterable[Record]) -> Iterator[Record]:
        """The records as they come."""
        rest, read = iter(records), 0
        while chunk := list(islice(rest, _CHECK_EVERY)):
            self._check()
            yield from chunk
            read += len(chunk)
            self._show("build.read", partition, read)

    def _batches(
        self, students: Iterable[tuple[bytes | None, Iterator[Record]]], folding: _Folding
    ) -> Iterator[Rows]:
        """The rows of some students at a time."""
        number = 0
        for number, (_, records) in enumerate(students, 1):
            folding.fold_key(records)
            if number % _CHECK_EVERY == 0:
                self._check()
            if number % _STUDENTS_AT_ONCE == 0:
                yield folding.take_rows()
        if number % _STUDENTS_AT_ONCE:
            yield folding.take_rows()


class _Folding:
    """A partition's state while its records come by key.

    Attributes:
        state: Complete once all records are through, see `complete`.
        count: Of the records that are.
    """

    def __init__(self, partitions: int, increment: Increment) -> None:
        self.state = PartitionState()
        self.count = 0
        self._partitions = partitions
        self._increment = increment
        self._rows = Rows([], [])
        self._first: Record | None = None
        self._last: Record | None = None

    def fold_key(self, records: Iterator[Record]) -> None:
        """Add what the records of one key come to: a student, and dead letters."""
        subject, bytes_ = "", None
        while chunk := list(islice(records, _RECORDS_AT_ONCE)):
            self._note(chunk)
            events = self._admit(chunk)
            if events:
                subject = events[0].subject
                bytes_ = fold_student(subject, bytes_, events, self._increment)
            if self._increment.over_limit:
                self._rows.dead_letters.extend(_over_limit(chunk, self._increment))
        if bytes_ is not None:
            self.state.add_hash(student_hash(subject, bytes_))
            self._rows.students.append((subject, bytes_))

    def take_rows(self) -> Rows:
        """The rows since the last time."""
        rows, self._rows = self._rows, Rows([], [])
        return rows

    def complete(self) -> None:
        """Add to the state what is known once all records are through."""
        assert self._first is not None
        assert self._last is not None
        state, increment = self.state, self._increment
        state.first_record = record_hash(self._first)
        state.last_record = record_hash(self._last)
        state.next_offset = self._last.offset + 1
        # In a log it never goes back.
        state.latest_recorded_at = self._last.recorded_at
        state.records.merge(increment.records)
        for policy, changes in increment.figures().items():
            deque(state.add(policy, changes), maxlen=0)

    def _note(self, chunk: Sequence[Record]) -> None:
        """Remember the first and the last record of the partition."""
        self.count += len(chunk)
        first, last = chunk[0], chunk[-1]
        if self._first is None or first.offset < self._first.offset:
            self._first = first
        if self._last is None or last.offset > self._last.offset:
            self._last = last

    def _admit(self, chunk: Sequence[Record]) -> list[Event]:
        """The events among some records; the others become dead letters."""
        partitions, increment = self._partitions, self._increment
        admitted = [admit_with_content(record, partitions) for record in chunk]
        events = [each for each in admitted if type(each) is Event]
        if len(events) < len(chunk):
            for record, result in zip(chunk, admitted, strict=True):
                if isinstance(result, Quarantined):
                    increment.records.quarantined[result.rule] += 1
                    self._rows.dead_letters.append(dead_letter_of(record, result.rule))
        return events


def _over_limit(records: Iterable[Record], increment: Increment) -> list[DeadLetter]:
    offsets = {event.offset for event in increment.over_limit}
    increment.over_limit.clear()
    rule = Disposition.OVER_LIMIT.value
    return [dead_letter_of(record, rule) for record in records if record.offset in offsets]


@contextmanager
def _collection_in_steps() -> Iterator[Callable[[], object]]:
    """Let the garbage collector look at the latest objects alone, and only when it is called."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield lambda: gc.collect(0)
    finally:
        if was_enabled:
            gc.enable()
