"""The live fold on a Kafka topic: what a worker does for the partitions that are its own.

Everything here runs in one thread beside Faust's event loop, so that heartbeats go on while a
backlog is folded. Faust says which partitions and delivers what comes; what is folded, and how far,
is decided by the read model's next offset alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from ledger.diagnostics import logger
from ledger.errors import StoreError, UnreachableError
from ledger.log import NewRecord
from ledger.log.identity import identity_of
from ledger.log.kafka.log import KafkaLog
from processors.dead_letters import dead_letter_key, encode_dead_letter
from processors.live_fold import FoldCancelledError, LiveFold
from processors.partials import encode_partial, partial_key
from schemas import Record

__all__ = ["KafkaFold", "Topics"]

CATCH_UP_RECORDS = 50_000
"""A batch of a backlog: large, since a student's state is read and written once a batch."""

DEAD_LETTERS_AT_ONCE = 10_000
PAUSE_SECONDS = 0.5

_Answer = TypeVar("_Answer")


class Topics(NamedTuple):
    """What a worker reads and writes.

    Attributes:
        log: The ledger's topic.
        partials: Where figures are published.
        dead_letters: Where pointers to quarantined records are published.
    """

    log: KafkaLog
    partials: KafkaLog
    dead_letters: KafkaLog


class KafkaFold:
    """The partitions of one worker.

    Attributes:
        owned: The partitions that were taken up.
    """

    def __init__(
        self, topics: Topics, fold: LiveFold, *, years: Sequence[int], patience_seconds: float
    ) -> None:
        """Bring together a log, its read model and the topics beside the log.

        Args:
            topics: The log's, and those beside it.
            fold: Keeps the read model.
            years: Those that a live report can be made of.
            patience_seconds: How long to wait for a broker that is away.
        """
        self.owned: frozenset[int] = frozenset()
        self._log, self._partials, self._dead_letters = topics
        self._fold = fold
        self._years = years
        self._patience_seconds = patience_seconds
        self._published: dict[int, int] = {}

    def take_up(self, partitions: Iterable[int], abandoned: Callable[[], bool]) -> dict[int, int]:
        """Own these partitions and no others, fold their backlog, publish what is there.

        Args:
            partitions: As assigned.
            abandoned: Asked now and then; True ends it early, with what was committed.

        Returns:
            The next offset of each partition; nothing when it was abandoned.

        Raises:
            StoreError: If a state is of another log, or cannot be written.
        """
        self.owned = frozenset(partitions)
        identity = self._patiently(lambda: identity_of(self._log))
        for partition in sorted(self.owned):
            self._fold.open_partition(partition, identity.get(partition))
        # Whoever had them before may have died between a commit and its publication.
        self._published.clear()
        return self.catch_up(abandoned)

    def catch_up(self, abandoned: Callable[[], bool]) -> dict[int, int]:
        """Fold all that the log holds of the owned partitions, and publish it.

        Args:
            abandoned: Asked now and then; True ends it early, with what was committed.

        Returns:
            The next offset of each partition; nothing when it was abandoned.
        """
        self._fold.is_cancelled = abandoned
        try:
            self._catch_up()
        except FoldCancelledError:
            logger().info("catch_up.abandoned")
            self.owned = frozenset()
            return {}
        finally:
            self._fold.is_cancelled = lambda: False
        self.publish()
        return {one: self._fold.states[one].next_offset for one in self.owned}

    def behind(self) -> int:
        """How many records the log holds beyond the owned partitions' next offsets, at most."""
        end = self._patiently(self._log.end)
        return sum(end[one] - self._fold.states[one].next_offset for one in self.owned)

    def follow(self, records: Sequence[Record]) -> None:
        """Fold records as they are delivered: in any order across partitions, with repetition.

        Below the next offset they were folded before; above it the log is asked for what lies
        between.
        """
        by_partition: dict[int, list[Record]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        for partition, delivered in by_partition.items():
            if partition in self.owned:
                whole = self._patiently(partial(self._without_gaps, partition, delivered))
                self._fold.apply(partition, whole)

    def publish(self) -> None:
        """Publish every partition whose figures have moved, and the dead letters found."""
        moved = {
            partition: self._fold.states[partition].next_offset
            for partition in sorted(self.owned)
            if self._published.get(partition) != self._fold.states[partition].next_offset
        }
        if moved:
            self._partials.send(map(self._partial, moved))
            for partition in moved:
                self._publish_dead_letters(partition)
            self._published.update(moved)

    def check_identity(self) -> None:
        """Refuse to go on when the topic was changed or made anew under this worker.

        Raises:
            StoreError: If it is gone, has other partitions or a setting that breaks a promise, or
                if a partition begins with another record or ends below what was folded.
        """
        try:
            self._log.refuse_broken_promises()
            end, identity = self._log.end(), identity_of(self._log)
        except UnreachableError:
            return
        # Those that were moved away too: a topic that is deleted takes all partitions with it.
        for partition, state in self._fold.states.items():
            self._fold.store.check_identity(partition, state, identity.get(partition))
            if state.next_offset > end[partition]:
                raise StoreError(
                    f"{self._log.name}: partition {partition} ends at {end[partition]}, below what"
                    f" was folded, {state.next_offset}; records were lost: restore the log, or"
                    f" delete {self._fold.store.path} and start again"
                )

    def close(self) -> None:
        """Let go of the logs and the read model."""
        for one in (self._log, self._partials, self._dead_letters, self._fold.store):
            one.close()

    def _catch_up(self) -> None:
        end = self._patiently(self._log.end)
        for partition in sorted(self.owned):
            while batch := self._patiently(partial(self._next_batch, partition, end[partition])):
                self._fold.apply(partition, batch)
                logger().info("backlog.folded", partition=partition, upto=batch[-1].offset + 1)
                self.publish()

    def _next_batch(self, partition: int, end: int) -> list[Record]:
        start = self._fold.states[partition].next_offset
        waiting = self._log.read({partition: start}, {partition: end})
        return list(islice(waiting, CATCH_UP_RECORDS))

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask the log until it answers, while nobody wants this to end."""
        until = time.monotonic() + self._patience_seconds
        while True:
            try:
                return ask()
            except UnreachableError:
                if time.monotonic() > until:
                    raise
                # A topic that was deleted or made anew does not answer either.
                with suppress(UnreachableError):
                    self._log.refuse_broken_promises()
                self._fold.raise_if_cancelled()
                time.sleep(PAUSE_SECONDS)

    def _partial(self, partition: int) -> NewRecord:
        state = self._fold.states[partition]
        hashes = [policy.sha256 for policy in self._fold.policies]
        return NewRecord(
            partial_key(partition), encode_partial(partition, state, hashes, self._years)
        )

    def _publish_dead_letters(self, partition: int) -> None:
        """At least once: what was sent is noted after it was acknowledged."""
        store = self._fold.store
        while found := store.unsent_dead_letters(partition, DEAD_LETTERS_AT_ONCE):
            self._dead_letters.send(
                NewRecord(dead_letter_key(one), encode_dead_letter(one)) for one in found
            )
            store.mark_dead_letters_sent(partition, found[-1].offset + 1)

    def _without_gaps(self, partition: int, delivered: Sequence[Record]) -> list[Record]:
        expected = self._fold.states[partition].next_offset
        whole: list[Record] = []
        for record in delivered:
            if record.offset > expected:
                whole += self._log.read({partition: expected}, {partition: record.offset})
            if record.offset >= expected:
                whole.append(record)
                expected = record.offset + 1
        return whole
