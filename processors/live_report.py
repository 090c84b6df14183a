"""A live report: what the workers hold right now, as the report of a year with its lag."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ledger.log import Log
from ledger.repairs import LetterCounts, Repairs, count_letters
from ledger.replay import FiguresAtCut
from ledger.report import Report, build_report
from processors.lag import Lag, measure_lag
from projections.figures import RecordCounts
from projections.policy import Policy

__all__ = [
    "LiveFigures",
    "LiveReport",
    "LiveSource",
    "LiveStatus",
    "lag_members",
    "make_live_report",
    "make_live_status",
    "watch",
]

_WATCH_SECONDS = 0.2
_REPAIR_SECONDS = 1.0


class LiveReport(NamedTuple):
    """A report of live figures, and how far they are behind the log.

    Attributes:
        report: At the cut that the figures have reached.
        lag: Of every partition.
        letters: Open and repaired, at that cut.
    """

    report: Report
    lag: Sequence[Lag]
    letters: LetterCounts


class LiveStatus(NamedTuple):
    """How live figures are doing.

    Attributes:
        place: Where they are.
        records: The counters of the records folded.
        lag: Of every partition.
        letters: Open and repaired.
    """

    place: str
    records: RecordCounts
    lag: Sequence[Lag]
    letters: LetterCounts


class LiveFigures(Protocol):
    """The live figures of one log, to be read once or again and again."""

    def read(self, policy: Policy, year: int) -> LiveReport:
        """The figures of this moment.

        Raises:
            ConfigurationError: If the policy or the year is not kept live.
            NoFiguresError: If no worker has kept any yet.
            StoreError: If they are not complete yet, or were folded from another log.
        """

    def status(self) -> LiveStatus:
        """How far they have come at this moment, whatever is kept.

        Raises:
            NoFiguresError: See `read`.
            StoreError: See `read`.
        """


def lag_members(lag: Sequence[Lag]) -> dict[str, list[dict[str, Any]]]:
    """The lag as the member `live` of a report in JSON."""
    return {"partitions": [partition._asdict() for partition in lag]}


class LiveSource(NamedTuple):
    """What live figures were folded from, and who folds them.

    Attributes:
        log: The log.
        owners: The worker of each partition that has one.
        repairs: Of the log; read on at each look, for a short time.
    """

    log: Log
    owners: Mapping[int, str]
    repairs: Repairs


def make_live_report(
    source: LiveSource, figures: FiguresAtCut, policy: Policy, year: int
) -> LiveReport:
    """The report of live figures, with their lag.

    Args:
        source: Of the figures.
        figures: Under the policy.
        policy: The policy.
        year: The reference year.
    """
    report = build_report(figures, log_name=source.log.name, policy=policy, year=year)
    lag = measure_lag(source.log, figures.cut, source.owners)
    return LiveReport(report, lag, _letters(source, figures))


def make_live_status(source: LiveSource, figures: FiguresAtCut, place: str) -> LiveStatus:
    """How live figures are doing.

    Args:
        source: Of the figures.
        figures: Under any policies, or none.
        place: Where they are.
    """
    lag = measure_lag(source.log, figures.cut, source.owners)
    return LiveStatus(place, figures.records, lag, _letters(source, figures))


def _letters(source: LiveSource, figures: FiguresAtCut) -> LetterCounts:
    quarantined = figures.records.quarantined
    if quarantined:
        source.repairs.read_on(source.log, figures.cut, seconds=_REPAIR_SECONDS)
    return count_letters(quarantined, source.repairs, figures.cut)


def watch(
    figures: LiveFigures, policy: Policy, year: int, is_asked: Callable[[], bool] = lambda: False
) -> Iterator[LiveReport]:
    """The figures of this moment, and again whenever they, the lag or a worker changes; no end.

    While records wait, the lag changes every second.

    Args:
        figures: Of a log.
        policy: To report under.
        year: The reference year.
        is_asked: Whether they are wanted again although nothing has changed; asked at every look.

    Raises:
        ConfigurationError: See `LiveFigures.read`.
        StoreError: See `LiveFigures.read`.
    """
    previous: object = None
    while True:
        live = figures.read(policy, year)
        current = (live.report, [lag._replace(seconds=int(lag.seconds)) for lag in live.lag])
        if is_asked() or current != previous:
            previous = current
            yield live
        time.sleep(_WATCH_SECONDS)
