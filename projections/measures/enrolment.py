"""Who began in a year, and how they were funded (SPEC section 4, Enrolment)."""

from __future__ import annotations

from collections.abc import Iterator

from projections.facts import Enrolment, Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy

__all__ = ["enrolment"]


def enrolment(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A student counts once a year, with the funding of the year's first enrolment."""
    first_in_year: dict[int, Enrolment] = {}
    for one in facts.enrolments:
        known = first_in_year.setdefault(one.enrolled_on.year, one)
        if one.enrolled_on < known.enrolled_on:
            first_in_year[one.enrolled_on.year] = one
    for year, first in first_in_year.items():
        groups = facts.groups_at(first.enrolled_on)
        yield year, "students_enrolled", (*groups, policy.funding_group[first.funding])
