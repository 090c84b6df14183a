"""Who was expected to graduate in a year, and did in time (SPEC section 4, Graduation)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.candidates import Candidate, Reason, counted
from projections.facts import Enrolment, Facts, Rescheduling, Withdrawal
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.admission import Event
from schemas.events import Enrolled, Graduated, Rescheduled
from schemas.glimpse import Glimpse

__all__ = [
    "deadline",
    "excluding_withdrawal",
    "expected_on",
    "explain_graduation",
    "graduation",
    "near_graduation",
]


def graduation(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A student counts once a year, and graduated if any enrolment expected then was in time."""
    for year, enrolments in _expected(facts, policy).items():
        groups = facts.groups_at(min(enrolment.enrolled_on for enrolment in enrolments))
        yield year, "expected_to_graduate", groups
        if any(_is_in_time(enrolment, policy) for enrolment in enrolments):
            yield year, "graduated_as_expected", groups


def explain_graduation(facts: Facts, policy: Policy) -> Iterator[Candidate]:
    """Every enrolment, in each year in which it was ever expected, or was graduated."""
    expected = _expected(facts, policy)
    for enrolment in facts.enrolments:
        graduated_on = enrolment.graduated_on
        years = _years_expected(enrolment)
        for year in sorted(years):
            yield _explain_expected(enrolment, year, expected, facts, policy)
        if graduated_on is not None:
            years.add(graduated_on.year)
        for year in sorted(years):
            yield _explain_graduated(enrolment, year, expected, facts, policy)


def near_graduation(
    glimpse: Glimpse,
    facts: Facts,  # noqa: ARG001 - as every family's
    policy: Policy,  # noqa: ARG001
) -> Iterator[tuple[int, str]]:
    """An expected date comes near the figures of its year, a graduation near one of them."""
    if glimpse.type in (Enrolled.TYPE, Rescheduled.TYPE):
        for year in glimpse.year_of("expected_graduation_on"):
            yield year, "expected_to_graduate"
            yield year, "graduated_as_expected"
    elif glimpse.type == Graduated.TYPE:
        for year in glimpse.year_of("graduated_on"):
            yield year, "graduated_as_expected"


def expected_on(enrolment: Enrolment, policy: Policy) -> date:
    """The date first stated, or that of the latest decision; of two on a day, the later record."""
    latest = _rescheduling(enrolment, policy)
    return enrolment.expected_on if latest is None else latest.expected_on


def deadline(enrolment: Enrolment, policy: Policy) -> date:
    """The last day on which a graduation is as expected."""
    expected = expected_on(enrolment, policy)
    return (
        expected if policy.graduation_deadline == "expected_date" else date(expected.year, 12, 31)
    )


def excluding_withdrawal(enrolment: Enrolment, policy: Policy) -> Withdrawal | None:
    """The first excluded withdrawal that took the enrolment out before it could be graduated."""
    for withdrawal in enrolment.withdrawals:
        withdrew_on, reason, _ = withdrawal
        if (
            reason in policy.excluded_withdrawals
            and withdrew_on <= deadline(enrolment, policy)
            and not _is_graduated(enrolment, withdrew_on)
        ):
            return withdrawal
    return None


def _expected(facts: Facts, policy: Policy) -> dict[int, list[Enrolment]]:
    """The enrolments expected in each year and not excluded, in log order."""
    expected: dict[int, list[Enrolment]] = {}
    for enrolment in facts.enrolments:
        if excluding_withdrawal(enrolment, policy) is None:
            expected.setdefault(expected_on(enrolment, policy).year, []).append(enrolment)
    return expected


def _rescheduling(enrolment: Enrolment, policy: Policy) -> Rescheduling | None:
    """What sets the expected date; None where it is the enrolment itself."""
    if policy.expected_date == "first" or not enrolment.reschedulings:
        return None
    latest = enrolment.reschedulings[0]
    for rescheduling in enrolment.reschedulings:
        if rescheduling.decided_on >= latest.decided_on:
            latest = rescheduling
    return latest


def _is_in_time(enrolment: Enrolment, policy: Policy) -> bool:
    return _is_graduated(enrolment, deadline(enrolment, policy))


def _is_graduated(enrolment: Enrolment, day: date) -> bool:
    graduated_on = enrolment.graduated_on
    return graduated_on is not None and graduated_on <= day


def _years_expected(enrolment: Enrolment) -> set[int]:
    dates = (enrolment.expected_on, *(each.expected_on for each in enrolment.reschedulings))
    return {day.year for day in dates}


def _explain_expected(
    enrolment: Enrolment,
    year: int,
    expected: dict[int, list[Enrolment]],
    facts: Facts,
    policy: Policy,
) -> Candidate:
    measure, events = "expected_to_graduate", _planned_by(enrolment)
    reason, cause = _not_expected(enrolment, year, policy)
    if reason is not None:
        return Candidate(year, measure, events, reason, cause)
    first = _first(expected[year])
    if enrolment is first:
        return counted(year, measure, events, facts, first.enrolled_on)
    return Candidate(year, measure, events, Reason.LATER_THAN_FIRST, first.event)


def _explain_graduated(
    enrolment: Enrolment,
    year: int,
    expected: dict[int, list[Enrolment]],
    facts: Facts,
    policy: Policy,
) -> Candidate:
    measure, events = "graduated_as_expected", _planned_by(enrolment)
    graduated_by = None if enrolment.graduation is None else enrolment.graduation.event
    if graduated_by is not None:
        events = (*events, graduated_by)
    reason, cause = _not_expected(enrolment, year, policy)
    if reason is not None:
        return Candidate(year, measure, events, reason, cause)
    if graduated_by is None:
        return Candidate(year, measure, events, Reason.NOT_GRADUATED)
    if not _is_in_time(enrolment, policy):
        return Candidate(year, measure, events, Reason.GRADUATED_AFTER_DEADLINE, graduated_by)
    first = _first([each for each in expected[year] if _is_in_time(each, policy)])
    if enrolment is first:
        # The membership is that of the first enrolment expected, graduated or not.
        return counted(year, measure, events, facts, _first(expected[year]).enrolled_on)
    return Candidate(year, measure, events, Reason.LATER_THAN_FIRST, first.event)


def _not_expected(
    enrolment: Enrolment, year: int, policy: Policy
) -> tuple[Reason | None, Event | None]:
    """Why an enrolment is not expected in a year, None if it is; and the event that decides."""
    if expected_on(enrolment, policy).year != year:
        latest = _rescheduling(enrolment, policy)
        if latest is not None and year in _years_expected(enrolment):
            return Reason.RESCHEDULED_OUT_OF_YEAR, latest.event
        return Reason.OUTSIDE_YEAR, None
    excluding = excluding_withdrawal(enrolment, policy)
    if excluding is not None:
        return Reason.EXCLUDED_BY_WITHDRAWAL, excluding.event
    return None, None


def _planned_by(enrolment: Enrolment) -> tuple[Event, ...]:
    return (enrolment.event, *(each.event for each in enrolment.reschedulings))


def _first(enrolments: list[Enrolment]) -> Enrolment:
    """The earliest to begin; of two on a day, the earlier record."""
    return min(enrolments, key=lambda enrolment: enrolment.enrolled_on)
