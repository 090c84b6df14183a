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
    """Folds what a log holds and what comes, partition after partition."""

    def __init__(self, log: Log, fold: LiveFold) -> None:
        """Open the state of every partition.

        Raises:
            StoreError: If the state is of another log.
        """
        self._log = log
        self._fold = fold
        identity = identity_of(log)
        for partition in range(log.partitions):
            fold.open_partition(partition, identity.get(partition))

    def step(self) -> int:
        """Fold at most one batch of every partition.

        Returns:
            The number of records read.
        """
        end = self._log.end()
        read = 0
        for partition, upto in end.items():
            start = self._fold.states[partition].next_offset
            if start >= upto:
                continue
            waiting = self._log.read({partition: start}, {partition: upto})
            records = list(islice(waiting, BATCH_RECORDS))
            self._fold.apply(partition, records)
            read += len(records)
        return read

    def run(self, stop: threading.Event, *, once: bool) -> Iterator[int]:
        """Follow until told to stop; a batch that has begun is finished.

        Args:
            stop: Set by a signal handler.
            once: End when all that the log holds is folded.

        Returns:
            After each step that read any, the number of records.
        """
        while not stop.is_set():
            read = self.step()
            if read:
                yield read
            elif once:
                return
            else:
                stop.wait(_POLL_SECONDS)
