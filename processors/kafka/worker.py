"""Building and running a worker on Kafka from a URL, a file and settings."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import faust

from ledger.clock import now_ms
from ledger.diagnostics import logger
from ledger.errors import ConfigurationError, StoreError, UsageError
from ledger.log.kafka.address import TopicAddress, connection_options
from ledger.log.kafka.client import KAFKA_ERRORS, link_to, translate_error
from ledger.log.kafka.log import KafkaLog
from ledger.log.kafka.waiting import Patience, ask_patiently
from ledger.settings import configured_state, load_settings
from processors.kafka.agents import make_app, restart_advice
from processors.kafka.partitions import KafkaFold, Topics
from processors.kafka.processes import run_in_processes
from processors.live_fold import FOLD_VERSION, BatchObserver, LiveFold
from processors.metrics.reporting import Reporting
from processors.read_model.place import refuse_foreign_place
from processors.read_model.store import open_store
from projections.policy import Policy
from schemas.moments import utc_text
from schemas.text import one_line

__all__ = ["Fleet", "build_app", "live_years", "run_workers"]

YEARS_BEFORE = 7
YEARS_AFTER = 1
STOP_SECONDS = 1.5
ERROR_LOG_SECONDS = 5.0


def live_years() -> range:
    """The years that a live report can cover, `OUTCOMES_LIVE_YEARS`.

    Raises:
        ConfigurationError: If the last year is before the first.
    """
    setting = load_settings().live_years
    if setting is None:
        current = int(utc_text(now_ms())[:4])
        return range(current - YEARS_BEFORE, current + YEARS_AFTER + 1)
    first, last = map(int, setting.split(".."))
    if first > last:
        raise ConfigurationError(
            f"environment variable OUTCOMES_LIVE_YEARS: {setting} is empty; write 2019..2027"
        )
    return range(first, last + 1)


class Fleet(NamedTuple):
    """The workers of one command.

    Attributes:
        state: See `build_app`; of several workers a folder, which is made where there is none.
        processes: How many.
        reporting: What they report.
    """

    state: Path | None
    processes: int
    reporting: Reporting


def build_app(
    address: TopicAddress,
    state: Path | None,
    policies: Sequence[Policy],
    observer: BatchObserver | None = None,
) -> faust.App:
    """The Faust app of a worker on a Kafka log.

    Args:
        address: The log.
        state: The read model, see `open_store`; that of `OUTCOMES_STATE`, or in the working folder
            and named after the topic where None.
        policies: The policies to keep live.
        observer: Hears of each batch.

    Raises:
        ConfigurationError: If the settings are wrong.
    """
    path = state or configured_state() or Path(f"{address.topic}.live-{FOLD_VERSION}.db")
    years = live_years()

    def build() -> KafkaFold:
        retry_seconds = load_settings().kafka_retry_seconds
        store = open_store(path)
        logger().info(
            "worker.started", log=str(address), state=str(store.path), policies=len(policies)
        )
        topics = ask_patiently(address, lambda: _open_topics(address), seconds=retry_seconds)
        log = topics.log
        fold = LiveFold(store, policies, log_name=log.name, partitions=log.partitions)
        fold.on_batch = observer
        return KafkaFold(topics, fold, years=years, retry_seconds=retry_seconds)

    return make_app(address, build, _faust_settings())


def run_workers(address: TopicAddress, policies: Sequence[Policy], fleet: Fleet) -> int:
    """Run one worker, or several that share a folder of read models, until they are stopped.

    Args:
        address: The log.
        policies: The policies to keep live.
        fleet: The workers.

    Returns:
        The exit code.

    Raises:
        UsageError: If several workers are to share a file.
        StoreError: As `run_worker`, or if the folder would be in an archive.
    """
    start, observer = fleet.reporting
    if fleet.processes == 1:
        start()
        return run_worker(address, fleet.state, policies, observer())
    folder = fleet.state or configured_state() or Path(f"{address.topic}.live-{FOLD_VERSION}")
    if not folder.is_dir():
        if folder.exists():
            raise UsageError(
                f"{folder} is a file: {fleet.processes} processes need a folder, for a read model"
                " each; name one with --state"
            )
        refuse_foreign_place(folder)
        folder.mkdir()

    def work() -> int:
        return run_worker(address, folder, policies, observer())

    return run_in_processes(fleet.processes, work, started=start)


def run_worker(
    address: TopicAddress,
    state: Path | None,
    policies: Sequence[Policy],
    observer: BatchObserver | None = None,
) -> int:
    """Run a worker until it is stopped.

    The arguments are those of `build_app`.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If the settings are wrong.
        StoreError: If the brokers are out of reach, a topic is missing or breaks a promise, or
            Faust gives up.
    """
    app = build_app(address, state, policies, observer)
    _check_topics(address)
    errors = LastErrorHandler()
    logging.getLogger().addHandler(errors)
    worker = _Worker(app, override_logging=False, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as exit_:
        if exit_.code:
            raise _failure(address, worker.crash_reason, errors) from None
    logger().info("worker.stopped")
    return worker.exit_code


def _topics(address: TopicAddress) -> tuple[TopicAddress, TopicAddress, TopicAddress]:
    """The addresses of `Topics`."""
    return address, address.partials, address.dead_letters


def _open_topics(address: TopicAddress) -> Topics:
    """The topics of a fold, which waits for brokers by itself."""
    return Topics(*(KafkaLog.open(topic, Patience.NONE) for topic in _topics(address)))


def _check_topics(address: TopicAddress) -> None:
    """Check the topics before Faust starts, which creates missing ones and logs at length."""
    for topic in _topics(address):
        log = KafkaLog.open(topic, Patience.WORKER)
        if topic == address:
            log.refuse_broken_promises()
        log.close()


def _failure(
    address: TopicAddress, reason: BaseException | None, errors: LastErrorHandler
) -> StoreError:
    """Why Faust ended a worker: usually a broker that went away while partitions moved."""
    if isinstance(reason, KAFKA_ERRORS):
        return restart_advice(translate_error(link_to(address), reason, "is out of reach"))
    return StoreError(
        f"{address}: the worker gave up ({errors.last_line or 'no reason given'}); start it again,"
        " it resumes where it stopped"
    )


class _Worker(faust.Worker):
    """Faust's worker, which exits within a bounded time after a signal.

    Attributes:
        exit_code: 0, or 130 after Ctrl-C.
    """

    exit_code = 0

    def _schedule_shutdown(self, signal: Signals) -> None:
        self.exit_code = 130 if signal == Signals.SIGINT else 0
        # With a broker away, leaving the group takes longer than anybody waits. What is committed
        # is complete, and the next owner of the partition folds the rest.
        deadline = threading.Timer(STOP_SECONDS, os._exit, (self.exit_code,))
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)


class LastErrorHandler(logging.Handler):
    """Passes on errors that Faust and its libraries log, at most one line every few seconds.

    Attributes:
        last_line: The latest one.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last_line: str | None = None
        self._silent_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self.last_line = one_line(record.getMessage())
        now = time.monotonic()
        if now > self._silent_until:
            self._silent_until = now + ERROR_LOG_SECONDS
            logger().warning("faust.error", line=self.last_line)


def _faust_settings() -> dict[str, Any]:
    """Faust's credentials."""
    settings = dict[str, Any]()
    options = connection_options(load_settings())
    protocol, context = options["security_protocol"], options.get("ssl_context")
    if protocol == "SSL":
        settings["broker_credentials"] = faust.SSLCredentials(context)
    elif protocol.startswith("SASL"):
        settings["broker_credentials"] = faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            ssl_context=context,
            mechanism=options["sasl_mechanism"],
        )
    return settings
