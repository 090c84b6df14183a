"""Running a worker: what keeps the live figures of a log current until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ledger.diagnostics import logger
from ledger.errors import UsageError
from ledger.log import Log, LogAddress, TopicAddress, open_log
from processors.follower import Follower
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from processors.stored_figures import FileAddress, state_path
from projections.policy import Policy

__all__ = ["run_worker"]


def run_worker(
    address: LogAddress,
    policies: Sequence[Policy],
    *,
    state: Path | None = None,
    once: bool = False,
    processes: int = 1,
) -> int:
    """Follow a log and keep its live figures current, until SIGTERM or Ctrl-C.

    Args:
        address: Of the log; on Kafka the worker shares the partitions with others.
        policies: To keep live.
        state: The read model; beside an embedded log, in the working folder on Kafka where None.
        once: Fold what the log holds, then end; for embedded logs.
        processes: How many workers share the partitions; more than one on Kafka only.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If a setting is wrong.
        StoreError: If the log or the read model cannot be used.
        UsageError: If `once` is asked for on Kafka, or several processes on a file.
    """
    if isinstance(address, TopicAddress):
        from processors.kafka.worker import run_workers  # noqa: PLC0415 - Faust

        if once:
            raise UsageError("--once is for a sqlite: log; workers on Kafka share the partitions")
        return run_workers(address, state, policies, processes=processes)
    if processes > 1:
        raise UsageError(
            f"--processes {processes}: one worker follows a file; a log on Kafka can have several"
        )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _follow(address, policies, state_path(address, state), once=once, stop=stop)
    return 0


def _follow(
    address: FileAddress,
    policies: Sequence[Policy],
    path: Path,
    *,
    once: bool,
    stop: threading.Event,
) -> None:
    with closing(_LogFile(address)) as file, closing(Store(path)) as store:
        logger().info("worker.started", log=str(address), state=str(path), policies=len(policies))
        is_replaced = True
        while is_replaced and not stop.is_set():
            log = file.open()
            fold = LiveFold(
                store, policies, log_name=log.name, partitions=log.partitions, refold=True
            )
            follower = Follower(log, fold, is_replaced=file.is_replaced)
            for count in follower.run(stop, once=once):
                logger().info("batch.folded", records=count)
            is_replaced = file.is_replaced()
        logger().info("worker.stopped")


class _LogFile:
    """An embedded log that may be replaced by another file while it is followed."""

    def __init__(self, address: FileAddress) -> None:
        self._address = address
        self._identity = self._current_identity()
        self._log = open_log(address)

    def open(self) -> Log:
        """The log in the file that is there now."""
        if self.is_replaced():
            self._log.close()
            self._identity = self._current_identity()
            self._log = open_log(self._address)
        return self._log

    def is_replaced(self) -> bool:
        """Whether the log that is open is no longer the one at its address."""
        # While a restore has removed the file and not yet put the other in place, there is none.
        return self._current_identity() not in (None, self._identity)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _current_identity(self) -> tuple[int, int] | None:
        try:
            status = self._address.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
