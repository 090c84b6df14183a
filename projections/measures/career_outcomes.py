"""Which declarations count, by the 12-month rule (SPEC section 4, Career outcomes)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from projections.facts import Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.admission import Event
from schemas.events import Kind, OutcomeDeclared
from schemas.moments import Instant, instant, months_after

__all__ = ["career_outcomes"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Candidate(NamedTuple):
    """A declaration that may count; candidates sort in the order in which the rule walks them."""

    day: date
    stated_at: Instant
    source: str
    id: str
    kind: Kind


def career_outcomes(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """Every candidate is declared; it is a career outcome, or a repeat of an earlier one."""
    if not facts.outcomes:
        return
    candidates = _candidates(facts, policy)
    outcomes = _select(candidates, policy)
    for candidate in candidates:
        day = candidate.day
        groups = (
            *facts.groups_at(day),
            f"kind:{candidate.kind}",
            f"population:{facts.population_at(day)}",
            f"month:{day.month:02}",
        )
        yield day.year, "outcomes_declared", groups
        yield day.year, "career_outcomes" if candidate in outcomes else "outcomes_repeated", groups


def _candidates(facts: Facts, policy: Policy) -> list[_Candidate]:
    """The outcomes that the policy considers, by date, then instant, then source and id."""
    candidates = (_candidate(event, policy) for event in facts.outcomes)
    return sorted(candidate for candidate in candidates if candidate is not None)


def _candidate(event: Event, policy: Policy) -> _Candidate | None:
    fact = event.fact
    assert isinstance(fact, OutcomeDeclared)
    if fact.kind not in policy.kinds or (policy.outcome_must_be_credited and not fact.credited):
        return None
    stated_at = instant(event.time)
    assert stated_at is not None
    by_fact = policy.outcome_date == "outcome_on"
    day = fact.outcome_on if by_fact else _date_in_zone(stated_at, policy)
    return _Candidate(day, stated_at, event.source, event.id, fact.kind)


def _date_in_zone(moment: Instant, policy: Policy) -> date:
    return (_EPOCH + timedelta(seconds=moment.seconds)).astimezone(policy.time_zone).date()


def _select(candidates: list[_Candidate], policy: Policy) -> set[_Candidate]:
    """Those of a student's candidates, in order, that are career outcomes."""
    if policy.outcome_window_scope == "student":
        return _walk(candidates, policy)
    return {
        outcome
        for kind in policy.outcome_kinds
        for outcome in _walk([each for each in candidates if each.kind == kind], policy)
    }


def _walk(candidates: list[_Candidate], policy: Policy) -> set[_Candidate]:
    """The first counts; a later one when its date has reached the end of the anchor's window."""
    outcomes: set[_Candidate] = set()
    anchor: date | None = None
    for candidate in candidates:
        counts = anchor is None or _is_beyond_window(candidate.day, anchor, policy)
        if counts:
            outcomes.add(candidate)
        if counts or policy.outcome_window_anchor == "last_declared":
            anchor = candidate.day
    return outcomes


def _is_beyond_window(day: date, anchor: date, policy: Policy) -> bool:
    if policy.outcome_window_anchor == "calendar_year":
        return day.year > anchor.year
    return day >= months_after(anchor, policy.outcome_window_months)
