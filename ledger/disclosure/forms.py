"""How a figure is shown by itself: the first form of a count, a growth, a rate.

Nothing here has seen a report.

Source: SPEC section 7, first form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.disclosure.profile import Profile
from ledger.disclosure.shown import FewerThan
from projections.measures.catalogue import Rate
from projections.policy import Policy

__all__ = [
    "Cell",
    "Form",
    "Forms",
    "counts_of_rate",
    "denominator_of",
    "form_of",
    "growth_of",
    "nearest_multiple",
    "step_of",
    "values_of",
]

Form = int | FewerThan | None
"""How a count is shown: a number, *fewer than T*, or None for *not shown*."""


class Cell(NamedTuple):
    """A count of a report; they sort as SPEC section 7 wants them.

    Attributes:
        measure: A count of the catalogue.
        group: One of those that it is shown by.
        years_back: 0 for the reference year, 1 for the year before.
    """

    measure: str
    group: str
    years_back: int = 0


@dataclass(frozen=True, slots=True)
class Forms:
    """All that may be known of the figures; what is hidden later depends on nothing else.

    Attributes:
        counts: Each published count.
        rates: (measure, group) of each published rate → tenths of a percent; None for *not shown*.
    """

    counts: dict[Cell, Form]
    rates: dict[tuple[str, str], int | None]


def form_of(profile: Profile, count: int) -> int | FewerThan:
    """How a count is shown.

    >>> from ledger.disclosure.profile import built_in_profiles
    >>> [form_of(built_in_profiles()["round-5"], count) for count in (0, 2, 3, 7, 8)]
    [0, 0, 5, 5, 10]
    >>> [str(form_of(built_in_profiles()["threshold-5"], count)) for count in (0, 1, 4, 5)]
    ['0', '<5', '<5', '5']
    """
    if profile.threshold and 0 < count < profile.threshold:
        return FewerThan(profile.threshold)
    return nearest_multiple(count, 1, profile.rounding) if profile.rounding else count


def values_of(profile: Profile, form: Form) -> tuple[int, int | None]:
    """The least and the greatest count that a form stands for; None where there is no greatest."""
    if form is None:
        return 0, None
    if isinstance(form, FewerThan):
        return 1, form.threshold - 1
    if not profile.rounding or (profile.threshold and form == 0):
        return form, form
    half = profile.rounding // 2
    least = max(form - half, profile.threshold or 0)
    return least, form + profile.rounding - half - 1


def counts_of_rate(rate: Rate, policy: Policy) -> tuple[str, ...]:
    """The measures of the counts that a rate is made of, each once."""
    measures = (*(measure for measure, _ in rate.numerator), denominator_of(rate, policy))
    return tuple(dict.fromkeys(measures))


def denominator_of(rate: Rate, policy: Policy) -> str:
    """The measure that a rate is a share of."""
    return rate.denominator or policy.placement_base


def step_of(profile: Profile, shown: int) -> int | None:
    """The step, in tenths of a point, for a denominator as shown; None where it reaches none."""
    reached = [step for least, step in profile.rate_steps if least <= shown]
    return reached[-1] if reached else None


def growth_of(profile: Profile, count: Form, previous: Form) -> int | None:
    """Growth in tenths of a percent from two counts as shown, halves away from zero.

    >>> from ledger.disclosure.profile import built_in_profiles
    >>> round_5, exact = (built_in_profiles()[name] for name in ("round-5", "exact"))
    >>> growth_of(round_5, 30, 25), growth_of(round_5, 30, 20), growth_of(exact, 9, 10)
    (200, None, -100)
    """
    if not isinstance(count, int) or not isinstance(previous, int):
        return None
    step = step_of(profile, previous)
    if step is None:
        return None
    change = nearest_multiple(abs(count - previous) * 1_000, previous, step)
    return change if count >= previous else -change


def nearest_multiple(numerator: int, denominator: int, step: int) -> int:
    """The multiple of a step that is nearest to a ratio, halves up."""
    return (2 * numerator + denominator * step) // (2 * denominator * step) * step
