"""What became of a student's events, or of one event, and which figures each of them moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from ledger.audit.explain import reference_row
from ledger.audit.reading import students_about, students_with
from ledger.audit.sorted_rows import Row
from ledger.log import Cut, Log
from ledger.log.progress import ProgressCallback, no_progress
from projections.explanations import Explanation, Reference, explain_student, reference_of
from projections.facts import Facts, groups_of
from projections.policy import Policy
from projections.student import JudgedRecord, Student
from schemas.moments import utc_text

__all__ = [
    "Trace",
    "TracedRecord",
    "event_traces",
    "memberships",
    "student_from",
    "student_trace",
    "trace_row",
    "traces_of",
]


class TracedRecord(NamedTuple):
    """A record, and the figures in which it appears.

    Attributes:
        judged: What became of it.
        effects: The cells that it is a candidate of, counted or not.
        supports: The cells that it decides about as another record's: of an enrolment, an answer,
            or by the declaration that a membership follows from.
    """

    judged: JudgedRecord
    effects: list[Explanation]
    supports: list[Explanation]


@dataclass(frozen=True, slots=True)
class Trace:
    """One student's records in log order.

    Attributes:
        subject: The pseudonym; None for records that name nobody.
        records: Those that were asked for.
        facts: What all events in force say.
    """

    subject: str | None
    records: list[TracedRecord]
    facts: Facts


def student_trace(
    log: Log, cut: Cut, subject: str, policy: Policy, progress: ProgressCallback = no_progress
) -> Trace:
    """Every record under a student's key, and those that name the student under another.

    Args:
        log: Any log.
        cut: In its normal form.
        subject: The student's pseudonym.
        policy: Under which figures are made.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    return traces_of(log, cut, {subject}, policy, progress)[subject]


def traces_of(
    log: Log,
    cut: Cut,
    subjects: Collection[str],
    policy: Policy,
    progress: ProgressCallback = no_progress,
) -> dict[str, Trace]:
    """The traces of several students after one reading of the log, as `student_trace`."""
    read = list(students_about(log, cut, subjects, progress))
    return {subject: _trace(subject, read, policy) for subject in subjects}


def _trace(subject: str, read: Iterable[Student], policy: Policy) -> Trace:
    key, facts = subject.encode(), Facts()
    about, judged = [], []
    for student in read:
        is_own = student.records[0].record.key == key
        named = [each for each in student.records if is_own or each.glimpse.subject == subject]
        if named:
            about.append(student)
            judged += named
        if is_own:
            facts = student.facts
    return Trace(subject, _traced(judged, about, policy), facts)


def event_traces(
    log: Log,
    cut: Cut,
    identity: tuple[str, str],
    policy: Policy,
    progress: ProgressCallback = no_progress,
) -> Iterator[Trace]:
    """What became of the records with a source and id, for every subject that has the pair.

    Args:
        log: Any log.
        cut: In its normal form.
        identity: Source and id.
        policy: Under which figures are made.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    for read in students_with(log, cut, identity, progress):
        student, matching = read.student, dict[str | None, list[JudgedRecord]]()
        for record in read.records():
            glimpse = record.glimpse
            if (glimpse.source, glimpse.id) == identity:
                matching.setdefault(glimpse.subject, []).append(record)
        for subject, judged in matching.items():
            yield Trace(subject, _traced(judged, [student], policy), student.facts)


def trace_row(record: TracedRecord) -> Row:
    """A record and its effects as JSON has them; see docs/json/trace.json."""
    judged = record.judged
    glimpse = judged.glimpse
    row: dict[str, Any] = {
        "partition": judged.record.partition,
        "offset": judged.record.offset,
        "recorded_at": utc_text(judged.record.recorded_at),
        "source": glimpse.source,
        "id": glimpse.id,
        "type": glimpse.type,
        "dates": {name: day.isoformat() for name, day in glimpse.dates.items()},
        "verdict": judged.verdict,
        "rule": judged.rule,
        "cause": None if judged.cause is None else reference_row(reference_of(judged.cause)),
        "effects": [_effect(each) for each in record.effects],
        "supports": [
            {
                "reference_year": each.year,
                "measure": each.measure,
                "candidate": reference_row(each.events[0]),
            }
            for each in record.supports
        ],
    }
    return row


def memberships(facts: Facts) -> list[Row]:
    """From when on a student belonged to which groups, and by which declaration.

    Before the first one the student is undeclared; of two on a day the later record applies.
    """
    latest = {day: (categories, event) for day, categories, event in facts.declarations}
    return [
        {
            "from": day.isoformat(),
            "groups": list(groups_of(categories)),
            "declared_by": reference_row(reference_of(event)),
        }
        for day, (categories, event) in latest.items()
    ]


def student_from(facts: Facts) -> str | None:
    """The day from which on somebody is a student, and no learner any more."""
    days = [enrolment.enrolled_on for enrolment in facts.enrolments]
    return min(days).isoformat() if days else None


def _traced(
    judged: Iterable[JudgedRecord], read: Iterable[Student], policy: Policy
) -> list[TracedRecord]:
    explanations = list(chain.from_iterable(explain_student(each, policy) for each in read))
    effects: dict[tuple[int, int], list[Explanation]] = {}
    supports: dict[tuple[int, int], list[Explanation]] = {}
    for explanation in explanations:
        first, *others = explanation.events
        effects.setdefault(_place(first), []).append(explanation)
        declared_by = explanation.declared_by
        if declared_by is not None and declared_by not in explanation.events:
            others.append(declared_by)
        for other in others:
            supports.setdefault(_place(other), []).append(explanation)
    return [
        TracedRecord(record, effects.get(place, []), supports.get(place, []))
        for record in judged
        for place in [(record.record.partition, record.record.offset)]
    ]


def _place(reference: Reference) -> tuple[int, int]:
    return reference.partition, reference.offset


def _effect(explanation: Explanation) -> Row:
    return {
        "reference_year": explanation.year,
        "measure": explanation.measure,
        "groups": list(explanation.groups),
        "counted": explanation.is_counted,
        "reason": explanation.reason,
        "cause": reference_row(explanation.cause),
    }
