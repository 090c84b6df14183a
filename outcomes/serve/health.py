"""How the pipeline is: what it takes in, how far the figures are behind, what needs attention."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from ledger.clock import now_ms
from ledger.log import format_cut
from outcomes.presentation.languages import Language
from processors.lag import Lag
from processors.live_report import LiveReport
from processors.replay_check import Comparison

__all__ = ["Alert", "Health", "Pulse"]

_WINDOW_SECONDS = 60.0
_TREND_SECONDS = 5.0
_BEHIND_SECONDS = 10.0
_STEADY_SECONDS = 1.0
_QUARANTINE_SHARE = 0.01
_SAMPLES_MAX = 400


class Alert(NamedTuple):
    """Something that needs attention, and where one can act on it; empty where nowhere."""

    text: str
    href: str = ""


class PartitionRow(NamedTuple):
    """A partition as the page shows it."""

    partition: int
    seconds: str
    records: str
    trend: str
    owner: str


class _Sample(NamedTuple):
    moment: float
    lag: Sequence[Lag]

    @property
    def end(self) -> int:
        return sum(lag.end for lag in self.lag)


class Pulse:
    """The lag of the last minute: a rate and a trend need more than one look.

    Attributes:
        difference: Between live figures and a replay; None where they agree, or nobody knows yet.
    """

    def __init__(self) -> None:
        self.difference: Comparison | None = None
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES_MAX)
        self._moved_at: float | None = None

    def add(self, live: LiveReport) -> None:
        """Take one look."""
        sample = _Sample(time.monotonic(), live.lag)
        if self._samples and self._samples[-1].end != sample.end:
            self._moved_at = sample.moment
        self._samples.append(sample)

    def events_of_the_last_minute(self) -> int:
        """How many records the log has taken within a minute, or since the first look."""
        since = self._since(_WINDOW_SECONDS)
        return 0 if since is None else max(0, self._samples[-1].end - since.end)

    def events_per_second(self) -> float:
        """The rate of the last few seconds."""
        since = self._since(_TREND_SECONDS)
        if since is None or self._samples[-1].moment <= since.moment:
            return 0.0
        last = self._samples[-1]
        return max(0, last.end - since.end) / (last.moment - since.moment)

    def seconds_since_the_last_event(self) -> float | None:
        """None where none has come since the first look."""
        return None if self._moved_at is None else time.monotonic() - self._moved_at

    def seconds_before(self, partition: int) -> float | None:
        """How far a partition was behind a few seconds ago."""
        since = self._since(_TREND_SECONDS)
        rows = () if since is None else since.lag
        return next((lag.seconds for lag in rows if lag.partition == partition), None)

    def _since(self, seconds: float) -> _Sample | None:
        """The oldest look of the last so many seconds."""
        start = time.monotonic() - seconds
        return next((sample for sample in self._samples if sample.moment >= start), None)


class Health(NamedTuple):
    """The health strip in a language.

    Attributes:
        live: The figures of this moment.
        pulse: The last minute.
        language: To say it in.
    """

    live: LiveReport
    pulse: Pulse
    language: Language

    @property
    def line(self) -> str:
        """In a few words."""
        say, number = self.language.gettext, self.language.number
        waiting = [lag.seconds for lag in self.live.lag if lag.records]
        lag = self.language.span(max(waiting, default=0.0))
        rate = number(round(self.pulse.events_per_second(), 1))
        return say("Live, {lag} behind · {rate} events/s").format(lag=lag, rate=rate)

    @property
    def alerts(self) -> list[Alert]:
        """What needs attention, the worst first."""
        return [*self._difference_alerts(), *self._partition_alerts(), *self._quarantine_alerts()]

    def _difference_alerts(self) -> Iterator[Alert]:
        difference = self.pulse.difference
        if difference is not None:
            text = self.language.gettext(
                "The figures of {year} under {policy} are not those of a replay; report it"
            ).format(year=difference.year, policy=difference.policy)
            yield Alert(text, "#pipeline-title")

    def _partition_alerts(self) -> Iterator[Alert]:
        say = self.language.gettext
        orphaned = [lag.partition for lag in self.live.lag if lag.owner is None]
        if len(orphaned) == len(self.live.lag):
            yield Alert(
                say("No worker keeps these figures; start `outcomes worker`"), "#pipeline-title"
            )
        elif orphaned:
            listed = ", ".join(map(self.language.number, orphaned))
            text = say("No worker has partition {partitions}").format(partitions=listed)
            yield Alert(text, "#pipeline-title")
        for lag in self.live.lag:
            if lag.records and lag.seconds >= _BEHIND_SECONDS:
                text = say("Partition {partition} is {lag} behind: {trend}").format(
                    partition=lag.partition,
                    lag=self.language.span(round(lag.seconds)),
                    trend=self._trend(lag),
                )
                yield Alert(text, "#pipeline-title")

    def _quarantine_alerts(self) -> Iterator[Alert]:
        letters = self.live.letters
        total = letters.open_total
        if not total:
            return
        rule = max(letters.open, key=lambda name: letters.open[name])
        text = self.language.ngettext(
            "{count} open dead letter, by {rule}",
            "{count} open dead letters, most by {rule}",
            total,
        ).format(count=self.language.number(total), rule=rule)
        if total > _QUARANTINE_SHARE * self.live.report.log.records:
            text = self.language.gettext("{text}; more than one in a hundred").format(text=text)
        yield Alert(text, "/dead-letters")

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Numbers of the pipeline, each with its name."""
        say, number = self.language.gettext, self.language.number
        since = self._since_the_last_event()
        records = self.live.report.records
        owners = {lag.owner for lag in self.live.lag if lag.owner is not None}
        return [
            (say("Events, last minute"), number(self.pulse.events_of_the_last_minute())),
            (say("Last event"), say("none yet") if since is None else self.language.ago(since)),
            (say("Workers"), number(len(owners))),
            (say("Records"), number(self.live.report.log.records)),
            (say("Duplicates"), number(records.duplicates)),
            (say("Conflicts"), number(records.conflicts)),
            (say("Open dead letters"), number(self.live.letters.open_total)),
            (say("Repaired"), number(self.live.letters.repaired_total)),
        ]

    @property
    def partitions(self) -> list[PartitionRow]:
        """Every partition."""
        number = self.language.number
        return [
            PartitionRow(
                lag.partition,
                self.language.span(lag.seconds),
                number(lag.records),
                self._trend(lag),
                lag.owner or self.language.gettext("none"),
            )
            for lag in self.live.lag
        ]

    @property
    def rules(self) -> list[tuple[str, str]]:
        """Open dead letters by rule, the most first."""
        counts = self.live.letters.open.items()
        ordered = sorted(counts, key=lambda each: (-each[1], each[0]))
        return [(rule, self.language.number(count)) for rule, count in ordered]

    @property
    def cut(self) -> str:
        """How far the figures have come."""
        return format_cut(self.live.report.cut)

    def _since_the_last_event(self) -> float | None:
        """By the server's clock; None for a log without records."""
        since = self.pulse.seconds_since_the_last_event()
        if since is None and self.live.report.latest is not None:
            with suppress(ValueError):
                latest = datetime.fromisoformat(self.live.report.latest).timestamp()
                return max(0.0, now_ms() / 1_000 - latest)
        return since

    def _trend(self, lag: Lag) -> str:
        say = self.language.gettext
        before = self.pulse.seconds_before(lag.partition)
        if before is None or not lag.records or abs(lag.seconds - before) < _STEADY_SECONDS:
            return say("steady")
        return say("falling behind") if lag.seconds > before else say("catching up")
