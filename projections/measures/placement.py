"""Which graduates answered, and which found work in time (SPEC section 4, Placement)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from projections.candidates import Candidate, Reason, counted
from projections.facts import Facts, Graduation
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.admission import Event
from schemas.events import Answered, Graduated
from schemas.glimpse import Glimpse
from schemas.moments import months_after

__all__ = ["explain_placement", "near_placement", "placement", "window"]

_BY_ANSWER = ("respondents", "placed", "placed_in_field")


def placement(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A graduate of a year is judged from the first graduation in that year's window on."""
    for year, reference in _first_in_window(facts, policy).items():
        groups = facts.groups_at(reference.graduated_on)
        yield year, "graduates", groups
        answers = _considered(facts, reference.graduated_on)
        if not answers:
            continue
        yield year, "respondents", groups
        last = _last_day(reference, policy)
        placing = [answer for answer in _judged(answers, policy) if _places(answer, last, policy)]
        if placing:
            yield year, "placed", groups
        if any(_answer_of(answer).in_field for answer in placing):
            yield year, "placed_in_field", groups


def explain_placement(facts: Facts, policy: Policy) -> Iterator[Candidate]:
    """Every graduation in a window, and every answer of that year's graduate."""
    first_in_window = _first_in_window(facts, policy)
    for enrolment in facts.enrolments:
        for graduation in enrolment.graduations:
            year = _window_year(graduation.graduated_on, policy)
            if year is not None:
                yield _explain_graduate(
                    graduation, year, enrolment.graduation, first_in_window, facts
                )
    for year, reference in first_in_window.items():
        for measure in _BY_ANSWER:
            yield from _explain_answers(year, measure, reference, facts, policy)


def near_placement(glimpse: Glimpse, facts: Facts, policy: Policy) -> Iterator[tuple[int, str]]:
    """A graduation comes near its window's figures, an answer near those of its graduate."""
    if glimpse.type == Graduated.TYPE and "graduated_on" in glimpse.dates:
        year = _window_year(glimpse.dates["graduated_on"], policy)
        if year is not None:
            yield year, "graduates"
            yield from ((year, measure) for measure in _BY_ANSWER)
    elif glimpse.type == Answered.TYPE and "answered_on" in glimpse.dates:
        for year in _first_in_window(facts, policy):
            yield from ((year, measure) for measure in _BY_ANSWER)


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


def _first_in_window(facts: Facts, policy: Policy) -> dict[int, Graduation]:
    """The reference of each year: of the enrolments' earliest graduations the first."""
    earliest = [each.graduation for each in facts.enrolments if each.graduation is not None]
    first_in_window: dict[int, Graduation] = {}
    for graduation in sorted(earliest, key=lambda graduation: graduation.graduated_on):
        year = _window_year(graduation.graduated_on, policy)
        if year is not None:
            first_in_window.setdefault(year, graduation)
    return first_in_window


def _last_day(reference: Graduation, policy: Policy) -> date:
    return months_after(reference.graduated_on, policy.placement_months)


def _considered(facts: Facts, reference: date) -> list[Event]:
    return [answer for answer in facts.answers if _is_considered(_answer_of(answer), reference)]


def _answer_of(answer: Event) -> Answered:
    assert isinstance(answer.fact, Answered)
    return answer.fact


def _is_considered(answer: Answered, reference: date) -> bool:
    return answer.survey == "job" and answer.status != "unknown" and answer.answered_on >= reference


def _judged(answers: list[Event], policy: Policy) -> list[Event]:
    """Of the answers considered, at least one, those by which a graduate is judged."""
    return [_latest(answers)] if policy.placement_answer == "latest" else answers


def _latest(answers: list[Event]) -> Event:
    """The latest answer; of two on a day, the later record."""
    latest = answers[0]
    for answer in answers:
        if _answer_of(answer).answered_on >= _answer_of(latest).answered_on:
            latest = answer
    return latest


def _places(answer: Event, last: date, policy: Policy) -> bool:
    fact = _answer_of(answer)
    found_on = fact.job_found_on
    return fact.status in policy.placement_statuses and found_on is not None and found_on <= last


def _explain_graduate(
    graduation: Graduation,
    year: int,
    earliest: Graduation | None,
    first_in_window: dict[int, Graduation],
    facts: Facts,
) -> Candidate:
    events = (graduation.event,)
    first = earliest if graduation is not earliest else first_in_window[year]
    assert first is not None
    if graduation is first:
        return counted(year, "graduates", events, facts, graduation.graduated_on)
    return Candidate(year, "graduates", events, Reason.LATER_THAN_FIRST, first.event)


def _explain_answers(
    year: int, measure: str, reference: Graduation, facts: Facts, policy: Policy
) -> Iterator[Candidate]:
    """One candidate an answer, and one for a graduate of whom no answer is considered."""
    day = reference.graduated_on
    considered = _considered(facts, day)
    if not considered:
        yield Candidate(year, measure, (reference.event,), Reason.SILENT)
    first: Event | None = None
    for answer in sorted(facts.answers, key=lambda answer: _answer_of(answer).answered_on):
        events = (answer, reference.event)
        reason, cause = _not_placed(answer, measure, considered, reference, policy)
        if reason is not None:
            yield Candidate(year, measure, events, reason, cause)
        elif first is None:
            first = answer
            yield counted(year, measure, events, facts, day)
        else:
            yield Candidate(year, measure, events, Reason.LATER_THAN_FIRST, first)


def _not_placed(
    answer: Event, measure: str, considered: list[Event], reference: Graduation, policy: Policy
) -> tuple[Reason | None, Event | None]:
    """Why an answer does not count before a measure, None if it does; and what decides."""
    fact = _answer_of(answer)
    if not _is_considered(fact, reference.graduated_on):
        return _not_considered(fact), None
    if measure == "respondents":
        return None, None
    judged = _judged(considered, policy)
    if not any(answer is each for each in judged):
        return Reason.NOT_LATEST_ANSWER, judged[0]
    if not _places(answer, _last_day(reference, policy), policy):
        return _not_placing(fact, policy), None
    if measure == "placed_in_field" and not fact.in_field:
        return Reason.NOT_IN_FIELD, None
    return None, None


def _not_considered(answer: Answered) -> Reason:
    if answer.survey != "job":
        return Reason.OTHER_SURVEY
    if answer.status == "unknown":
        return Reason.STATUS_UNKNOWN
    return Reason.ANSWERED_BEFORE_GRADUATION


def _not_placing(answer: Answered, policy: Policy) -> Reason:
    if answer.status not in policy.placement_statuses:
        return Reason.STATUS_NOT_IN_POLICY
    return Reason.NO_DATE if answer.job_found_on is None else Reason.FOUND_AFTER_LIMIT
