"""Which of one student's events count, and why the others do not (SPEC section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple, cast

from schemas.admission import Event
from schemas.events import Applied, Enrolled, Graduated, Rescheduled, Retracted, Withdrew

__all__ = [
    "EVENTS_MAX",
    "Disposition",
    "History",
    "Resolution",
    "are_all_first",
    "business_identity",
    "resolve",
]

EVENTS_MAX = 1_000

Identity = tuple[str, str]

# Looked up by exact type: `isinstance` is slow where a model's answer is no, as for most events.
_STATEMENTS = frozenset({Applied, Enrolled})
_DEPENDENTS = frozenset({Graduated, Withdrew, Rescheduled})
_identity_of = attrgetter("source", "id")
_fact_of = attrgetter("fact")


class Disposition(StrEnum):
    """What an admitted record is among those of its student."""

    EVENT = "event"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    OVER_LIMIT = "subject_must_not_exceed_1000_events"


class History:
    """One student's events in log order: the first record of each identity.

    Attributes:
        events: By (source, id), in log order; at most 1,000.
    """

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events: dict[Identity, Event] = {}

    def add(self, event: Event) -> Disposition:
        """Add the next record of this student, and say what it is.

        A record is compared with the first of its identity only, before retractions; a quarantined
        one has no identity, so its copies are quarantined too.
        """
        identity = (event.source, event.id)
        first = self.events.get(identity)
        if first is not None:
            return Disposition.DUPLICATE if first.content == event.content else Disposition.CONFLICT
        if len(self.events) >= EVENTS_MAX:
            return Disposition.OVER_LIMIT
        self.events[identity] = event
        return Disposition.EVENT


def are_all_first(events: Sequence[Event]) -> bool:
    """Whether a `History` that has none of these events takes each of them."""
    return len(events) <= EVENTS_MAX and len(set(map(_identity_of, events))) == len(events)


class Resolution(NamedTuple):
    """A student's events sorted by what became of them; each list is in log order.

    Attributes:
        in_force: The events that figures are made of.
        repeats: A second application or enrolment of one business identity.
        retracted: Removed by a retraction.
        pending: Retractions that name an event which is not there.
        void: Retractions that name a retraction.
        orphans: Events of an enrolment that is not in force.
    """

    in_force: Sequence[Event]
    repeats: list[Event]
    retracted: list[Event]
    pending: list[Event]
    void: list[Event]
    orphans: list[Event]


def resolve(events: Sequence[Event]) -> Resolution:
    """Sort a student's events into those in force and the others, in whatever order they came.

    Args:
        events: As `History.events` keeps them.
    """
    kinds = {*map(type, map(_fact_of, events))}
    in_force = events
    repeats: list[Event] = []
    orphans: list[Event] = []
    retracted: list[Event] = []
    pending: list[Event] = []
    void: list[Event] = []
    if Retracted in kinds:
        in_force, retracted, pending, void = _without_retracted(in_force)
    if not kinds.isdisjoint(_STATEMENTS):
        in_force, repeats = _without_repeats(in_force)
    if not kinds.isdisjoint(_DEPENDENTS):
        in_force, orphans = _without_orphans(in_force)
    return Resolution(in_force, repeats, retracted, pending, void, orphans)


def _without_retracted(
    events: Sequence[Event],
) -> tuple[list[Event], list[Event], list[Event], list[Event]]:
    by_identity = {(event.source, event.id): event for event in events}
    targets: set[Identity] = set()
    pending, void = [], []
    for event in events:
        if isinstance(event.fact, Retracted):
            target = (event.fact.retracts.source, event.fact.retracts.id)
            if target not in by_identity:
                pending.append(event)
            elif isinstance(by_identity[target].fact, Retracted):
                void.append(event)
            else:
                targets.add(target)
    retracted = [event for identity, event in by_identity.items() if identity in targets]
    statements = [
        event
        for identity, event in by_identity.items()
        if identity not in targets and not isinstance(event.fact, Retracted)
    ]
    return statements, retracted, pending, void


def _without_repeats(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """The first statement of an application or enrolment is the fact, with its own data."""
    known: set[tuple[type, str] | None] = set()
    facts: list[Event] = []
    repeats: list[Event] = []
    for event in events:
        if type(event.fact) in _STATEMENTS:
            identity = business_identity(event)
            if identity in known:
                repeats.append(event)
                continue
            known.add(identity)
        facts.append(event)
    return facts, repeats


def business_identity(event: Event) -> tuple[type, str] | None:
    """What an application or enrolment is known by at the institution; None for other events."""
    fact = event.fact
    if type(fact) is Applied:
        return Applied, fact.application_id
    if type(fact) is Enrolled:
        return Enrolled, fact.enrollment_id
    return None


def _without_orphans(facts: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    enrolments = {event.fact.enrollment_id for event in facts if type(event.fact) is Enrolled}
    in_force: list[Event] = []
    orphans: list[Event] = []
    for event in facts:
        is_orphan = type(event.fact) in _DEPENDENTS and _enrolment_needed(event) not in enrolments
        (orphans if is_orphan else in_force).append(event)
    return in_force, orphans


def _enrolment_needed(event: Event) -> str:
    return cast("Graduated | Withdrew | Rescheduled", event.fact).enrollment_id
