"""What the events in force say about one student (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple, cast

from schemas.admission import Event
from schemas.events import (
    CATEGORIES,
    Answered,
    Applied,
    CategoriesDeclared,
    Category,
    Enrolled,
    Funding,
    Graduated,
    OutcomeDeclared,
    Rescheduled,
    Retracted,
    WithdrawalReason,
    Withdrew,
)

__all__ = [
    "Enrolment",
    "Facts",
    "Graduation",
    "Rescheduling",
    "Withdrawal",
    "facts_of",
    "groups_of",
]

Groups = tuple[str, ...]
_Dependent = Graduated | Withdrew | Rescheduled
# Plain tuples, since a replay makes one for most events: (date, event), (date, categories, event).
Application = tuple[date, Event]
Declaration = tuple[date, frozenset[Category], Event]


class Rescheduling(NamedTuple):
    """When a new expected date was decided, that date, and the event that says so."""

    decided_on: date
    expected_on: date
    event: Event


class Withdrawal(NamedTuple):
    """When and why an enrolment was left, and the event that says so."""

    withdrew_on: date
    reason: WithdrawalReason
    event: Event


class Graduation(NamedTuple):
    """When an enrolment was completed, and the event that says so."""

    graduated_on: date
    event: Event


@dataclass(slots=True)
class Enrolment:
    """One enrolment with all that depends on it; every list is in log order.

    Attributes:
        event: The event that states it.
        graduation: The earliest of the graduations, None without one.
    """

    event: Event
    enrolled_on: date
    expected_on: date
    funding: Funding
    reschedulings: list[Rescheduling] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    graduations: list[Graduation] = field(default_factory=list)
    graduation: Graduation | None = None

    @property
    def graduated_on(self) -> date | None:
        """The date of the earliest graduation."""
        return None if self.graduation is None else self.graduation.graduated_on


@dataclass(slots=True)
class Facts:
    """One student's life as the ledger knows it; every list is in log order.

    Attributes:
        applications: (applied_on, event).
        answers: The events themselves.
        outcomes: The events themselves, since their order depends on time, source and id.
        declarations: (date, categories, event), sorted by date, log order within a date.
    """

    applications: list[Application] = field(default_factory=list)
    enrolments: list[Enrolment] = field(default_factory=list)
    answers: list[Event] = field(default_factory=list)
    outcomes: list[Event] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)

    def declare(
        self, declared_on: date, categories: frozenset[Category] | None, event: Event
    ) -> None:
        """Add a declaration; None says nothing."""
        if categories is not None:
            self.declarations.append((declared_on, categories, event))

    def declaration_at(self, day: date) -> Declaration | None:
        """The latest declaration on or before a date."""
        latest = None
        for declaration in self.declarations:
            if declaration[0] > day:
                break
            latest = declaration
        return latest

    def groups_at(self, day: date) -> Groups:
        """The membership groups at a date: those of the latest declaration on or before it."""
        latest = self.declaration_at(day)
        return groups_of(None if latest is None else latest[1])

    def population_at(self, day: date) -> str:
        """`student` from the first day of an enrolment on, `learner` before."""
        is_student = any(enrolment.enrolled_on <= day for enrolment in self.enrolments)
        return "student" if is_student else "learner"


@lru_cache(maxsize=64)
def groups_of(categories: frozenset[Category] | None) -> Groups:
    """The groups of a membership; `all` is always one of them.

    >>> groups_of(frozenset()), groups_of(None)
    (('all', 'no_category'), ('all', 'undeclared'))
    """
    if categories is None:
        return ("all", "undeclared")
    if not categories:
        return ("all", "no_category")
    return ("all", *(name for name in CATEGORIES if name in categories), "any_category")


def facts_of(in_force: Iterable[Event]) -> Facts:
    """Gather the facts of one student.

    Args:
        in_force: The student's events that count, in log order (`history.resolve`).
    """
    facts = Facts()
    enrolments: dict[str, Enrolment] = {}
    dependents: list[tuple[_Dependent, Event]] = []
    for event in in_force:
        fact = event.fact
        # By exact type, the most frequent first: `isinstance` of a model is slow.
        if type(fact) is Answered:
            facts.answers.append(event)
        elif type(fact) is Applied:
            facts.applications.append((fact.applied_on, event))
            facts.declare(fact.applied_on, fact.categories, event)
        elif type(fact) is Enrolled:
            enrolments[fact.enrollment_id] = Enrolment(
                event, fact.enrolled_on, fact.expected_graduation_on, fact.funding
            )
            facts.declare(fact.enrolled_on, fact.categories, event)
        elif type(fact) is CategoriesDeclared:
            facts.declare(fact.declared_on, fact.categories, event)
        elif type(fact) is OutcomeDeclared:
            facts.outcomes.append(event)
        else:
            assert type(fact) is not Retracted, event
            dependents.append((cast("_Dependent", fact), event))
    for dependent, event in dependents:
        _attach(enrolments[dependent.enrollment_id], dependent, event)
    facts.enrolments.extend(enrolments.values())
    if len(facts.declarations) > 1:
        facts.declarations.sort(key=_date_of)
    return facts


def _date_of(declaration: Declaration) -> date:
    return declaration[0]


def _attach(enrolment: Enrolment, fact: _Dependent, event: Event) -> None:
    if type(fact) is Graduated:
        graduation = Graduation(fact.graduated_on, event)
        enrolment.graduations.append(graduation)
        known = enrolment.graduated_on
        if known is None or fact.graduated_on < known:
            enrolment.graduation = graduation
    elif type(fact) is Withdrew:
        enrolment.withdrawals.append(Withdrawal(fact.withdrew_on, fact.reason, event))
    else:
        fact = cast("Rescheduled", fact)
        rescheduling = Rescheduling(fact.decided_on, fact.expected_graduation_on, event)
        enrolment.reschedulings.append(rescheduling)
