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

__all__ = ["Candidate", "candidates", "career_outcomes", "counted"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Candidate(NamedTuple):
    """A declaration that may count; candidates sort as the rule walks them."""

    on: date
    at: Instant
    source: str
    id: str
    kind: Kind


def career_outcomes(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """Every candidate is declared; it is a career outcome, or a repeat of an earlier one."""
    if not facts.outcomes:
        return
    walked = candidates(facts, policy)
    chosen = counted(walked, policy)
    for candidate in walked:
        on = candidate.on
        groups = (
            *facts.groups_at(on),
            f"kind:{candidate.kind}",
            f"population:{facts.population_at(on)}",
            f"month:{on.month:02}",
        )
        yield on.year, "outcomes_declared", groups
        yield on.year, "career_outcomes" if candidate in chosen else "outcomes_repeated", groups


def candidates(facts: Facts, policy: Policy) -> list[Candidate]:
    """The outcomes that the policy considers, by date, then instant, then source and id."""
    found = (_candidate(event, policy) for event in facts.outcomes)
    return sorted(candidate for candidate in found if candidate is not None)


def _candidate(event: Event, policy: Policy) -> Candidate | None:
    fact = event.fact
    assert isinstance(fact, OutcomeDeclared)
    if fact.kind not in policy.kinds or (policy.outcome_must_be_credited and not fact.credited):
        return None
    at = instant(event.time)
    assert at is not None
    on = fact.outcome_on if policy.outcome_date == "outcome_on" else _date_in_zone(at, policy)
    return Candidate(on, at, event.source, event.id, fact.kind)


def _date_in_zone(at: Instant, policy: Policy) -> date:
    return (_EPOCH + timedelta(seconds=at.seconds)).astimezone(policy.time_zone).date()


def counted(walked: list[Candidate], policy: Policy) -> set[Candidate]:
    """Those of a student's candidates, in walking order, that are career outcomes."""
    if policy.outcome_window_scope == "student":
        return _walk(walked, policy)
    alone = ([one for one in walked if one.kind == kind] for kind in policy.outcome_kinds)
    return {candidate for kind in alone for candidate in _walk(kind, policy)}


def _walk(walked: list[Candidate], policy: Policy) -> set[Candidate]:
    """The first counts; a later one when its date has reached the end of the anchor's window."""
    chosen: set[Candidate] = set()
    anchor: date | None = None
    for candidate in walked:
        counts = anchor is None or _is_free(candidate.on, anchor, policy)
        if counts:
            chosen.add(candidate)
        if counts or policy.outcome_window_anchor == "last_declared":
            anchor = candidate.on
    return chosen


def _is_free(on: date, anchor: date, policy: Policy) -> bool:
    if policy.outcome_window_anchor == "calendar_year":
        return on.year > anchor.year
    return on >= months_after(anchor, policy.outcome_window_months)
