"""What live figures say about themselves, as metrics; the same from a server and a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ledger.errors import LedgerError
from processors.live_report import LiveFigures, LiveStatus

__all__ = ["FiguresCollector", "StatusReader", "register_collectors"]

_STATES = ("events", "duplicates", "conflicts", "repeats", "retracted", "orphans")


class StatusReader:
    """The status of live figures, from any thread; opened when first asked, and after trouble."""

    def __init__(self, open_figures: Callable[[], AbstractContextManager[LiveFigures]]) -> None:
        """Say how to open the figures, see `open_live_figures`."""
        self._open_figures = open_figures
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._figures: LiveFigures | None = None

    def __call__(self) -> LiveStatus | None:
        """The status of this moment; None where there are no figures, or they cannot be read."""
        with self._lock:
            try:
                if self._figures is None:
                    self._figures = self._resources.enter_context(self._open_figures())
                return self._figures.status()
            except LedgerError:
                self._figures = None
                self._resources.close()
                return None


class FiguresCollector(Collector):
    """Lag, workers and counters of a log's figures, read when Prometheus asks."""

    def __init__(self, status: Callable[[], LiveStatus | None]) -> None:
        """Say where they are read; None stands for figures that cannot be."""
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        status = self._status()
        available = GaugeMetricFamily(
            "outcomes_figures_available",
            "1 while the live figures can be read, and the log that they come from.",
        )
        available.add_metric((), status is not None)
        yield available
        if status is not None:
            yield from _lag_families(status)
            yield from _record_families(status)


def register_collectors(
    registry: CollectorRegistry, folder: Path, status: Callable[[], LiveStatus | None]
) -> None:
    """Add what the workers of a command do, summed, and what their figures say.

    Args:
        registry: Of whoever serves them.
        folder: Where the workers keep their metrics; those of one that has ended stay in the sum.
        status: See `FiguresCollector`.
    """
    registry.register(MultiProcessCollector(None, str(folder)))  # type: ignore[no-untyped-call]
    registry.register(FiguresCollector(status))


def _lag_families(status: LiveStatus) -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "outcomes_lag_seconds",
        "Age of the oldest record that is not in the figures yet.",
        labels=("partition",),
    )
    records = GaugeMetricFamily(
        "outcomes_lag_records", "Records that are not in the figures yet.", labels=("partition",)
    )
    workers = GaugeMetricFamily(
        "outcomes_partition_has_worker",
        "1 where a worker keeps the partition's figures.",
        labels=("partition",),
    )
    for lag in status.lag:
        partition = (str(lag.partition),)
        seconds.add_metric(partition, lag.seconds if lag.records else 0)
        records.add_metric(partition, lag.records)
        workers.add_metric(partition, lag.owner is not None)
    yield from (seconds, records, workers)


def _record_families(status: LiveStatus) -> Iterator[Metric]:
    records = GaugeMetricFamily(
        "outcomes_records", "Records in the figures, by what they are.", labels=("state",)
    )
    for state in _STATES:
        records.add_metric((state,), getattr(status.records, state))
    yield records
    letters = GaugeMetricFamily(
        "outcomes_dead_letters",
        "Quarantined records, open and repaired, by the first rule that they fail.",
        labels=("rule", "state"),
    )
    for rule in sorted(status.records.quarantined):
        letters.add_metric((rule, "open"), status.letters.open.get(rule, 0))
        letters.add_metric((rule, "repaired"), status.letters.repaired.get(rule, 0))
    yield letters
