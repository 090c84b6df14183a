"""Why one student counts or does not: every candidate with its one reason (docs/audit.md).

The candidates in force come from the rules of each family; a record that is not in force is a
candidate of the figures that it would come near if it were. What is counted here is compared with
the contributions of the same facts, so an explanation cannot differ from its figure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import NamedTuple, cast

from projections.candidates import Candidate, Reason
from projections.contributions import contributions, family_function
from projections.facts import Facts, Groups
from projections.measures.catalogue import COUNTS, FAMILIES
from projections.policy import Policy
from projections.student import JudgedRecord, RecordVerdict, Student
from schemas.admission import Event
from schemas.events import Answered
from schemas.glimpse import Glimpse, key_subject

__all__ = [
    "Cell",
    "Explanation",
    "Reference",
    "explain_cell",
    "explain_student",
    "is_claimable",
    "reference_of",
]

Explain = Callable[[Facts, Policy], Iterator[Candidate]]
Near = Callable[[Glimpse, Facts, Policy], Iterator[tuple[int, str]]]

_REASONS = {
    RecordVerdict.QUARANTINED: Reason.QUARANTINED,
    RecordVerdict.DUPLICATE: Reason.DUPLICATE,
    RecordVerdict.CONFLICT: Reason.CONFLICT,
    RecordVerdict.RETRACTED: Reason.RETRACTED,
    RecordVerdict.REPEAT: Reason.REPEAT,
    RecordVerdict.ORPHAN: Reason.ORPHAN,
}
_FAMILY_OF = {count: family.name for family in FAMILIES for count in family.counts}
_ORDER = {count: index for index, count in enumerate(COUNTS)}


class Cell(NamedTuple):
    """A count: reference year, measure and group."""

    year: int
    measure: str
    group: str


class Reference(NamedTuple):
    """What names a record: its place, and what it calls itself as far as that can be read."""

    partition: int
    offset: int
    source: str | None
    id: str | None
    type: str | None


class Explanation(NamedTuple):
    """A candidate before a cell: it counts, or has exactly one reason not to.

    Attributes:
        subject: The student's pseudonym.
        year: The reference year.
        measure: A count.
        events: The candidate itself, then what else decides about it.
        reason: None where it counts.
        rule: That a quarantined candidate fails.
        cause: What the reason is about: the X of "duplicate of X".
        groups: What it counts under.
        declared_by: The declaration that those groups follow from.
    """

    subject: str
    year: int
    measure: str
    events: tuple[Reference, ...]
    reason: Reason | None
    rule: str | None = None
    cause: Reference | None = None
    groups: Groups = ()
    declared_by: Reference | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it counts."""
        return self.reason is None


def explain_student(
    student: Student, policy: Policy, measures: Collection[str] = COUNTS
) -> list[Explanation]:
    """Every candidate of one student before every group, `all`, of some measures.

    Args:
        student: Their records.
        policy: The parameters.
        measures: Counts of the catalogue.

    Returns:
        By year, measure in the order of the catalogue, and place of the candidate in the log.
    """
    explanations = [
        *(_explanation(candidate) for candidate in _candidates(student.facts, policy, measures)),
        *_not_in_force(student, policy, measures),
    ]
    return sorted(explanations, key=_position)


def explain_cell(student: Student, policy: Policy, cell: Cell) -> list[Explanation]:
    """The candidates of one student before one cell, in log order.

    Raises:
        RuntimeError: If what is explained is not what the student adds to the cell.
    """
    candidates = _candidates(student.facts, policy, [cell.measure])
    explanations = [
        *(
            _explanation(candidate.in_group(cell.group))
            for candidate in candidates
            if candidate.year == cell.year
        ),
        *(
            explanation
            for explanation in _not_in_force(student, policy, [cell.measure])
            if explanation.year == cell.year
        ),
    ]
    explained = sum(explanation.is_counted for explanation in explanations)
    added = _added(student.facts, policy, cell)
    if explained != added:
        where = f"{cell.measure} {cell.year} of {cell.group}"
        raise RuntimeError(f"of one student {explained} explained, {added} counted in {where}")
    return sorted(explanations, key=_position)


def is_claimable(record: JudgedRecord) -> bool:
    """Whether a quarantined record can come near a figure: type, subject and a date are readable.

    An answer comes near through the graduation of its student, so it needs that student's key.
    """
    glimpse = record.glimpse
    if glimpse.type == Answered.TYPE and not _is_keyed_by(record, glimpse):
        return False
    return glimpse.type is not None and glimpse.subject is not None and bool(glimpse.dates)


def reference_of(event: Event) -> Reference:
    """What names an event."""
    return Reference(event.partition, event.offset, event.source, event.id, event.fact.TYPE)


def _added(facts: Facts, policy: Policy, cell: Cell) -> int:
    return sum(
        (year, measure) == cell[:2] and cell.group in groups
        for year, measure, groups in contributions(facts, policy)
    )


def _candidates(facts: Facts, policy: Policy, measures: Collection[str]) -> Iterator[Candidate]:
    for family in dict.fromkeys(_FAMILY_OF[measure] for measure in measures):
        explain, _ = _functions(family)
        yield from (each for each in explain(facts, policy) if each.measure in measures)


def _not_in_force(
    student: Student, policy: Policy, measures: Collection[str]
) -> Iterator[Explanation]:
    families = dict.fromkeys(_FAMILY_OF[measure] for measure in measures)
    for record in student.records:
        reason = _REASONS.get(record.verdict)
        if reason is None:
            continue
        if not is_claimable(record):
            continue
        glimpse = record.glimpse
        for family in families:
            _, near = _functions(family)
            for year, measure in near(glimpse, student.facts, policy):
                if measure in measures:
                    yield _excluded(record, glimpse, reason, (year, measure))


def _is_keyed_by(record: JudgedRecord, glimpse: Glimpse) -> bool:
    return key_subject(record.record.key) == glimpse.subject


def _excluded(
    record: JudgedRecord, glimpse: Glimpse, reason: Reason, cell: tuple[int, str]
) -> Explanation:
    assert glimpse.subject is not None
    place = record.record
    name = Reference(place.partition, place.offset, glimpse.source, glimpse.id, glimpse.type)
    cause = None if record.cause is None else reference_of(record.cause)
    return Explanation(glimpse.subject, *cell, (name,), reason, record.rule, cause)


def _explanation(candidate: Candidate) -> Explanation:
    return Explanation(
        candidate.events[0].subject,
        candidate.year,
        candidate.measure,
        tuple(map(reference_of, candidate.events)),
        candidate.reason,
        None,
        None if candidate.cause is None else reference_of(candidate.cause),
        candidate.groups,
        None if candidate.declared_by is None else reference_of(candidate.declared_by),
    )


def _position(explanation: Explanation) -> tuple[int, int, int, int]:
    first = explanation.events[0]
    return explanation.year, _ORDER[explanation.measure], first.partition, first.offset


@cache
def _functions(family: str) -> tuple[Explain, Near]:
    """The functions that a family's file names after the family."""
    explain = cast("Explain", family_function(family, "explain_"))
    return explain, cast("Near", family_function(family, "near_"))
