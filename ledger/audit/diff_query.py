"""What is compared: two sides of a year, and the cells whose students are asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ledger.log import Cut
from projections.policy import Policy

__all__ = ["Cell", "DiffQuery", "Side"]


class Cell(NamedTuple):
    """A count of the reference year."""

    measure: str
    group: str


class Side(NamedTuple):
    """One of two things that are compared: a cut in its normal form, under a policy."""

    cut: Cut
    policy: Policy


class DiffQuery(NamedTuple):
    """What is compared.

    Attributes:
        before: The first side.
        after: The second side.
        year: The reference year.
        wanted: The cells whose students are asked for; all of them where None.
    """

    before: Side
    after: Side
    year: int
    wanted: Collection[Cell] | None = None

    def asks_for(self, cell: Cell) -> bool:
        """Whether the students of a cell are asked for."""
        return self.wanted is None or cell in self.wanted
