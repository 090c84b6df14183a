"""The five categories as sets: how common each set is, and its effect on a person's path.

A set is a number of five bits, in the order of `assumptions.CATEGORIES`.
"""

from __future__ import annotations

from typing import Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic.draws import Choice

JOB_SEEKER: Final = 1
_NAMES: Final = tuple(assumed.CATEGORIES)
_SETS: Final = range(1 << len(_NAMES))


def _members(categories: int) -> list[str]:
    return [name for bit, name in enumerate(_NAMES) if categories >> bit & 1]


def _share(categories: int) -> float:
    """Return how common a set is: the categories are drawn independently of each other."""
    share = 1.0
    for bit, name in enumerate(_NAMES):
        share_of_one = assumed.CATEGORIES[name][0]
        share *= share_of_one if categories >> bit & 1 else 1.0 - share_of_one
    return share


def _factors(column: int) -> tuple[float, ...]:
    """Return the factor of each set, scaled so that the whole population has 1."""
    factors = []
    mean = 0.0
    for categories in _SETS:
        factor = 1.0 if categories else assumed.FACTORS_OF_NONE[column]
        for name in _members(categories):
            factor *= assumed.CATEGORIES[name][1 + column]
        factors.append(factor)
        mean += factor * _share(categories)
    return tuple(factor / mean for factor in factors)


SETS: Final = Choice({categories: _share(categories) for categories in _SETS})
TEXTS: Final = tuple(
    "[" + ",".join(f'"{name}"' for name in _members(categories)) + "]" for categories in _SETS
)
ENROLLING: Final = _factors(0)
GRADUATING: Final = _factors(1)
ANSWERING: Final = _factors(2)
PLACED: Final = _factors(3)
