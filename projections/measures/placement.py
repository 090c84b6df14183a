"""Which graduates answered, and which found work in time (SPEC section 4, Placement)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.facts import Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.events import Answered
from schemas.moments import months_after

__all__ = ["placement", "window"]


def placement(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A graduate of a year is judged from the first graduation in that year's window on."""
    graduations = (enrolment.graduated_on for enrolment in facts.enrolments)
    first_in_window: dict[int, date] = {}
    for graduated_on in sorted(day for day in graduations if day is not None):
        year = _window_year(graduated_on, policy)
        if year is not None:
            first_in_window.setdefault(year, graduated_on)
    for year, reference in first_in_window.items():
        groups = facts.groups_at(reference)
        yield year, "graduates", groups
        answers = [answer for answer in facts.answers if _is_considered(answer, reference)]
        if not answers:
            continue
        yield year, "respondents", groups
        if policy.placement_answer == "latest":
            answers = [_latest(answers)]
        last = months_after(reference, policy.placement_months)
        placing = [answer for answer in answers if _places(answer, last, policy)]
        if placing:
            yield year, "placed", groups
        if any(answer.in_field for answer in placing):
            yield year, "placed_in_field", groups


def window(year: int, policy: Policy) -> tuple[date, date]:
    """The first and the last day of graduations judged in a year; it may begin in the year before.

    Raises:
        ValueError: If the window begins before year 1.
    """
    (first_month, first_day), (last_month, last_day) = policy.placement_days
    begins_before = (first_month, first_day) > (last_month, last_day)
    return date(year - begins_before, first_month, first_day), date(year, last_month, last_day)


def _window_year(graduated_on: date, policy: Policy) -> int | None:
    for year in (graduated_on.year, graduated_on.year + 1):
        first, last = window(year, policy)
        if first <= graduated_on <= last:
            return year
    return None


def _is_considered(answer: Answered, reference: date) -> bool:
    return answer.survey == "job" and answer.status != "unknown" and answer.answered_on >= reference


def _latest(answers: list[Answered]) -> Answered:
    """The latest answer; of two on a day, the later record."""
    latest = answers[0]
    for answer in answers:
        if answer.answered_on >= latest.answered_on:
            latest = answer
    return latest


def _places(answer: Answered, last: date, policy: Policy) -> bool:
    found_on = answer.job_found_on
    return answer.status in policy.placement_statuses and found_on is not None and found_on <= last
