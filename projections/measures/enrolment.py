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
    for enrolment in facts.enrolments:
        first = first_in_year.setdefault(enrolment.enrolled_on.year, enrolment)
        if enrolment.enrolled_on < first.enrolled_on:
            first_in_year[enrolment.enrolled_on.year] = enrolment
    for year, first in first_in_year.items():
        groups = facts.groups_at(first.enrolled_on)
        yield year, "students_enrolled", (*groups, policy.funding_group[first.funding])
