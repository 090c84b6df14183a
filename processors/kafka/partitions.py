"""The live fold on a Kafka topic: what a worker does for the partitions that it owns.

Everything here runs in one thread beside Faust's event loop, so that heartbeats continue while a
backlog is folded. Faust assigns partitions and delivers records; what is folded, and how far, is
decided by the read model's next offset alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from ledger.diagnostics import logger
from ledger.errors import UnreachableError
from ledger.log import Cut, NewRecord
from ledger.log.identity import PrefixIdentities
from ledger.log.kafka.log import KafkaLog
from ledger.log.kafka.waiting import ask_patiently
from processors.dead_letters import dead_letter_key, encode_dead_letter
from processors.kafka.broker_watch import BrokerWatch
from processors.live_fold import FoldCancelledError, LiveFold
from processors.partials import encode_partial, partial_key
from schemas.record import Record

__all__ = ["KafkaFold", "Topics"]

CATCH_UP_RECORDS = 50_000
"""A batch of the backlog: large, since a student's state is read and written once a batch."""

DEAD_LETTERS_AT_ONCE = 10_000

_Answer = TypeVar("_Answer")


class Topics(NamedTuple):
    """The topics that a worker reads and writes.

    Attributes:
        log: The ledger's records.
        partials: Published figures.
        dead_letters: Published pointers to quarantined records.
    """

    log: KafkaLog
    partials: KafkaLog
    dead_letters: KafkaLog


