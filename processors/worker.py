"""Running a worker: what keeps the live figures of a log current until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ledger.diagnostics import logger
from ledger.errors import UsageError
from ledger.log import Log, LogAddress, TopicAddress, open_log
from processors.follower import Follower
from processors.live_figures import open_live_figures
from processors.live_fold import BatchObserver, LiveFold
from processors.metrics.reporting import SILENCE, Reporting, report_to_folder, serve_metrics
from processors.read_model.store import Store
from processors.stored_figures import FileAddress, state_path
from projections.policy import Policy

__all__ = ["WorkerOptions", "run_worker"]


class WorkerOptions(NamedTuple):
    """How a worker runs.

    Attributes:
        state: The read model; beside an embedded log, in the working folder on Kafka where None.
        once: Fold what the log holds, then end; for embedded logs.
        processes: How many workers share the partitions; more than one on Kafka only.
        metrics: Where they are served, `[HOST:]PORT`; nowhere where None.
        metrics_folder: Where they are kept for another process that serves them.
        owner: The process that is to be stopped to stop this worker; its own where None.
    """

    state: Path | None = None
    once: bool = False
    processes: int = 1
    metrics: str | None = None
    metrics_folder: Path | None = None
    owner: int | None = None


def run_worker(
    address: LogAddress, policies: Sequence[Policy], options: WorkerOptions | None = None
) -> int:
    """Follow a log and keep its live figures current, until SIGTERM or Ctrl-C.

    Args:
        address: Of the log; on Kafka the worker shares the partitions with others.
        policies: To keep live.
        options: How.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If a setting is wrong.
        StoreError: If the log or the read model cannot be used, or the metrics' port is taken.
        UsageError: If `once` is asked for on Kafka, or several processes on a file.
    """
    chosen = options or WorkerOptions()
    _refuse_impossible(address, chosen)
    with _reporting(address, chosen) as reporting:
        if isinstance(address, TopicAddress):
            from processors.kafka.worker import Fleet, run_workers  # noqa: PLC0415 - Faust

            return run_workers(address, policies, Fleet(chosen.state, chosen.processes, reporting))
        stop = threading.Event()
        # Set by a thread: the wait that a handler interrupts may hold the lock that `set` takes.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())
        reporting.start()
        _FileWorker(address, policies, chosen, reporting.observer()).follow(stop)
    return 0


def _refuse_impossible(address: LogAddress, options: WorkerOptions) -> None:
    if isinstance(address, TopicAddress):
        if options.once:
            raise UsageError("--once is for a sqlite: log; workers on Kafka share the partitions")
    elif options.processes > 1:
        raise UsageError(
            f"--processes {options.processes}: one worker follows a file; a log on Kafka can have"
            " several"
        )


@contextmanager
def _reporting(address: LogAddress, options: WorkerOptions) -> Iterator[Reporting]:
    if options.metrics is not None:
        opening = partial(open_live_figures, address, options.state)
        with serve_metrics(options.metrics, opening) as reporting:
            yield reporting
    elif options.metrics_folder is not None:
        yield report_to_folder(options.metrics_folder)
    else:
        yield SILENCE


class _FileWorker(NamedTuple):
    """What follows a log in a file."""

    address: FileAddress
    policies: Sequence[Policy]
    options: WorkerOptions
    observer: BatchObserver | None

    def follow(self, stop: threading.Event) -> None:
        """Follow the log until stopped, whatever file is put in its place."""
        path = state_path(self.address, self.options.state)
        with (
            closing(_LogFile(self.address)) as file,
            closing(Store(path, owner=self.options.owner)) as store,
        ):
            logger().info(
                "worker.started",
                log=str(self.address),
                state=str(path),
                policies=len(self.policies),
            )
            is_replaced = True
            while is_replaced and not stop.is_set():
                for count in self._follower(file, store).run(stop, once=self.options.once):
                    logger().info("batch.folded", records=count)
                is_replaced = file.is_replaced()
            logger().info("worker.stopped")

    def _follower(self, file: _LogFile, store: Store) -> Follower:
        log = file.open()
        fold = LiveFold(
            store, self.policies, log_name=log.name, partitions=log.partitions, refold=True
        )
        fold.on_batch = self.observer
        return Follower(log, fold, is_replaced=file.is_replaced)


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
