"""Dates and instants as the envelope writes them, read exactly and cheaply.

A date is a `datetime.date`. An instant is (seconds since 1970-01-01T00:00:00Z, nanoseconds), since
`time` has up to nine fraction digits and a tie may depend on the last one.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "LAST_MS",
    "Instant",
    "day",
    "instant",
    "is_time",
    "midnight",
    "milliseconds",
    "months_after",
    "utc_text",
]

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2199, 12, 31)
LAST_MS = 253_402_300_799_999
"""The last millisecond that RFC 3339 can write: the end of the year 9999."""

_EPOCH = date(1970, 1, 1).toordinal()
_DAYS_IN_400_YEARS = 146_097
_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_FREQUENT_TIME_TEXT = re.compile(  # On a day that every month has, so that no calendar is asked.
    r"(?:19|20|21)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3])"
    r":[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


class Instant(NamedTuple):
    """A point in time, compared exactly; whole seconds may be before year 1 or after 9999."""

    seconds: int
    nanos: int


@lru_cache(maxsize=65_536)
def day(text: str) -> date | None:
    """The date that ``YYYY-MM-DD`` names, None when there is no such date.

    >>> day("2024-02-29"), day("2022-02-30"), day("2022-1-1"), day("0000-01-01")
    (datetime.date(2024, 2, 29), None, None, None)
    """
    if not _DAY_TEXT.fullmatch(text):
        return None
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return None


def instant(text: str) -> Instant | None:
    """The instant of an RFC 3339 time with upper-case T and Z, None when it is no such time.

    >>> instant("1970-01-01T01:00:00.5+01:00")
    Instant(seconds=0, nanos=500000000)
    >>> instant("2022-06-30T23:59:60Z") is None
    True
    """
    match = _TIME_TEXT.fullmatch(text)
    if match is None:
        return None
    day_text, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    calendar_day = day(day_text)
    if calendar_day is None:
        return None
    seconds = midnight(calendar_day) + int(hour) * 3_600 + int(minute) * 60 + int(second)
    if sign:
        offset = int(offset_hours) * 3_600 + int(offset_minutes) * 60
        seconds += -offset if sign == "+" else offset
    return Instant(seconds, int(fraction.ljust(9, "0")) if fraction else 0)


def milliseconds(text: str) -> int | None:
    """The instant of an RFC 3339 time in whole milliseconds since 1970, None when it is none.

    >>> milliseconds("1970-01-01T00:00:01.0009Z")
    1000
    """
    moment = instant(text)
    return None if moment is None else moment.seconds * 1_000 + moment.nanos // 1_000_000


def is_time(text: str) -> bool:
    """Whether a text is an RFC 3339 time that `instant` reads."""
    if _FREQUENT_TIME_TEXT.fullmatch(text) is not None:
        return True
    return _TIME_TEXT.fullmatch(text) is not None and day(text[:10]) is not None


def midnight(calendar_day: date) -> int:
    """The second, since 1970, at which a UTC day begins."""
    return (calendar_day.toordinal() - _EPOCH) * 86_400


def months_after(start: date, months: int) -> date:
    """The same day of a later month, or that month's last day; never past 9999-12-31.

    Source: SPEC section 2, months after.

    >>> months_after(date(2024, 2, 29), 12)
    datetime.date(2025, 2, 28)
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def utc_text(milliseconds: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, always with three fraction digits.

    A producer may claim any time. A year outside 0001 to 9999, which RFC 3339 cannot write, has a
    sign and at least six digits, as ISO 8601 extends it; `milliseconds` does not read it back.

    >>> utc_text(1705312800000), utc_text(1705312800000000)
    ('2024-01-15T10:00:00.000Z', '+056009-03-18T16:00:00.000Z')
    """
    days, millis_of_day = divmod(milliseconds, 86_400_000)
    seconds, millis = divmod(millis_of_day, 1_000)
    clock = (seconds // 3_600, seconds // 60 % 60, seconds % 60, millis)
    return "{}T{:02}:{:02}:{:02}.{:03}Z".format(_day_text(days), *clock)


@lru_cache(maxsize=4_096)
def _day_text(days: int) -> str:
    ordinal = _EPOCH + days
    if 1 <= ordinal <= date.max.toordinal():
        return str(date.fromordinal(ordinal))
    # The calendar repeats every 400 years.
    cycles, days_on = divmod(ordinal - 1, _DAYS_IN_400_YEARS)
    alike = date.fromordinal(days_on + 1)
    return f"{alike.year + 400 * cycles:+07}{alike:-%m-%d}"
