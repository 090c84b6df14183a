"""Who began in a year, and how they were funded (SPEC section 4, Enrolment)."""

from __future__ import annotations

from collections.abc import Iterator

from projections.candidates import Candidate, Reason, counted
from projections.facts import Enrolment, Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.events import Enrolled
from schemas.glimpse import Glimpse

__all__ = ["enrolment", "explain_enrolment", "near_enrolment"]


def enrolment(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A student counts once a year, with the funding of the year's first enrolment."""
    for year, first in _first_in_year(facts).items():
        groups = facts.groups_at(first.enrolled_on)
        yield year, "students_enrolled", (*groups, policy.funding_group[first.funding])


def explain_enrolment(facts: Facts, policy: Policy) -> Iterator[Candidate]:
    """Every enrolment: the first of its year counts."""
    first_in_year = _first_in_year(facts)
    for enrolment in facts.enrolments:
        day, events = enrolment.enrolled_on, (enrolment.event,)
        first = first_in_year[day.year]
        if enrolment is first:
            funding = policy.funding_group[enrolment.funding]
            yield counted(day.year, "students_enrolled", events, facts, day, funding)
        else:
            reason = Reason.LATER_THAN_FIRST
            yield Candidate(day.year, "students_enrolled", events, reason, first.event)


def near_enrolment(
    glimpse: Glimpse,
    facts: Facts,  # noqa: ARG001 - as every family's
    policy: Policy,  # noqa: ARG001
) -> Iterator[tuple[int, str]]:
    """An enrolment comes near its year's figure."""
    if glimpse.type == Enrolled.TYPE:
        for year in glimpse.year_of("enrolled_on"):
            yield year, "students_enrolled"


def _first_in_year(facts: Facts) -> dict[int, Enrolment]:
    first_in_year: dict[int, Enrolment] = {}
    for enrolment in facts.enrolments:
        first = first_in_year.setdefault(enrolment.enrolled_on.year, enrolment)
        if enrolment.enrolled_on < first.enrolled_on:
            first_in_year[enrolment.enrolled_on.year] = enrolment
    return first_in_year
