"""Which applicants became students (SPEC section 4, Orientation)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.facts import Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.moments import months_after

__all__ = ["orientation"]


def orientation(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """An applicant of a year became a student by enrolling in time, in any programme.

    The clock starts at the year's first application; an enrolment before it neither removes the
    applicant nor counts.
    """
    first_in_year: dict[int, date] = {}
    for applied_on in sorted(facts.applied_on):
        first_in_year.setdefault(applied_on.year, applied_on)
    for year, first in first_in_year.items():
        groups = facts.groups_at(first)
        yield year, "applicants", groups
        last = months_after(first, policy.orientation_months)
        if any(first <= enrolment.enrolled_on <= last for enrolment in facts.enrolments):
            yield year, "became_students", groups
