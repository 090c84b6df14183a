"""Which declarations count, by the 12-month rule (SPEC section 4, Career outcomes)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from projections.candidates import Candidate, Reason, counted
from projections.facts import Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from schemas.admission import Event
from schemas.events import Kind, OutcomeDeclared
from schemas.glimpse import Glimpse
from schemas.moments import Instant, instant, months_after

__all__ = ["career_outcomes", "explain_career_outcomes", "near_career_outcomes"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEASURES = ("outcomes_declared", "career_outcomes", "outcomes_repeated")


class _Outcome(NamedTuple):
    """A declaration that may count."""

    day: date
    kind: Kind
    event: Event


def career_outcomes(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """Every candidate is declared; it is a career outcome, or a repeat of an earlier one."""
    for outcome, anchor in _walks(facts, policy):
        day = outcome.day
        groups = (*facts.groups_at(day), *_breakdowns(outcome, facts))
        yield day.year, "outcomes_declared", groups
        yield day.year, "career_outcomes" if anchor is None else "outcomes_repeated", groups


def explain_career_outcomes(facts: Facts, policy: Policy) -> Iterator[Candidate]:
    """Every declaration, in the year of its date under the policy and in that of `outcome_on`."""
    for event in facts.outcomes:
        outcome, reason = _outcome(event, policy)
        if reason is not None:
            for measure in _MEASURES:
                yield Candidate(outcome.day.year, measure, (event,), reason)
        assert isinstance(event.fact, OutcomeDeclared)
        if event.fact.outcome_on.year != outcome.day.year:
            for measure in _MEASURES:
                year = event.fact.outcome_on.year
                yield Candidate(year, measure, (event,), Reason.OUTSIDE_YEAR)
    for outcome, anchor in _walks(facts, policy):
        yield from _explain_walked(outcome, anchor, facts)


def near_career_outcomes(
    glimpse: Glimpse,
    facts: Facts,  # noqa: ARG001 - as every family's
    policy: Policy,
) -> Iterator[tuple[int, str]]:
    """A declaration comes near the figures of its date under the policy and of `outcome_on`."""
    if glimpse.type != OutcomeDeclared.TYPE:
        return
    years = glimpse.year_of("outcome_on")
    if policy.outcome_date == "time" and glimpse.stated_at is not None:
        years.add(_date_in_zone(glimpse.stated_at, policy).year)
    for year in years:
        yield from ((year, measure) for measure in _MEASURES)


def _walks(facts: Facts, policy: Policy) -> Iterator[tuple[_Outcome, _Outcome | None]]:
    """The outcomes that the policy considers, each with the one in whose window it lies, if any."""
    judged = (_outcome(event, policy) for event in facts.outcomes)
    considered = [outcome for outcome, reason in judged if reason is None]
    if len(considered) > 1:
        considered.sort(key=_order)
    if policy.outcome_window_scope == "student":
        yield from _walk(considered, policy)
        return
    for kind in policy.outcome_kinds:
        yield from _walk([outcome for outcome in considered if outcome.kind == kind], policy)


def _outcome(event: Event, policy: Policy) -> tuple[_Outcome, Reason | None]:
    """A declaration, and why the policy does not consider it; None where it does."""
    fact = event.fact
    assert isinstance(fact, OutcomeDeclared)
    by_fact = policy.outcome_date == "outcome_on"
    day = fact.outcome_on if by_fact else _date_in_zone(_stated_at(event), policy)
    outcome = _Outcome(day, fact.kind, event)
    if fact.kind not in policy.kinds:
        return outcome, Reason.KIND_NOT_IN_POLICY
    if policy.outcome_must_be_credited and not fact.credited:
        return outcome, Reason.NOT_CREDITED
    return outcome, None


def _order(outcome: _Outcome) -> tuple[date, Instant, str, str]:
    """In which the rule walks them."""
    event = outcome.event
    return outcome.day, _stated_at(event), event.source, event.id


def _stated_at(event: Event) -> Instant:
    stated_at = instant(event.time)
    assert stated_at is not None
    return stated_at


def _date_in_zone(moment: Instant, policy: Policy) -> date:
    return (_EPOCH + timedelta(seconds=moment.seconds)).astimezone(policy.time_zone).date()


def _walk(outcomes: list[_Outcome], policy: Policy) -> Iterator[tuple[_Outcome, _Outcome | None]]:
    """The first counts; a later one when its date has reached the end of the anchor's window."""
    anchor: _Outcome | None = None
    for outcome in outcomes:
        counts = anchor is None or _is_beyond_window(outcome.day, anchor.day, policy)
        yield outcome, None if counts else anchor
        if counts or policy.outcome_window_anchor == "last_declared":
            anchor = outcome


def _is_beyond_window(day: date, anchor: date, policy: Policy) -> bool:
    if policy.outcome_window_anchor == "calendar_year":
        return day.year > anchor.year
    return day >= months_after(anchor, policy.outcome_window_months)


def _breakdowns(outcome: _Outcome, facts: Facts) -> tuple[str, str, str]:
    population = facts.population_at(outcome.day)
    return f"kind:{outcome.kind}", f"population:{population}", f"month:{outcome.day.month:02}"


def _explain_walked(
    outcome: _Outcome, anchor: _Outcome | None, facts: Facts
) -> Iterator[Candidate]:
    day, events = outcome.day, (outcome.event,)
    breakdowns = _breakdowns(outcome, facts)
    for measure in _MEASURES:
        if measure == "career_outcomes" and anchor is not None:
            reason = Reason.REPEATED_WITHIN_WINDOW
            yield Candidate(day.year, measure, events, reason, anchor.event)
        elif measure == "outcomes_repeated" and anchor is None:
            yield Candidate(day.year, measure, events, Reason.CAREER_OUTCOME)
        else:
            yield counted(day.year, measure, events, facts, day, *breakdowns)
