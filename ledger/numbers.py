"""Numbers as a person reads them; figures are divided here alone (SPEC section 4, percentages)."""

from __future__ import annotations

__all__ = ["growth", "percent", "pluralise", "points", "thousands"]


def thousands(count: int) -> str:
    """A count with commas.

    >>> thousands(1234567)
    '1,234,567'
    """
    return f"{count:,}"


def pluralise(count: int, noun: str) -> str:
    """A count and what is counted.

    >>> pluralise(1, "record"), pluralise(2_000, "record")
    ('1 record', '2,000 records')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(numerator: int, denominator: int) -> str:
    """A rate in percent, one decimal, half up from the exact ratio; `–` without a denominator.

    >>> percent(1, 3), percent(1, 16), percent(0, 0)
    ('33.3 %', '6.3 %', '–')
    """
    if denominator == 0:
        return "–"
    return f"{_tenths(numerator * 1_000, denominator)} %"


def growth(count: int, previous: int) -> str:
    """Growth on the year before, one decimal, half away from zero; `–` when that was 0.

    What rounds to 0.0 has no sign.

    >>> growth(1467, 1000), growth(9, 10), growth(1, 0)
    ('+46.7 %', '−10.0 %', '–')
    """
    if previous == 0:
        return "–"
    return f"{_signed((count - previous) * 1_000, previous)} %"


def points(rate: tuple[int, int], base: tuple[int, int]) -> str:
    """The difference of two rates in percentage points; empty where one has no denominator.

    >>> points((1, 4), (1, 5)), points((0, 0), (1, 5))
    ('+5.0', '')
    """
    (count, whole), (base_count, base_whole) = rate, base
    if whole == 0 or base_whole == 0:
        return ""
    return _signed((count * base_whole - base_count * whole) * 1_000, whole * base_whole)


def _signed(numerator: int, denominator: int) -> str:
    tenths = _tenths(abs(numerator), denominator)
    if tenths == "0.0":
        return tenths
    return f"{'−' if numerator < 0 else '+'}{tenths}"


def _tenths(numerator: int, denominator: int) -> str:
    whole, tenth = divmod((2 * numerator + denominator) // (2 * denominator), 10)
    return f"{whole}.{tenth}"
