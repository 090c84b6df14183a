"""Which of one student's events count, and why the others do not (SPEC section 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.admission import Event
from schemas.events import Applied, Enrolled, Graduated, Rescheduled, Retracted, Withdrew

__all__ = [
    "EVENTS_MAX",
    "Disposition",
    "History",
    "Resolution",
    "business_identity",
    "resolve",
]

EVENTS_MAX = 1_000

Identity = tuple[str, str]

# Looked up by exact type: `isinstance` is slow where a model's answer is no, as for most events.
_STATEMENTS = frozenset({Applied, Enrolled})
_DEPENDENTS = frozenset({Graduated, Withdrew, Rescheduled})


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


@dataclass(frozen=True, slots=True)
class Resolution:
    """A student's events sorted by what became of them; each list is in log order.

    Attributes:
        in_force: The events that figures are made of.
        repeats: A second application or enrolment of one business identity.
        retracted: Removed by a retraction.
        pending: Retractions that name an event which is not there.
        void: Retractions that name a retraction.
        orphans: Events of an enrolment that is not in force.
    """

    in_force: list[Event]
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
    statements, retracted, pending, void = _without_retracted(events)
    facts, repeats = _without_repeats(statements)
    in_force, orphans = _without_orphans(facts)
    return Resolution(in_force, repeats, retracted, pending, void, orphans)


def _without_retracted(
    events: Sequence[Event],
) -> tuple[Sequence[Event], list[Event], list[Event], list[Event]]:
    if Retracted not in {type(event.fact) for event in events}:
        return events, [], [], []
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


def _without_repeats(events: Iterable[Event]) -> tuple[list[Event], list[Event]]:
    """The first statement of an application or enrolment is the fact, with its own data."""
    known: set[tuple[type, str]] = set()
    facts: list[Event] = []
    repeats: list[Event] = []
    for event in events:
        identity = business_identity(event) if type(event.fact) in _STATEMENTS else None
        if identity is None:
            facts.append(event)
        elif identity in known:
            repeats.append(event)
        else:
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


def _without_orphans(facts: list[Event]) -> tuple[list[Event], list[Event]]:
    if _DEPENDENTS.isdisjoint({type(event.fact) for event in facts}):
        return facts, []
    enrolments = {event.fact.enrollment_id for event in facts if type(event.fact) is Enrolled}
    in_force: list[Event] = []
    orphans: list[Event] = []
    for event in facts:
        enrolment = _enrolment_needed(event) if type(event.fact) in _DEPENDENTS else None
        is_orphan = enrolment is not None and enrolment not in enrolments
        (orphans if is_orphan else in_force).append(event)
    return in_force, orphans


def _enrolment_needed(event: Event) -> str:
    fact = event.fact
    assert isinstance(fact, Graduated | Withdrew | Rescheduled)
    return fact.enrollment_id
