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
from schemas.admission import Event, admit_with_content
from schemas.record import Record

__all__ = ["BUILD_RECORDS_MIN", "Build", "is_build_due"]

BUILD_RECORDS_MIN = 20_000
"""A shorter backlog is one small batch, in which a student is folded once anyway."""

_STUDENTS_AT_ONCE = 2_000
_RECORDS_AT_ONCE = 5_000
"""Of one key; a student has at most 1,000 events, but a producer may send anything."""

_CHECK_EVERY = 500
_RECORDED_AT, _KEY = itemgetter(2), itemgetter(3)
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

    def run(self, partition: int, records: Iterable[Record]) -> PartitionState | None:
        """Replace a partition's state, to the byte by what its records in batches would make.

        Args:
            partition: Of the records.
            records: All of its records from offset 0 to some offset, in order.

        Returns:
            The state as committed; None, and nothing is replaced, where there are no records.

        Raises:
            StoreError: If the read model or the temporary folder cannot take them.
        """
        state, increment = PartitionState(), Increment.under(self._policies)
        with _collection_in_steps() as collect:
            ordered = sort_by_key(self._observed(partition, records, state))
            first = next(ordered, None)
            if first is None:
                return None

            def rows() -> Iterator[Rows]:
                folded = 0
                for count, batch in self._batches(chain([first], ordered), state, increment):
                    folded += count
                    self._show("build.folded", partition, folded)
                    yield batch
                    collect()
                state.records.merge(increment.records)
                for policy, changes in increment.figures().items():
                    deque(state.add(policy, changes), maxlen=0)

            self._store.replace_partition(partition, state, rows())
        return state

    def _show(self, event: str, partition: int, records: int) -> None:
        """Log how far the build has come, every few seconds."""
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + _PROGRESS_SECONDS
            logger().info(event, partition=partition, records=records)

    def _observed(
        self, partition: int, records: Iterable[Record], state: PartitionState
    ) -> Iterator[Record]:
        """The records as they come; afterwards the state knows the first, the last and the end."""
        rest, read, latest = iter(records), 0, 0
        while chunk := list(islice(rest, _CHECK_EVERY)):
            self._check()
            if not read:
                state.first_record, latest = record_hash(chunk[0]), chunk[0].recorded_at
            latest = max(latest, *map(_RECORDED_AT, chunk))
            yield from chunk
            read += len(chunk)
            self._show("build.read", partition, read)
            last = chunk[-1]
        if read:
            state.next_offset, state.latest_recorded_at = last.offset + 1, latest
            # As the log gives it, where recorded_at never goes back.
            state.last_record = record_hash(last._replace(recorded_at=latest))

    def _batches(
        self, ordered: Iterable[Record], state: PartitionState, increment: Increment
    ) -> Iterator[tuple[int, Rows]]:
        """Some students at a time: the number of their records, and their rows."""
        count, rows = 0, Rows([], [])
        for number, (_, records) in enumerate(groupby(ordered, key=_KEY), 1):
            count += self._fold_key(records, rows, state, increment)
            if number % _CHECK_EVERY == 0:
                self._check()
            if number % _STUDENTS_AT_ONCE == 0:
                yield count, rows
                count, rows = 0, Rows([], [])
        if count:
            yield count, rows

    def _fold_key(
        self, records: Iterator[Record], rows: Rows, state: PartitionState, increment: Increment
    ) -> int:
        """Add what the records of one key come to, a student and dead letters; their number."""
        subject, bytes_, count, partitions = "", None, 0, self._partitions
        while chunk := list(islice(records, _RECORDS_AT_ONCE)):
            count += len(chunk)
            events = list[Event]()
            for record in chunk:
                admitted = admit_with_content(record, partitions)
                if isinstance(admitted, Event):
                    events.append(admitted)
                else:
                    increment.records.quarantined[admitted.rule] += 1
                    rows.dead_letters.append(dead_letter_of(record, admitted.rule))
            if events:
                subject = events[0].subject
                bytes_ = fold_student(subject, bytes_, events, increment)
            if increment.over_limit:
                rows.dead_letters.extend(_over_limit(chunk, increment))
        if bytes_ is not None:
            state.add_hash(student_hash(subject, bytes_))
            rows.students.append((subject, bytes_))
        return count


def _over_limit(records: Iterable[Record], increment: Increment) -> list[DeadLetter]:
    offsets = {event.offset for event in increment.over_limit}
    increment.over_limit.clear()
    rule = Disposition.OVER_LIMIT.value
    return [dead_letter_of(record, rule) for record in records if record.offset in offsets]


@contextmanager
def _collection_in_steps() -> Iterator[Callable[[], object]]:
    """Let the garbage collector look at the latest objects alone, when it is called."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield lambda: gc.collect(0)
    finally:
        if was_enabled:
            gc.enable()
