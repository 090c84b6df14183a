"""Bringing a worker on Kafka together from a URL, a file and settings."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from typing import Any

import faust

from ledger.clock import now_ms
from ledger.diagnostics import logger
from ledger.errors import ConfigurationError, StoreError
from ledger.log.kafka.address import TopicAddress, connection_options
from ledger.log.kafka.client import TROUBLE, link_to
from ledger.log.kafka.client import one_line as one_line_of
from ledger.log.kafka.log import KafkaLog
from ledger.settings import load_settings
from processors.kafka.agents import make_app
from processors.kafka.partitions import KafkaFold, Topics
from processors.live_fold import FOLD_VERSION, LiveFold
from processors.read_model.store import Store
from projections.policy import Policy
from schemas.moments import utc_text
from schemas.text import one_line

__all__ = ["app_of", "live_years", "run_worker"]

YEARS_BEFORE = 7
YEARS_AFTER = 1
STOP_SECONDS = 1.5
TOLD_EVERY_SECONDS = 5.0


def live_years() -> range:
    """The years that a live report can be made of, `OUTCOMES_LIVE_YEARS`.

    Raises:
        ConfigurationError: If the last year is before the first.
    """
    wanted = load_settings().live_years
    if wanted is None:
        this = int(utc_text(now_ms())[:4])
        return range(this - YEARS_BEFORE, this + YEARS_AFTER + 1)
    first, last = map(int, wanted.split(".."))
    if first > last:
        raise ConfigurationError(
            f"environment variable OUTCOMES_LIVE_YEARS: {wanted} holds no year; write 2019..2027"
        )
    return range(first, last + 1)


def app_of(place: TopicAddress, state: Path | None, policies: Sequence[Policy]) -> faust.App:
    """The Faust app of a worker on a Kafka log.

    Args:
        place: The log.
        state: The read model; in the working folder where None, named after topic and fold.
        policies: To keep live.

    Raises:
        ConfigurationError: If the settings are wrong.
    """
    path = state or Path(f"{place.topic}.live-{FOLD_VERSION}.db")
    years = live_years()

    def build() -> KafkaFold:
        beside = (KafkaLog.open(place.partials), KafkaLog.open(place.dead_letters))
        topics = Topics(KafkaLog.open(place), *beside)
        store = Store(path)
        log = topics.log
        fold = LiveFold(store, policies, log_name=log.name, partitions=log.partitions)
        patience = load_settings().kafka_retry_seconds
        return KafkaFold(topics, fold, years=years, patience_seconds=patience)

    return make_app(place, build, _faust_settings())


def run_worker(place: TopicAddress, state: Path | None, policies: Sequence[Policy]) -> int:
    """Run a worker until it is told to stop.

    The arguments are those of `app_of`.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If the settings are wrong.
        StoreError: If the brokers are out of reach, a topic is missing or breaks a promise, or
            Faust gives up.
    """
    app = app_of(place, state, policies)
    _look_at_topics(place)
    told = _Told()
    logging.getLogger().addHandler(told)
    logger().info("worker.started", log=str(place), policies=len(policies))
    worker = _Worker(app, override_logging=False, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if ended.code:
            raise _gave_up(place, worker.crash_reason, told) from None
    logger().info("worker.stopped")
    return worker.exit_code


def _look_at_topics(place: TopicAddress) -> None:
    """Before Faust starts, which makes topics that are missing and tells of trouble at length."""
    for one in (place, place.partials, place.dead_letters):
        log = KafkaLog.open(one)
        if one == place:
            log.refuse_broken_promises()
        log.close()


def _gave_up(place: TopicAddress, reason: BaseException | None, told: _Told) -> StoreError:
    """Why Faust has ended a worker: mostly a broker that went away while partitions moved."""
    if isinstance(reason, TROUBLE):
        return one_line_of(link_to(place), reason, "is out of reach")
    return StoreError(
        f"{place}: the worker gave up ({told.last or 'no reason told'}); start it again, it goes on"
        " where it stopped"
    )


class _Worker(faust.Worker):
    """Faust's worker, which ends in a bounded time when it is told to stop.

    Attributes:
        exit_code: 0, or 130 after Ctrl-C.
    """

    exit_code = 0

    def _schedule_shutdown(self, signal: Signals) -> None:
        self.exit_code = 130 if signal == Signals.SIGINT else 0
        # With a broker away, leaving its group takes longer than anybody waits. What is committed
        # is whole, and the rest is folded by whoever has the partition next.
        deadline = threading.Timer(STOP_SECONDS, os._exit, (self.exit_code,))
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)


class _Told(logging.Handler):
    """Passes on what Faust and its libraries log as errors, a line now and then.

    Attributes:
        last: The latest one.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: str | None = None
        self._quiet_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self.last = one_line(record.getMessage())
        now = time.monotonic()
        if now > self._quiet_until:
            self._quiet_until = now + TOLD_EVERY_SECONDS
            logger().warning("faust.told", line=self.last)


def _faust_settings() -> dict[str, Any]:
    """Where Faust keeps its own files, and who it says that it is."""
    settings: dict[str, Any] = {"datadir": Path(tempfile.gettempdir()) / "outcomes-faust"}
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
