"""Which applicants became students (SPEC section 4, Orientation)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.candidates import Candidate, Reason, counted
from projections.facts import Application, Enrolment, Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.admission import Event
from schemas.events import Applied
from schemas.glimpse import Glimpse
from schemas.moments import months_after

__all__ = ["explain_orientation", "near_orientation", "orientation"]


def orientation(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """An applicant of a year became a student by enrolling in time, in any programme.

    The clock starts at the year's first application; an enrolment before it neither removes the
    applicant nor counts.
    """
    for year, (applied_on, _) in _first_in_year(facts).items():
        groups = facts.groups_at(applied_on)
        yield year, "applicants", groups
        last = months_after(applied_on, policy.orientation_months)
        if any(_is_in_time(enrolment, applied_on, last) for enrolment in facts.enrolments):
            yield year, "became_students", groups


def explain_orientation(facts: Facts, policy: Policy) -> Iterator[Candidate]:
    """Every application: the first of its year is the applicant's, and may have led somewhere."""
    first_in_year = _first_in_year(facts)
    for day, event in facts.applications:
        year, events = day.year, (event,)
        _, first = first_in_year[year]
        if event is not first:
            for measure in ("applicants", "became_students"):
                yield Candidate(year, measure, events, Reason.LATER_THAN_FIRST, first)
            continue
        yield counted(year, "applicants", events, facts, day)
        reason, enrolment = _became_student(day, facts, policy)
        if reason is None:
            assert enrolment is not None
            yield counted(year, "became_students", (event, enrolment), facts, day)
        else:
            yield Candidate(year, "became_students", events, reason, enrolment)


def near_orientation(
    glimpse: Glimpse,
    facts: Facts,  # noqa: ARG001 - as every family's
    policy: Policy,  # noqa: ARG001
) -> Iterator[tuple[int, str]]:
    """An application comes near its year's figures."""
    if glimpse.type == Applied.TYPE:
        for year in glimpse.year_of("applied_on"):
            yield year, "applicants"
            yield year, "became_students"


def _first_in_year(facts: Facts) -> dict[int, Application]:
    first_in_year: dict[int, Application] = {}
    for application in sorted(facts.applications, key=lambda application: application[0]):
        first_in_year.setdefault(application[0].year, application)
    return first_in_year


def _is_in_time(enrolment: Enrolment, applied_on: date, last: date) -> bool:
    return applied_on <= enrolment.enrolled_on <= last


def _became_student(
    applied_on: date, facts: Facts, policy: Policy
) -> tuple[Reason | None, Event | None]:
    """Why an applicant did not become a student, None if so; and the enrolment that decides."""
    last = months_after(applied_on, policy.orientation_months)
    enrolments = sorted(facts.enrolments, key=lambda enrolment: enrolment.enrolled_on)
    for enrolment in enrolments:
        if _is_in_time(enrolment, applied_on, last):
            return None, enrolment.event
    for enrolment in enrolments:
        if enrolment.enrolled_on > last:
            return Reason.ENROLLED_TOO_LATE, enrolment.event
    if enrolments:
        return Reason.ENROLLED_BEFORE_APPLYING, enrolments[-1].event
    return Reason.NOT_ENROLLED, None
