"""What the events in force say about one student (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

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

__all__ = ["Enrolment", "Facts", "facts_of", "groups_of"]

Groups = tuple[str, ...]
_Dependent = Graduated | Withdrew | Rescheduled


@dataclass(slots=True)
class Enrolment:
    """One enrolment with all that depends on it.

    Attributes:
        reschedulings: (decided_on, new expected date), in log order.
        withdrawals: (withdrew_on, reason), in log order.
        graduated_on: The earliest graduation, None without one.
    """

    enrolled_on: date
    expected_on: date
    funding: Funding
    reschedulings: list[tuple[date, date]] = field(default_factory=list)
    withdrawals: list[tuple[date, WithdrawalReason]] = field(default_factory=list)
    graduated_on: date | None = None


@dataclass(slots=True)
class Facts:
    """One student's life as the ledger knows it; every list is in log order.

    Attributes:
        declarations: (date, categories), sorted by date, log order within a date.
        outcomes: The events themselves, since their order depends on time, source and id.
    """

    applied_on: list[date] = field(default_factory=list)
    enrolments: list[Enrolment] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    outcomes: list[Event] = field(default_factory=list)
    declarations: list[tuple[date, frozenset[Category]]] = field(default_factory=list)

    def declare(self, declared_on: date, categories: frozenset[Category] | None) -> None:
        """Add a declaration; None says nothing."""
        if categories is not None:
            self.declarations.append((declared_on, categories))

    def groups_at(self, day: date) -> Groups:
        """The membership groups at a date: those of the latest declaration on or before it."""
        latest: frozenset[Category] | None = None
        for declared_on, categories in self.declarations:
            if declared_on > day:
                break
            latest = categories
        return groups_of(latest)

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
    dependents: list[_Dependent] = []
    for event in in_force:
        fact = event.fact
        assert not isinstance(fact, Retracted), event
        match fact:
            case Applied():
                facts.applied_on.append(fact.applied_on)
                facts.declare(fact.applied_on, fact.categories)
            case Enrolled():
                enrolments[fact.enrollment_id] = Enrolment(
                    fact.enrolled_on, fact.expected_graduation_on, fact.funding
                )
                facts.declare(fact.enrolled_on, fact.categories)
            case CategoriesDeclared():
                facts.declare(fact.declared_on, fact.categories)
            case Answered():
                facts.answers.append(fact)
            case OutcomeDeclared():
                facts.outcomes.append(event)
            case _:
                dependents.append(fact)
    for dependent in dependents:
        _attach(enrolments[dependent.enrollment_id], dependent)
    facts.enrolments.extend(enrolments.values())
    facts.declarations.sort(key=_date_of)
    return facts


def _date_of(declaration: tuple[date, frozenset[Category]]) -> date:
    return declaration[0]


def _attach(enrolment: Enrolment, fact: _Dependent) -> None:
    if isinstance(fact, Graduated):
        known = enrolment.graduated_on
        if known is None or fact.graduated_on < known:
            enrolment.graduated_on = fact.graduated_on
    elif isinstance(fact, Withdrew):
        enrolment.withdrawals.append((fact.withdrew_on, fact.reason))
    else:
        enrolment.reschedulings.append((fact.decided_on, fact.expected_graduation_on))
