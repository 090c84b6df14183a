"""Live equals replay, looked at while the server runs, with a bounded share of the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ledger.clock import now_ms
from ledger.diagnostics import logger
from ledger.errors import LedgerError
from ledger.log import LogAddress
from outcomes.serve.figures import FiguresKey, LiveHub
from outcomes.serve.threads import make_thread
from processors.live_report import LiveFigures
from processors.replay_check import Comparison, compare_with_replay

__all__ = ["Comparing", "families", "pause_after"]

_FIRST_SECONDS = 10.0
_PAUSE_SECONDS = 60.0
_STOP_SECONDS = 2.0
_SHARE = 20
"""A replay may take one part in so many of the time."""


def pause_after(seconds: float) -> float:
    """How long to leave the log alone after a comparison that took so long.

    >>> pause_after(0.3), pause_after(30.0)
    (60.0, 570.0)
    """
    return max(_PAUSE_SECONDS, seconds * (_SHARE - 1))


class Comparing(Collector):
    """Compares one report after the other, in a thread; a difference is said until it is gone."""

    def __init__(
        self,
        address: LogAddress,
        hub: LiveHub,
        open_figures: Callable[[], AbstractContextManager[LiveFigures]],
    ) -> None:
        """Name what is compared; `start` begins.

        Args:
            address: Of the log.
            hub: Knows which reports somebody looks at; its pulse hears of a difference.
            open_figures: See `open_live_figures`.
        """
        self._address = address
        self.hub = hub
        self._open_figures = open_figures
        self._agreed: dict[FiguresKey, str] = {}
        self._compared_at: float | None = None
        self._stop = threading.Event()
        self._thread = make_thread("comparing", self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a replay that runs is given up."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """Whether they agree, and when that was last looked at; nothing before the first look."""
        if self._compared_at is not None:
            yield from families(self._compared_at, agrees=self.hub.pulse.difference is None)

    def compare(self, key: FiguresKey) -> None:
        """Compare one report, unless it is the one that agreed the last time."""
        comparison = self._comparison(key)
        if comparison is not None and not comparison.agrees:
            # The log or the figures may have been replaced in between: what is true stays true.
            comparison = self._comparison(key)
        if comparison is None:
            return
        self._compared_at = now_ms() / 1_000
        if comparison.agrees:
            self._agreed[key] = comparison.live
            shown = self.hub.pulse.difference
            if shown is not None and FiguresKey(shown.policy, shown.year) == key:
                self.hub.pulse.difference = None
            return
        self._agreed.pop(key, None)
        self.hub.pulse.difference = comparison
        logger().error("replay.differs", **comparison._asdict())

    def _comparison(self, key: FiguresKey) -> Comparison | None:
        policy = self.hub.policies[key.policy]
        try:
            with self._open_figures() as figures:
                live = figures.read(policy, key.year)
        except LedgerError:
            return None
        if self._agreed.get(key) == live.report.digest:
            return None
        return compare_with_replay(self._address, policy, live, self._stop.is_set)

    def _run(self) -> None:
        pause, turn = _FIRST_SECONDS, 0
        while not self._stop.wait(pause):
            keys = self.hub.keys()
            started = time.monotonic()
            if keys:
                self.compare(keys[turn % len(keys)])
            turn += 1
            pause = pause_after(time.monotonic() - started)


def families(moment: float, *, agrees: bool) -> Iterator[Metric]:
    """What the last comparison came to, in seconds since 1970."""
    agreement = GaugeMetricFamily(
        "outcomes_replay_agrees",
        "1 if live figures had the digest of a replay when they were last compared.",
    )
    agreement.add_metric((), agrees)
    compared = GaugeMetricFamily(
        "outcomes_replay_compared_timestamp_seconds", "When they were last compared."
    )
    compared.add_metric((), moment)
    yield from (agreement, compared)