class KafkaFold:
    """The partitions of one worker.

    Attributes:
        owned: The partitions that are assigned and opened.
    """

    def __init__(
        self, topics: Topics, fold: LiveFold, *, years: Sequence[int], retry_seconds: float
    ) -> None:
        """Connect a log, its read model and its derived topics.

        Args:
            topics: The log's topic and the derived ones.
            fold: Maintains the read model.
            years: The years that a live report can cover.
            retry_seconds: How long to wait for a broker that is away.
        """
        self.owned: frozenset[int] = frozenset()
        self._log, self._partials, self._dead_letters = topics
        self._fold = fold
        self._years = years
        self._retry_seconds = retry_seconds
        self._published: dict[int, int] = {}
        # The next offsets of partitions whose records waited at the last look.
        self._waiting: dict[int, int] = {}
        self._identities = PrefixIdentities(self._log)
        self._brokers = BrokerWatch(self._log.name)

    def on_assigned(
        self, partitions: Iterable[int], is_cancelled: Callable[[], bool]
    ) -> dict[int, int]:
        """Own exactly these partitions, fold their backlog, publish their figures.

        Args:
            partitions: The assigned ones.
            is_cancelled: Called regularly; True ends the fold early, with what was committed.

        Returns:
            The next offset of each partition; empty if it was cancelled.

        Raises:
            StoreError: If a state is of another log, or cannot be written.
        """
        self.owned = frozenset(partitions)
        for partition in sorted(self.owned):
            self._fold.open_partition(partition)
        self._retry(lambda: self._fold.check_history(self._identities))
        # Whoever had them before may have died between a commit and its publication.
        self._published.clear()
        return self.catch_up(is_cancelled)

    def catch_up(self, is_cancelled: Callable[[], bool]) -> dict[int, int]:
        """Fold all records of the owned partitions, and publish their figures.

        Args:
            is_cancelled: Called regularly; True ends the fold early, with what was committed.

        Returns:
            The next offset of each partition; empty if it was cancelled.
        """
        self._fold.is_cancelled = is_cancelled
        try:
            self._catch_up()
        except FoldCancelledError:
            logger().info("catch_up.cancelled")
            self.owned = frozenset()
            return {}
        finally:
            self._fold.is_cancelled = lambda: False
        self.publish()
        return {number: self._fold.states[number].next_offset for number in self.owned}

    def count_waiting(self) -> int:
        """The number of offsets in the log beyond the owned partitions' next offsets."""
        end = self._retry(self._log.end)
        return sum(end[number] - self._fold.states[number].next_offset for number in self.owned)

    def has_stalled(self) -> bool:
        """Whether records waited at the last look too, and none was folded since.

        Faust delivers at once, so it has left them out: it does so at times when partitions move.
        """
        try:
            end = self._log.end()
        except UnreachableError:
            return False
        before = self._waiting
        self._waiting = {
            number: offset
            for number in self.owned
            if (offset := self._next_offset(number)) < end[number]
        }
        return bool(before.items() & self._waiting.items())

    def follow(self, records: Sequence[Record]) -> None:
        """Fold delivered records: in any order across partitions, possibly repeated.

        Records below the next offset were folded before; a gap above it is read from the log.
        """
        by_partition: dict[int, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        for partition, delivered in by_partition.items():
            if partition in self.owned:
                complete = self._retry(partial(self._without_gaps, partition, delivered))
                self._fold.apply(partition, complete)

    def publish(self) -> None:
        """Publish every partition whose figures have changed, and its dead letters."""
        changed = {
            partition: self._fold.states[partition].next_offset
            for partition in sorted(self.owned)
            if self._published.get(partition) != self._fold.states[partition].next_offset
        }
        if changed:
            self._partials.send(map(self._partial, changed))
            for partition in changed:
                self._publish_dead_letters(partition)
            self._published.update(changed)

    def check_identity(self) -> None:
        """Refuse to continue on a topic that was changed or recreated.

        Raises:
            StoreError: If it is gone, has other partitions or a setting that breaks a promise, or
                if the records that were folded are no longer its records.
        """
        try:
            self._brokers.observe(self._log.brokers())
            self._log.refuse_broken_promises()
            # Partitions that moved away are checked too: deleting a topic deletes them all.
            self._fold.check_history(self._identities)
        except UnreachableError as error:
            self._brokers.observe_silence(error)

    def close(self) -> None:
        """Close the logs and the read model."""
        for resource in (self._log, self._partials, self._dead_letters, self._fold.store):
            resource.close()

    def _catch_up(self) -> None:
        end = self._retry(self._log.end)
        for partition in sorted(self.owned):
            if self._fold.is_build_due(partition, end[partition]):
                self._fold.build(partition, chain.from_iterable(self._batches(partition, 0, end)))
                self._show_and_publish(partition)
            for batch in self._batches(partition, self._next_offset(partition), end):
                self._fold.apply(partition, batch)
                self._show_and_publish(partition)

    def _show_and_publish(self, partition: int) -> None:
        logger().info("backlog.folded", partition=partition, end=self._next_offset(partition))
        self.publish()

    def _next_offset(self, partition: int) -> int:
        return self._fold.states[partition].next_offset

    def _batches(self, partition: int, start: int, end: Cut) -> Iterator[list[Record]]:
        """The records from an offset on, in batches, each asked for until the log answers."""
        reading: Iterator[Record] | None = None

        def read() -> list[Record]:
            nonlocal reading
            rest = reading or self._log.read({partition: start}, {partition: end[partition]})
            # What has failed once has nothing more to give: then another reading is begun.
            reading = None
            batch = list(islice(rest, CATCH_UP_RECORDS))
            reading = rest
            return batch

        while batch := self._retry(read):
            yield batch
            start = batch[-1].offset + 1

    def _retry(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask the log until it answers, the time is up, or the fold is cancelled."""

        def before_retry() -> None:
            # A topic that was deleted or recreated does not answer either.
            with suppress(UnreachableError):
                self._log.refuse_broken_promises()
            self._fold.raise_if_cancelled()

        return ask_patiently(
            self._log.name, ask, seconds=self._retry_seconds, before_retry=before_retry
        )

    def _partial(self, partition: int) -> NewRecord:
        state = self._fold.states[partition]
        keys = [policy.figures_key for policy in self._fold.policies]
        return NewRecord(
            partial_key(partition), encode_partial(partition, state, keys, self._years)
        )

    def _publish_dead_letters(self, partition: int) -> None:
        """Publish at least once: records are marked as sent after their acknowledgement."""
        store = self._fold.store
        while letters := store.unsent_dead_letters(partition, DEAD_LETTERS_AT_ONCE):
            self._dead_letters.send(
                NewRecord(dead_letter_key(letter), encode_dead_letter(letter)) for letter in letters
            )
            store.mark_dead_letters_sent(partition, letters[-1].offset + 1)

    def _without_gaps(self, partition: int, delivered: Sequence[Record]) -> list[Record]:
        expected = self._fold.states[partition].next_offset
        complete: list[Record] = []
        for record in delivered:
            if record.offset > expected:
                complete += self._log.read({partition: expected}, {partition: record.offset})
            if record.offset >= expected:
                complete.append(record)
                expected = record.offset + 1
        return complete
