"""The embedded follower: the live fold on a log that needs no broker, without Faust."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

from ledger.log import Log
from ledger.log.identity import identity_of
from processors.live_fold import LiveFold

__all__ = ["Follower"]

BATCH_RECORDS = 100_000
_POLL_SECONDS = 0.2


class Follower:
    """Folds what a log holds and what is appended later, partition after partition."""

    def __init__(self, log: Log, fold: LiveFold) -> None:
        """Open the state of every partition.

        Raises:
            StoreError: If the state belongs to another log.
        """
        self._log = log
        self._fold = fold
        identity = identity_of(log)
        for partition in range(log.partitions):
            fold.open_partition(partition, identity.get(partition))

    def step(self) -> int:
        """Fold at most one batch of every partition; the number of records read."""
        count = 0
        for partition, end in self._log.end().items():
            start = self._fold.states[partition].next_offset
            if start < end:
                waiting = self._log.read({partition: start}, {partition: end})
                batch = list(islice(waiting, BATCH_RECORDS))
                self._fold.apply(partition, batch)
                count += len(batch)
        return count

    def run(self, stop: threading.Event, *, once: bool) -> Iterator[int]:
        """Follow the log; a batch that has begun is finished.

        Args:
            stop: Ends it when set.
            once: End when everything that the log holds is folded.

        Yields:
            The number of records read, after each step that read any.
        """
        while not stop.is_set():
            count = self.step()
            if count:
                yield count
            elif once:
                return
            else:
                stop.wait(_POLL_SECONDS)
