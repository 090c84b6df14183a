"""What the page shows, worked out from a live report: the template only places it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from markupsafe import Markup

from ledger.report import Report
from ledger.report.words import SMALL_GROUP, Cells
from outcomes.presentation.charts import Month, bar, interval, months_chart
from outcomes.presentation.languages import Language
from outcomes.presentation.words import FUNDING, GROUPS, KINDS, MEASURES, key_words, measure_words

__all__ = ["PageView"]

_COMPARISON = "no_category"
_UNCOMPARED = ("all", _COMPARISON)
_RATES = ("orientation_rate", "graduation_rate", "placement_rate")
_BOUNDS = ("placement_rate_if_silent_not_placed", "placement_rate_if_silent_placed")
Rate = tuple[int, int]


class Step(NamedTuple):
    """A stage of a funnel: what it counts, how many, and the line below it."""

    measure: str
    name: str
    number: str
    bar: Markup
    note: str


class Share(NamedTuple):
    """A row of a breakdown."""

    group: str
    name: str
    bar: Markup
    number: str
    growth: str


class RateCell(NamedTuple):
    """A rate of a group; `points` is empty where there is nothing to compare."""

    measure: str
    name: str
    chart: Markup
    percent: str
    counts: str
    points: str
    is_few: bool


class GroupRow(NamedTuple):
    """A group with its outcomes and rates; `few` says where too few people are counted."""

    key: str
    name: str
    number: str
    growth: str
    few: str
    rates: Sequence[RateCell]


class PageView:
    """The figures of a report in a language.

    Attributes:
        report: The report.
        language: To show it in.
        cells: Of the report, by measure and group.
    """

    def __init__(self, report: Report, language: Language) -> None:
        self.report = report
        self.language = language
        self.cells = Cells(report)

    def count(self, measure: str, group: str = "all") -> tuple[int, int]:
        """A count of the year and of the year before."""
        return self.cells.counts.get((measure, group), (0, 0))

    def rate(self, measure: str, group: str = "all") -> Rate:
        """A rate as its two counts."""
        return self.cells.rates.get((measure, group), (0, 0))

    def shown(self, measure: str) -> str:
        """A count as text."""
        return self.language.number(self.count(measure)[0])

    def growth(self, measure: str = "career_outcomes", group: str = "all") -> str:
        """Growth on the year before; empty where one of the years is of too few people."""
        count, previous = self.count(measure, group)
        return "" if _is_few(count, previous) else self.language.growth(count, previous)

    def steps(self, *measures: tuple[str, str, str]) -> Iterator[Step]:
        """The stages of a funnel.

        Args:
            measures: (count, its name, the note below it) of each stage, the widest first.
        """
        whole = self.count(measures[0][0])[0]
        for position, (measure, name, note) in enumerate(measures):
            count = self.count(measure)[0]
            chart = bar(count, whole, "s1" if position else "s0")
            yield Step(
                measure, name, self.language.number(count), chart, note if count or whole else ""
            )

    def percent(self, measure: str) -> str:
        """A rate of all as text."""
        return self.language.percent(*self.rate(measure))

    def shares(self, measure: str, key: str) -> list[Share]:
        """A breakdown, the largest first."""
        words = KINDS if key == "kind" else FUNDING
        rows = [
            (row.count, row.previous, row.group.partition(":")[2])
            for row in self.report.counts
            if row.measure == measure and row.group.startswith(f"{key}:")
        ]
        top = max((count for count, _, _ in rows), default=0)
        return [
            Share(
                f"{key}:{name}",
                self.language.gettext(words[name]) if name in words else key_words(name),
                bar(count, top),
                self.language.number(count),
                "" if _is_few(count, previous) else self.language.growth(count, previous),
            )
            for count, previous, name in sorted(rows, key=lambda row: (-row[0], row[2]))
        ]

    def groups(self) -> Iterator[GroupRow]:
        """The five categories with the complement, and those that declared nothing."""
        for key, name in GROUPS.items():
            if key == "all":
                continue
            count, previous = self.count("career_outcomes", key)
            few = self._few(count, previous)
            yield GroupRow(
                key,
                self.language.gettext(name),
                self.language.number(count),
                "" if few else self.language.growth(count, previous),
                few,
                [self._cell(measure, key) for measure in _RATES],
            )

    def months(self) -> Markup:
        """The outcomes of the year by month, beside the year before."""
        say = self.language.gettext
        months = []
        for number in range(1, 13):
            group = f"month:{number:02}"
            counted, previous = self.count("career_outcomes", group)
            repeated = self.count("outcomes_repeated", group)[0]
            label = self.language.month(number)
            title = say(
                "{month}: {counted} counted, {repeated} within 12 months of another;"
                " {previous} a year before"
            )
            months.append(
                Month(
                    label,
                    title.format(
                        month=label,
                        counted=self.language.number(counted),
                        repeated=self.language.number(repeated),
                        previous=self.language.number(previous),
                    ),
                    counted,
                    repeated,
                    previous,
                    "" if self._is_ahead(number) else self.language.number(counted),
                )
            )
        return months_chart(months, say("Career outcomes by month; a table follows"))

    def month_rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """The same as rows: group, month, counted, repeated, counted a year before."""
        for number in range(1, 13):
            group = f"month:{number:02}"
            counted, previous = self.count("career_outcomes", group)
            repeated = self.count("outcomes_repeated", group)[0]
            figures = map(self.language.number, (counted, repeated, previous))
            yield (group, self.language.month(number), *figures)  # type: ignore[misc]

    def provisional(self) -> list[tuple[str, str]]:
        """What is not final yet: some measures, and the date until when."""
        names = dict[str, list[str]]()
        for measure, until in self.report.provisional.items():
            name = measure_words(measure, self.language)
            names.setdefault(until, []).append(name)
        return [
            (" · ".join(measures), self.language.date(date.fromisoformat(until)))
            for until, measures in sorted(names.items())
        ]

    @property
    def known_until(self) -> str:
        """The date of the latest record, where it is before the end of the year; else empty."""
        latest = self._latest()
        is_whole = latest is None or latest.year > self.report.reference_year
        return "" if latest is None or is_whole else self.language.date(latest.date())

    @property
    def latest(self) -> str:
        """When the latest record was recorded, in the policy's zone; empty without records."""
        latest = self._latest()
        return (self.report.latest or "") if latest is None else self.language.moment(latest)

    def _is_ahead(self, month: int) -> bool:
        """Whether the log ends before a month of the year."""
        latest, year = self._latest(), self.report.reference_year
        return latest is not None and (latest.year, latest.month) < (year, month)

    def _latest(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.report.latest or "")
        except ValueError:
            # No records, or a foreign producer's clock, which may claim a year that has no date.
            return None

    def _few(self, count: int, previous: int) -> str:
        """That one of the two years has too few people to compare; empty where none has."""
        if 0 < count < SMALL_GROUP:
            return self.language.gettext("fewer than 10")
        text = self.language.gettext("fewer than 10 in {year}")
        is_few = _is_few(count, previous)
        return text.format(year=self.report.reference_year - 1) if is_few else ""

    def _cell(self, measure: str, group: str) -> RateCell:
        rate, base = self.rate(measure, group), self.rate(measure, _COMPARISON)
        bounds = None
        if measure == "placement_rate":
            bounds = (self.rate(_BOUNDS[0], group), self.rate(_BOUNDS[1], group))
        is_few = 0 < rate[1] < SMALL_GROUP
        compares = group not in _UNCOMPARED and min(rate[1], base[1]) >= SMALL_GROUP
        name = self.language.gettext(MEASURES[measure])
        counts = "/".join(map(self.language.number, rate))
        percent = self.language.percent(*rate)
        say = self.language.gettext
        description = say("{name}: {percent}, {counts}; none of the five {base}").format(
            name=name, percent=percent, counts=counts, base=self.language.percent(*base)
        )
        chart = interval(rate, base, description=description, bounds=bounds, is_hollow=is_few)
        points = self.language.points(rate, base) if compares else ""
        return RateCell(measure, name, chart, percent, counts, points, is_few)


def _is_few(count: int, previous: int) -> bool:
    return 0 < count < SMALL_GROUP or 0 < previous < SMALL_GROUP
