"""The embedded follower: the live fold on a log that needs no broker, without Faust."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

from ledger.log import Log
from ledger.log.identity import PrefixIdentities
from processors.live_fold import FoldCancelledError, LiveFold

__all__ = ["Follower"]

BATCH_RECORDS = 50_000
_POLL_SECONDS = 0.2
_CHECK_SECONDS = 1.0


class Follower:
    """Folds what a log holds and what is appended later, partition after partition."""

    def __init__(
        self, log: Log, fold: LiveFold, *, is_replaced: Callable[[], bool] = lambda: False
    ) -> None:
        """Open the state of every partition, and check that it was folded from this log.

        Args:
            log: To follow.
            fold: Of a read model.
            is_replaced: Whether the log must be opened again.

        Raises:
            StoreError: If the log or the read model cannot be read.
        """
        self._log = log
        self._fold = fold
        self._is_replaced = is_replaced
        self._identities = PrefixIdentities(log)
        self._next_check = 0.0
        for partition in range(log.partitions):
            fold.open_partition(partition)
        fold.check_history(self._identities)

    def step(self) -> int:
        """Fold a batch of every partition, or all of a long backlog; the number of records."""
        end = self._log.end()
        folded = {number: state.next_offset for number, state in self._fold.states.items()}
        self._check(has_moved=end != folded)
        count = 0
        for partition in end:
            # After the check, which may have set it back.
            start = self._fold.states[partition].next_offset
            if self._fold.is_build_due(partition, end[partition]):
                count += self._build(partition, end[partition])
            elif start < end[partition]:
                waiting = self._log.read({partition: start}, {partition: end[partition]})
                batch = list(islice(waiting, BATCH_RECORDS))
                self._fold.apply(partition, batch)
                count += len(batch)
        return count

    def run(self, stop: threading.Event, *, once: bool) -> Iterator[int]:
        """Follow the log until it is replaced.

        Args:
            stop: Ends it when set; nothing is kept of a batch that has only begun.
            once: End when everything that the log holds is folded.

        Yields:
            The number of records read, after each step that read any.
        """
        self._fold.is_cancelled = stop.is_set
        while not stop.is_set() and not self._is_replaced():
            try:
                count = self.step()
            except FoldCancelledError:
                return
            if count:
                yield count
            elif once:
                return
            else:
                stop.wait(_POLL_SECONDS)

    def _build(self, partition: int, end: int) -> int:
        """Fold a long backlog by student; the number of records read."""
        before = self._fold.states[partition].next_offset
        records = self._log.read_partition_by_key(
            partition, end, tick=self._fold.raise_if_cancelled
        )
        self._fold.build(partition, records, are_sorted=True)
        return self._fold.states[partition].next_offset - before

    def _check(self, *, has_moved: bool) -> None:
        """Before a batch, and now and then: a log may be restored from a copy at any moment."""
        if has_moved or time.monotonic() >= self._next_check:
            self._fold.check_history(self._identities)
            self._next_check = time.monotonic() + _CHECK_SECONDS
