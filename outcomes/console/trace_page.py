"""A student's timeline, or what became of one event, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from ledger.audit.reading import partitions_about
from ledger.audit.trace import memberships, student_from, trace_row
from ledger.numbers import pluralise
from outcomes.console.explain_page import place, reason_text, short_type
from projections.explanations import reference_of
from schemas.moments import utc_text

if TYPE_CHECKING:
    from ledger.audit.trace import Trace, TracedRecord
    from ledger.log import Cut, Log
    from projections.policy import Policy

__all__ = ["event_lines", "timeline_lines", "trace_document", "trace_head"]

# Of a type with several dates, the one on which it happened.
_HAPPENED_ON = {"ledger.enrollment.rescheduled.v1": "decided_on"}


def trace_head(log: Log, cut: Cut, policy: Policy, subjects: Collection[str]) -> dict[str, Any]:
    """What was asked, as the document says it, and what was read for it."""
    read = partitions_about(log, subjects) if subjects else list(cut)
    named = {"name": log.name, "cut": {str(number): end for number, end in cut.items()}}
    return {
        "schema": "ledger/trace/v1",
        "policy": {"id": policy.id, "version": policy.version, "sha256": policy.sha256},
        "log": {**named, "partitions_read": read},
    }


def trace_document(trace: Trace) -> dict[str, Any]:
    """One student's part of the document; see docs/json/trace.json."""
    return {
        "subject": trace.subject,
        "student_from": student_from(trace.facts),
        "memberships": memberships(trace.facts),
        "events": [trace_row(record) for record in trace.records],
    }


def timeline_lines(trace: Trace) -> Iterator[str]:
    """Every record by the date on which it happened, with what it does to the figures."""
    numbers: dict[str, int] = {}
    for record in trace.records:
        verdict = str(record.judged.verdict)
        numbers[verdict] = numbers.get(verdict, 0) + 1
    counted = ", ".join(f"{count} {verdict}" for verdict, count in numbers.items())
    yield f"{trace.subject}: {pluralise(len(trace.records), 'record')}, by verdict {counted}"
    begins = student_from(trace.facts)
    yield "population   learner" + (f"; student from {begins}" if begins else "")
    yield "membership   undeclared" + "".join(
        f"; from {each['from']} {', '.join(each['groups'][1:])}"
        for each in memberships(trace.facts)
    )
    for record in sorted(trace.records, key=_happened_on):
        yield ""
        yield from _record_lines(record)


def event_lines(traces: Iterable[Trace]) -> Iterator[str]:
    """What became of one event, for every subject that has it."""
    for trace in traces:
        for record in trace.records:
            yield f"{trace.subject or 'nobody'}:"
            yield from _record_lines(record)


def _record_lines(record: TracedRecord) -> Iterator[str]:
    judged = record.judged
    glimpse, where = judged.glimpse, judged.record
    happened_on = _date(record)
    day = "" if happened_on is None else happened_on.isoformat()
    name = (glimpse.type or "unreadable").removeprefix("ledger.").removesuffix(".v1")
    yield (
        f"{day:10}  {name:22}  {where.partition}:{where.offset}  {glimpse.source or '?'}"
        f" {glimpse.id or '?'}, recorded {utc_text(where.recorded_at)[:10]}"
    )
    yield f"            {_verdict(record)}"
    for effect in record.effects:
        yield f"            {effect.year}  {effect.measure:22}  {reason_text(effect)}"
    for candidate, measures in _supported(record).items():
        yield f"            decides about {candidate}: {measures}"


def _verdict(record: TracedRecord) -> str:
    judged = record.judged
    if judged.rule is not None:
        return f"quarantined by {judged.rule}"
    if judged.cause is None:
        return str(judged.verdict)
    joined = {"duplicate": "of", "conflict": "with", "repeat": "of", "retracted": "by"}
    return f"{judged.verdict} {joined[judged.verdict]} {place(reference_of(judged.cause))}"


def _supported(record: TracedRecord) -> dict[str, str]:
    """By the candidate that the record decides about, the years and measures."""
    measures: dict[str, list[str]] = {}
    for each in record.supports:
        named = f"{short_type(each.events[0])} {place(each.events[0])}"
        measures.setdefault(named, []).append(f"{each.year} {each.measure}")
    return {named: ", ".join(cells) for named, cells in measures.items()}


def _happened_on(record: TracedRecord) -> date:
    return _date(record) or date.max


def _date(record: TracedRecord) -> date | None:
    glimpse = record.judged.glimpse
    dates = glimpse.dates
    named = dates.get(_HAPPENED_ON.get(glimpse.type or "", ""))
    return named or next(iter(dates.values()), None)
