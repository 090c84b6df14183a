"""Running a worker: what keeps the live figures of a log current until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ledger.diagnostics import logger
from ledger.errors import UsageError
from ledger.log import LogAddress, TopicAddress, open_log
from processors.follower import Follower
from processors.live_figures import state_path
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from projections.policy import Policy

__all__ = ["run_worker"]


def run_worker(
    address: LogAddress,
    policies: Sequence[Policy],
    *,
    state: Path | None = None,
    once: bool = False,
) -> int:
    """Follow a log and keep its live figures current, until SIGTERM or Ctrl-C.

    Args:
        address: Of the log; on Kafka the worker shares the partitions with others.
        policies: To keep live.
        state: The read model; beside an embedded log, in the working folder on Kafka where None.
        once: Fold what the log holds, then end; for embedded logs.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If a setting is wrong.
        StoreError: If the log or the read model cannot be used.
        UsageError: If `once` is asked for on Kafka.
    """
    if isinstance(address, TopicAddress):
        from processors.kafka.worker import run_worker as run_kafka_worker  # noqa: PLC0415 - Faust

        if once:
            raise UsageError("--once is for a sqlite: log; workers on Kafka share the partitions")
        return run_kafka_worker(address, state, policies)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _follow(address, policies, state_path(address, state), once=once, stop=stop)
    return 0


def _follow(
    address: LogAddress,
    policies: Sequence[Policy],
    path: Path,
    *,
    once: bool,
    stop: threading.Event,
) -> None:
    with closing(open_log(address)) as log, closing(Store(path)) as store:
        fold = LiveFold(store, policies, log_name=log.name, partitions=log.partitions)
        follower = Follower(log, fold)
        logger().info("worker.started", log=str(address), state=str(path), policies=len(policies))
        for count in follower.run(stop, once=once):
            logger().info("batch.folded", records=count)
        logger().info("worker.stopped")
