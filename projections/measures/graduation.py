"""Who was expected to graduate in a year, and did in time (SPEC section 4, Graduation)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.facts import Enrolment, Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy

__all__ = ["deadline", "expected_on", "graduation", "is_excluded"]


def graduation(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A student counts once a year, and graduated if any enrolment expected then was in time."""
    expected: dict[int, list[Enrolment]] = {}
    for enrolment in facts.enrolments:
        if not is_excluded(enrolment, policy):
            expected.setdefault(expected_on(enrolment, policy).year, []).append(enrolment)
    for year, enrolments in expected.items():
        groups = facts.groups_at(min(enrolment.enrolled_on for enrolment in enrolments))
        yield year, "expected_to_graduate", groups
        if any(_is_graduated(each, deadline(each, policy)) for each in enrolments):
            yield year, "graduated_as_expected", groups


def expected_on(enrolment: Enrolment, policy: Policy) -> date:
    """The date first stated, or that of the latest decision; of two on a day, the later record."""
    if policy.expected_date == "first" or not enrolment.reschedulings:
        return enrolment.expected_on
    latest_decided_on, latest = enrolment.reschedulings[0]
    for decided_on, rescheduled_to in enrolment.reschedulings:
        if decided_on >= latest_decided_on:
            latest_decided_on, latest = decided_on, rescheduled_to
    return latest


def deadline(enrolment: Enrolment, policy: Policy) -> date:
    """The last day on which a graduation is as expected."""
    expected = expected_on(enrolment, policy)
    return (
        expected if policy.graduation_deadline == "expected_date" else date(expected.year, 12, 31)
    )


def is_excluded(enrolment: Enrolment, policy: Policy) -> bool:
    """Whether an excluded withdrawal took the enrolment out before it could be graduated."""
    return any(
        reason in policy.excluded_withdrawals
        and withdrew_on <= deadline(enrolment, policy)
        and not _is_graduated(enrolment, withdrew_on)
        for withdrew_on, reason in enrolment.withdrawals
    )


def _is_graduated(enrolment: Enrolment, day: date) -> bool:
    return enrolment.graduated_on is not None and enrolment.graduated_on <= day
