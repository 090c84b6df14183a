"""What everybody knows of a report's counts: how they add up, as linear relations over integers.

Source: SPEC section 7, attacker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from ledger.disclosure.forms import Cell, denominator_of
from projections.measures.catalogue import FAMILIES, MEMBERSHIP_GROUPS, Family, Rate, groups_shown
from projections.policy import Policy
from schemas.events import CATEGORIES, KINDS

__all__ = ["Relation", "cells_of", "is_made_zero", "rate_relations", "relations_of"]

_Term = tuple[int, str, str]
"""A multiple of a measure in a group."""
_Quantity = tuple[tuple[int, str], ...]
"""Measures with their signs: a count of students, or of those in one count and not in another."""

# Each is a part of the one before it (rule 3).
_CHAINS = (
    ("applicants", "became_students"),
    ("expected_to_graduate", "graduated_as_expected"),
    ("graduates", "respondents", "placed", "placed_in_field"),
)
# The first is the sum of the others, in every group (rule 1).
_WHOLE_AND_PARTS = ("outcomes_declared", "career_outcomes", "outcomes_repeated")


class Relation(NamedTuple):
    """A sum of multiples of counts that has a least value, or is equal to it.

    Attributes:
        terms: Cell → multiple, none of them 0.
        least: What the sum is at least.
        is_equal: Whether it is no more either.
    """

    terms: Mapping[Cell, int]
    least: int
    is_equal: bool

    def holds(self, counts: Mapping[Cell, int]) -> bool:
        """Whether counts are in this relation."""
        total = sum(multiple * counts[cell] for cell, multiple in self.terms.items())
        return total == self.least or (total > self.least and not self.is_equal)


def cells_of(family: Family, policy: Policy, years_back: int) -> list[Cell]:
    """The counts of a family in one year, those that are left out of a publication too."""
    return [
        Cell(measure, group, years_back)
        for measure in family.counts
        for group in groups_shown(measure, policy)
    ]


def is_made_zero(cell: Cell, policy: Policy) -> bool:
    """Whether a policy makes a count 0, whatever happened."""
    family = next(family for family in FAMILIES if cell.measure in family.counts)
    if family.name == "career_outcomes":
        kind = cell.group.removeprefix("kind:")
        return not policy.outcome_kinds or kind in {*KINDS} - {*policy.outcome_kinds}
    statuses = {*policy.placement_statuses} - {"unknown"}
    return cell.measure in ("placed", "placed_in_field") and not statuses


def relations_of(family: Family, policy: Policy, years_back: int) -> list[Relation]:
    """Rules 1 to 3 for the counts of a family in one year."""
    pairs = [pair for chain in _CHAINS if chain[0] in family.counts for pair in pairwise(chain)]
    quantities: list[_Quantity] = [((1, measure),) for measure in family.counts]
    quantities += [((1, whole), (-1, part)) for whole, part in pairs]
    equations = [*_sums(family, policy)]
    comparisons = [
        [(1, whole, group), (-1, part, group)]
        for whole, part in pairs
        for group in MEMBERSHIP_GROUPS
    ]
    comparisons += [terms for quantity in quantities for terms in _overlaps(quantity)]
    return [
        Relation(
            {Cell(measure, group, years_back): times for times, measure, group in terms}, 0, equal
        )
        for equal, listed in ((True, equations), (False, comparisons))
        for terms in listed
    ]


def _sums(family: Family, policy: Policy) -> Iterator[list[_Term]]:
    """Rule 1: what adds up to the whole."""
    for measure in family.counts:
        groups = ("any_category", "no_category", "undeclared")
        yield [(1, measure, "all"), *((-1, measure, group) for group in groups)]
        shown = groups_shown(measure, policy)
        for breakdown in family.breakdowns:
            parts = [group for group in shown if group.startswith(f"{breakdown.key}:")]
            yield [(1, measure, "all"), *((-1, measure, group) for group in parts)]
    whole, *parts = _WHOLE_AND_PARTS
    if whole in family.counts:
        for group in groups_shown(whole, policy):
            yield [(1, whole, group), *((-1, part, group) for part in parts)]


def _overlaps(quantity: _Quantity) -> Iterator[list[_Term]]:
    """Rule 2: a student may be in several categories, and is in one at least of any."""

    def in_group(group: str, sign: int) -> list[_Term]:
        return [(sign * times, measure, group) for times, measure in quantity]

    for category in CATEGORIES:
        yield [*in_group("any_category", 1), *in_group(category, -1)]
    yield [
        *in_group("any_category", -1),
        *(term for each in CATEGORIES for term in in_group(each, 1)),
    ]


def rate_relations(
    rate: Rate, group: str, policy: Policy, tenths: int, step: int
) -> list[Relation]:
    """Rule 4: what a shown rate of the reference year says of its counts.

    Args:
        rate: One of the catalogue.
        group: A membership group.
        policy: Says which count a placement rate is of.
        tenths: The rate as shown, in tenths of a percent.
        step: What it is a multiple of.
    """
    # (p - s/2) d <= 100 n < (p + s/2) d in points, times 20 for tenths of a point.
    whole = Cell(denominator_of(rate, policy), group)
    parts = [(Cell(measure, group), 2_000 * sign) for measure, sign in rate.numerator]
    above = _collected([*parts, (whole, step - 2 * tenths)])
    below = _collected([*((cell, -times) for cell, times in parts), (whole, step + 2 * tenths)])
    return [Relation(above, 0, is_equal=False), Relation(below, 1, is_equal=False)]


def _collected(terms: Iterable[tuple[Cell, int]]) -> dict[Cell, int]:
    """Multiples by cell; one cell may be in a numerator and be the whole."""
    by_cell: dict[Cell, int] = {}
    for cell, times in terms:
        by_cell[cell] = by_cell.get(cell, 0) + times
    return {cell: times for cell, times in by_cell.items() if times}
