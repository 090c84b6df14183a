"""`POST /v1/events`: events over HTTP, answered when the log has acknowledged them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from ledger.log import EachAppended, Location, NewRecord
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from outcomes.ingest.personal_data import personal_data_findings
from outcomes.serve.access import Caller, Doors
from outcomes.serve.appender import Appender, Slot
from outcomes.serve.bodies import header_pairs, retracted_source, split_body
from outcomes.serve.limits import read_body
from outcomes.serve.metrics import Metrics
from outcomes.serve.problems import Problem, problems
from outcomes.serve.tokens import Role, covers
from schemas.finding import Finding

__all__ = ["BODY_BYTES_MAX", "Gateway", "gateway_router"]

BODY_BYTES_MAX = 4 * 1_024 * 1_024
_FAULTS_MAX = 20
_WARNINGS_MAX = 100
_WAIT_SECONDS = 2.0
_RETRY = {"Retry-After": "2"}
_REPAIR = "resubmits"
_SAFE = "sending the same events again is safe"


class _Judged(NamedTuple):
    """The events of a request.

    Attributes:
        records: Index and record of each that may be appended.
        types: Of these.
        refused: The types of the others, as far as they can be read.
        faults: Of the others.
        warnings: What else should be known of these.
    """

    records: list[tuple[int, NewRecord]]
    types: list[str]
    refused: list[object]
    faults: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


class Gateway(NamedTuple):
    """What answers `POST /v1/events`.

    Attributes:
        doors: Who may.
        appender: Where events go; None where the log takes none.
        metrics: Hears of each event.
        busy: As many requests at once.
    """

    doors: Doors
    appender: Appender | None
    metrics: Metrics
    busy: asyncio.Semaphore

    async def post(self, request: Request, *, partial: bool) -> JSONResponse:
        """Append the events of a request.

        Raises:
            Problem: For whatever is wrong with it, or with the log.
        """
        caller = self.doors.admit(request, Role.EMITTER, by_session=False)
        if self.appender is None:
            raise Problem(
                405, "an archive is sealed; send events to its log", headers={"Allow": ""}
            )
        if self.busy.locked():
            raise Problem(503, "too many requests at once", headers=_RETRY)
        async with self.busy:
            body = await read_body(request, BODY_BYTES_MAX)
            judged = await run_in_threadpool(_judge, request, body, caller)
            self.metrics.count_events(judged.refused, "refused")
            if judged.faults and not (partial and judged.records):
                raise _refusal(judged.faults)
            slot = await self._append([record for _, record in judged.records])
        appended = slot.future.result()
        indices = [index for index, _ in judged.records]
        events = _as_json(indices, appended.locations)
        for kind, location in zip(judged.types, appended.locations, strict=True):
            self.metrics.count_events([kind], "failed" if location is None else "acknowledged")
        if len(events) < len(indices):
            raise _failure(events)
        answer: dict[str, Any] = {"acknowledged": len(events), "events": events}
        if slot.conflicts is not None:
            answer["conflicts"] = [indices[position] for position in slot.conflicts]
        if judged.warnings:
            answer["warnings"] = judged.warnings
        return JSONResponse({**answer, "faults": judged.faults} if partial else answer)

    async def _append(self, records: Sequence[NewRecord]) -> Slot:
        """The records, acknowledged or not, once the log has answered."""
        slot = Slot(records)
        if not records:
            slot.future.set_result(EachAppended([], None))
            return slot
        assert self.appender is not None
        self.appender.submit(slot)
        try:
            # Shielded: a time-out must not cancel what is being appended.
            waiting = asyncio.shield(asyncio.wrap_future(slot.future))
            await asyncio.wait_for(waiting, _WAIT_SECONDS)
        except TimeoutError as error:
            if slot.withdraw():
                raise Problem(
                    503, "the log is busy; nothing was appended", headers=_RETRY, events=[]
                ) from error
            detail = f"the log has not answered; it may hold these events; {_SAFE}"
            raise Problem(503, detail, headers=_RETRY, events=[]) from error
        return slot


def gateway_router(gateway: Gateway) -> APIRouter:
    """The route of a gateway."""
    router = APIRouter()

    @router.post("/v1/events", tags=["events"], **_DOCUMENTATION)
    async def append_events(request: Request, *, partial: bool = False) -> JSONResponse:
        """Append events; the answer says where each of them is.

        A batch is appended whole or, if an event is at fault, not at all; with `partial` the events
        without a fault are appended. If the log fails midway, the 503 lists what it has
        acknowledged, and sending the same again is safe: no event counts twice.
        """
        return await gateway.post(request, partial=partial)

    return router


def _judge(request: Request, body: bytes, caller: Caller) -> _Judged:
    texts = split_body(header_pairs(request.scope["headers"]), body)
    judged = _Judged([], [], [], [], [])
    for index, text in enumerate(texts):
        record, faults, members = EVENTS.judge(Line(index + 1, text))
        if record is None:
            judged.refused.append(_readable_type(text))
            judged.faults.extend(_listed(index, faults))
        else:
            _refuse_foreign_source(members, caller, index)
            judged.records.append((index, record))
            judged.types.append(members["type"])
            if len(judged.warnings) < _WARNINGS_MAX:
                judged.warnings.extend(_listed(index, personal_data_findings(members)))
    return judged


def _listed(index: int, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    return ({"index": index, **finding._asdict()} for finding in findings[:_FAULTS_MAX])


def _readable_type(text: bytes) -> object:
    """The type that an event states, if it can be read."""
    try:
        members = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return members.get("type") if isinstance(members, dict) else None


def _refuse_foreign_source(members: dict[str, Any], caller: Caller, index: int) -> None:
    if _REPAIR in members:
        raise Problem(403, f"{_REPAIR} is for operators, who repair dead letters", index=index)
    if caller.source is None:
        return
    for source in (members["source"], retracted_source(members)):
        if source is not None and not covers(caller.source, source):
            raise Problem(403, f"this token is for the source {caller.source}", index=index)


def _as_json(
    indices: Sequence[int], locations: Sequence[Location | None]
) -> list[dict[str, int | None]]:
    return [
        {"index": index, "partition": location.partition, "offset": location.offset}
        for index, location in zip(indices, locations, strict=True)
        if location is not None
    ]


def _refusal(faults: list[dict[str, Any]]) -> Problem:
    return Problem(422, "nothing was appended; events are at fault", faults=faults)


def _failure(events: list[dict[str, int | None]]) -> Problem:
    detail = f"the log did not take all events; {_SAFE}"
    return Problem(503, detail, headers=_RETRY, acknowledged=len(events), events=events)


_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a-1042",
    "source": "https://crm.example/applications",
    "type": "ledger.student.applied.v1",
    "subject": "s-7f3a91",
    "time": "2022-03-01T09:00:00+01:00",
    "data": {"application_id": "A-1042", "programme": "web", "applied_on": "2022-03-01"},
}
_HEADERS = [
    {
        "name": f"ce-{name}",
        "in": "header",
        "required": False,
        "description": "An attribute of the event in binary mode, percent-encoded.",
        "schema": {"type": "string"},
        "example": value,
    }
    for name, value in _EXAMPLE.items()
    if name != "data"
]
_FINDING: dict[str, Any] = {
    "type": "object",
    "required": ["index", "rule", "pointer", "reason"],
    "properties": {
        "index": {"type": "integer"},
        "rule": {"type": "string"},
        "pointer": {"type": "string"},
        "reason": {"type": "string"},
    },
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["acknowledged", "events"],
    "properties": {
        "acknowledged": {"type": "integer"},
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "partition", "offset"],
                "properties": {
                    "index": {"type": "integer"},
                    "partition": {"type": "integer"},
                    "offset": {"type": ["integer", "null"]},
                },
            },
        },
        "conflicts": {
            "description": "Indices of events whose identity the log held with other content: the"
            " first record counts. Missing where nobody has looked: Kafka finds no earlier record"
            " by its identity.",
            "type": "array",
            "items": {"type": "integer"},
        },
        "faults": {"type": "array", "items": _FINDING},
        "warnings": {
            "description": "What looks like a name, an address or a number of a person.",
            "type": "array",
            "items": _FINDING,
        },
    },
}
_ACKNOWLEDGED = {
    "acknowledged": 2,
    "events": [
        {"index": 0, "partition": 0, "offset": 506},
        {"index": 1, "partition": 0, "offset": 507},
    ],
    "conflicts": [],
}
_DOCUMENTATION: dict[str, Any] = {
    "openapi_extra": {
        "parameters": _HEADERS,
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": {"type": "object"}, "example": _EXAMPLE},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": [_EXAMPLE],
                },
                "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE["data"]},
            },
        },
    },
    "responses": {
        200: {
            "description": "All are in the log.",
            "content": {"application/json": {"schema": _ANSWER, "example": _ACKNOWLEDGED}},
        },
        **problems(
            {
                400: "The body or a header is no event.",
                401: "No valid token.",
                403: "The token is for another role or source.",
                405: "The log is an archive.",
                408: "The body came too slowly.",
                413: "Over 4 MiB, or over 1,000 events.",
                415: "Another media type or charset, or a content encoding.",
                422: "Events at fault, each with rule and JSON pointer.",
                503: "The log is busy or away; what was acknowledged is listed.",
            }
        ),
    },
}
