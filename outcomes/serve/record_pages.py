"""A record as a page: what it says, what became of it, and which figures it moves.

A place such as 0:7922 leads here, so that no address has a pseudonym. Records are for operators;
each that is shown is in the server's log.
"""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from ledger.audit.trace import Trace, TracedRecord, student_trace
from ledger.diagnostics import logger
from ledger.log import Location, Log, LogAddress
from ledger.log.progress import ProgressCallback
from outcomes.presentation.languages import Language
from outcomes.presentation.reasons import reason_words, verdict_words
from outcomes.presentation.words import group_words, measure_words, type_words
from outcomes.serve.access import Caller
from outcomes.serve.letters_api import Offset, Partition
from outcomes.serve.log_reading import LogReading
from outcomes.serve.pages import Pages, language_for
from outcomes.serve.problems import Problem
from outcomes.serve.tokens import Role
from projections.explanations import Explanation
from projections.policy import Policy
from schemas.admission import Event, Quarantined, admit
from schemas.moments import utc_text
from schemas.record import Record
from schemas.text import excerpt

__all__ = ["record_pages_router"]

_BYTES_SHOWN = 65_536


class _Traced(NamedTuple):
    """An event of the log, and all records that concern its student."""

    record: Record
    event: Event
    trace: Trace


def record_pages_router(pages: Pages, address: LogAddress, policy: Policy) -> APIRouter:
    """The route; it is no part of the API's description.

    Args:
        pages: For people.
        address: Of the log.
        policy: Under which effects on figures are shown.
    """
    router = APIRouter(include_in_schema=False)
    reading = LogReading(address)

    @router.get("/records/{partition}/{offset}")
    async def show_record(request: Request, partition: Partition, offset: Offset) -> Response:
        caller = pages.visitor(request, Role.OPERATOR)
        if isinstance(caller, Response):
            return caller
        place = Location(partition, offset)
        record, admitted = await reading.run(lambda log, _: _judged(log, place))
        if isinstance(admitted, Quarantined):
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/dead-letters/{partition}/{offset}{query}", 303)
        traced = await _trace(reading, record, admitted, policy)
        return _answer(pages, request, traced, caller)

    return router


def _judged(log: Log, place: Location) -> tuple[Record, Event | Quarantined]:
    assert place.offset is not None
    start, end = {place.partition: place.offset}, {place.partition: place.offset + 1}
    records = log.read(start, end) if place.partition < log.partitions else iter(())
    record = next(records, None)
    if record is None:
        raise Problem(404, "the log holds no record there")
    return record, admit(record, log.partitions)


async def _trace(reading: LogReading, record: Record, event: Event, policy: Policy) -> _Traced:
    def work(log: Log, check: ProgressCallback) -> Trace:
        return student_trace(log, log.end(), event.subject, policy, check)

    command = shlex.join(["outcomes", "trace", "--event", event.source, event.id])
    return _Traced(record, event, await reading.run(work, command=command))


def _answer(pages: Pages, request: Request, traced: _Traced, caller: Caller) -> Response:
    record, event, trace = traced
    language = language_for(request)
    logger().info("rows.shown", caller=caller.name, what="record", rows=len(trace.records))
    own = list[TracedRecord]()
    others = list[TracedRecord]()
    for each in trace.records:
        (own if _place(each.judged.record) == _place(record) else others).append(each)
    return pages.answer(
        request,
        "record.html",
        here=request.url.path,
        place=f"{record.partition}:{record.offset}",
        event=event,
        recorded_at=utc_text(record.recorded_at),
        value=excerpt(record.value, _BYTES_SHOWN),
        verdicts=[_verdict(each, language) for each in own],
        effects=[_effect(each, language) for row in own for each in row.effects],
        others=[_row(each, language) for each in others],
    )


def _place(record: Record) -> tuple[int, int]:
    return record.partition, record.offset


def _verdict(traced: TracedRecord, language: Language) -> dict[str, Any]:
    judged = traced.judged
    return {"words": verdict_words(judged.verdict, language), "cause": judged.cause}


def _effect(effect: Explanation, language: Language) -> dict[str, Any]:
    return {
        "measure": measure_words(effect.measure, language),
        "year": effect.year,
        "groups": " · ".join(group_words(group, language) for group in effect.groups),
        "counts": effect.is_counted,
        "reason": "" if effect.reason is None else reason_words(effect.reason.value, language),
        "cause": effect.cause,
    }


def _row(traced: TracedRecord, language: Language) -> dict[str, Any]:
    record, glimpse = traced.judged.record, traced.judged.glimpse
    return {
        "place": record,
        "type": type_words(glimpse.type) or "–",
        "dates": [language.date(day) for day in glimpse.dates.values()],
        "verdict": _verdict(traced, language),
    }
