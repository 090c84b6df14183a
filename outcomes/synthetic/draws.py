"""Tables to draw from, and the mixing behind pseudonyms.

Only sums, products and comparisons of binary64 are used, never a library function such as `log`,
so that a draw is the same on every machine.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isqrt
from random import Random
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Word = TypeVar("Word")

# What is drawn evenly, each with a square root of its own as step: two of them are then unrelated.
_ROOTS: Final = {
    "arrival": 2, "path": 3, "categories": 14, "programme": 11, "second_after": 13,
    "enrol_after": 6, "graduate_when": 5, "reschedule_by": 19, "found_after": 23,
    "outcome_after": 29, "outcome_again": 30, "again_after": 31,
}  # fmt: skip
_WIDTH_BITS: Final = 40
_MASK: Final = (1 << _WIDTH_BITS) - 1
_ODD_1: Final = 0x9E3779B97F4A7C15 & _MASK | 1
_ODD_2: Final = 0xC2B2AE3D27D4EB4F & _MASK | 1
_STEPS: Final = {name: isqrt(number << 128) % 2**64 for name, number in _ROOTS.items()}


class Choice(Generic[Word]):
    """Words with shares; shares are relative, need not add up to 1, and keep their order."""

    __slots__ = ("_up_to", "words")

    def __init__(self, shares: Mapping[Word, float]) -> None:
        """Take the share of each word.

        Args:
            shares: Word to share, at least one of them; shares >= 0, not all 0.
        """
        self.words = tuple(shares)
        self._up_to = cumulative(list(shares.values()))

    def pick(self, u: float) -> Word:
        """Return the word at *u*, a number in [0, 1)."""
        return self.words[bisect_right(self._up_to, u)]


class RangeMix:
    """A whole number out of ranges, each range with a share and uniform in itself."""

    __slots__ = ("_parts",)

    def __init__(self, *parts: tuple[float, int, int]) -> None:
        """Take (share, lowest, highest) of each range, bounds included; shares add up to 1."""
        last = len(parts) - 1
        base = 0.0
        table = []
        for position, (share, low, high) in enumerate(parts):
            up_to = 2.0 if position == last else base + share
            table.append((up_to, base, low, (high - low + 1) / share))
            base += share
        self._parts = tuple(table)

    def pick(self, u: float) -> int:
        """Return the number at *u*, a number in [0, 1)."""
        for up_to, base, low, slope in self._parts:
            if u < up_to:
                return low + int((u - base) * slope)
        raise AssertionError


class EvenDraws:
    """Draws that leave a small world with the figures of a large one.

    Independent draws would leave a world of 5,000 persons with some 60 respondents and a placement
    rate anywhere between 35 % and 60 %. So what moves a figure is drawn evenly within a stratum,
    such as the graduates of one year: a number is the one before it plus a step, modulo 1 (a
    Kronecker sequence, in integers), and a chance is corrected by what is owed so far.
    """

    __slots__ = ("_now", "_owed", "_rng", "_seed")

    def __init__(self, seed: int) -> None:
        """Begin every sequence at a number made of *seed*, purpose and stratum."""
        self._seed = seed
        self._rng = Random()  # noqa: S311, a synthetic world needs no secrets
        self._now: dict[tuple[str, int], int] = {}
        self._owed: dict[tuple[str, int], float] = {}

    def draw(self, purpose: str, stratum: int) -> float:
        """Return the next number in [0, 1) of a stratum of a purpose."""
        now = self._now.get((purpose, stratum))
        if now is None:
            self._rng.seed(f"{self._seed}/{purpose}/{stratum}")
            now = int(self._rng.random() * 2**64)
        now = (now + _STEPS[purpose]) % 2**64
        self._now[purpose, stratum] = now
        return (now >> 11) / 2**53

    def happens(self, purpose: str, stratum: int, chance: float, u: float) -> bool:
        """Return whether something happens that has a *chance*.

        Args:
            purpose: What may happen.
            stratum: Among its members the sum of all chances is met, give or take one.
            chance: In [0, 1]; may differ from one member to the next.
            u: The number in [0, 1) of the member it may happen to.
        """
        owed = self._owed.get((purpose, stratum), 0.0)
        happens = u < chance + owed
        self._owed[purpose, stratum] = owed + chance - happens
        return happens


def cumulative(shares: list[float]) -> tuple[float, ...]:
    """Return the upper bound of every share but the last, scaled to 1: bisect gives the position.

    Args:
        shares: At least one share >= 0, not all 0.
    """
    total = 0.0
    for share in shares:
        total += share
    up_to = []
    sum_so_far = 0.0
    for share in shares[:-1]:
        sum_so_far += share
        up_to.append(sum_so_far / total)
    return tuple(up_to)


def pseudonym(index: int, key_1: int, key_2: int) -> str:
    """Return 10 hexadecimal digits: every *index* below 2**40 has its own, in no visible order.

    Each step (exclusive or, odd multiplication, folding the upper half down) can be undone, so no
    two indices meet.
    """
    x = (index ^ key_1) * _ODD_1 & _MASK
    x ^= x >> 20
    x = (x + key_2) * _ODD_2 & _MASK
    x ^= x >> 17
    x = x * _ODD_1 & _MASK
    return f"{x ^ x >> 20:010x}"
