"""The days of one world: their text, their clock, and how many people arrive on each."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from typing import Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic.draws import cumulative

DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)
_YEARS_AHEAD: Final = 7  # the last expected dates lie this far after the last year at most

CLOCK: Final = tuple(f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60))
SECONDS: Final = tuple(f":{second:02d}" for second in range(60))


class Days:
    """Days counted from the first one of the intake.

    Attributes:
        iso: `YYYY-MM-DD` of each day.
        offset_hours: Of the institution's clock (Paris) at noon of each day, 1 or 2.
        offset_text: The same, as `time` writes it.
        year: The year of each day, 0 for that of day 0.
        month: The month of each day, 0 for that of day 0.
        zero_ms: Milliseconds from 1970-01-01 UTC to day 0.
        end_ms: The end of the log, in milliseconds after day 0.
    """

    __slots__ = (
        "_up_to",
        "end_ms",
        "iso",
        "month",
        "offset_hours",
        "offset_text",
        "year",
        "zero_ms",
    )

    def __init__(self, first_year: int, last_year: int) -> None:
        """Lay out the days around *first_year* to *last_year*, both included."""
        zero = date(first_year - assumed.YEARS_BEFORE, 1, 1)
        end = date(last_year + 1, assumed.LOG_MONTHS_AFTER + 1, 1)
        days = (date(last_year + _YEARS_AHEAD, 1, 1) - zero).days
        self.year = [(zero + timedelta(day)).year - zero.year for day in range(days)]
        self.month = [
            self.year[day] * 12 + (zero + timedelta(day)).month - 1 for day in range(days)
        ]
        self.iso = [(zero + timedelta(day)).isoformat() for day in range(days)]
        self.offset_hours = [_offset_hours(zero + timedelta(day)) for day in range(days)]
        self.offset_text = [f"+0{hours}:00" for hours in self.offset_hours]
        self.zero_ms = (zero - _EPOCH).days * DAY_MS
        self.end_ms = (end - zero).days * DAY_MS
        last_month = (last_year + 1, assumed.INTAKE_MONTHS_AFTER)
        self._up_to = cumulative(_intake(zero, last_month))

    def arrival_day(self, u: float) -> int:
        """Return the day on which the person at *u*, a number in [0, 1), first arrives."""
        return bisect_right(self._up_to, u)


def _offset_hours(day: date) -> int:
    """Return 2 in European summer time, 1 otherwise; a day of change counts as its afternoon."""
    return 2 if _last_sunday(day.year, 3) <= day < _last_sunday(day.year, 10) else 1


def _last_sunday(year: int, month: int) -> date:
    """Return the last Sunday of a month that has 31 days."""
    last = date(year, month, 31)
    return last - timedelta(last.isoweekday() % 7)


def _intake(zero: date, last_month: tuple[int, int]) -> list[float]:
    """Return the weight of each day from *zero* to the end of *last_month* (year, month)."""
    weights = []
    level = 1.0
    day = zero
    while (day.year, day.month) <= last_month:
        rise = (assumed.YEARLY_GROWTH - 1.0) * ((day.month - 1) * 31 + day.day) / 372
        weights.append(level * (1.0 + rise) * assumed.MONTH_WEIGHTS[day.month - 1])
        day += timedelta(1)
        if (day.month, day.day) == (1, 1):
            level *= assumed.YEARLY_GROWTH
    return weights
