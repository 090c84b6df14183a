"""`GET /v1/…`: reports, key figures and a stream of what changes; readers only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel

from ledger.errors import LedgerError, NoFiguresError
from outcomes.serve import examples
from outcomes.serve.access import Doors
from outcomes.serve.figures import FiguresKey, LiveHub, live_members
from outcomes.serve.key_figures import key_figures
from outcomes.serve.metrics import CONTENT_TYPE_LATEST, Metrics
from outcomes.serve.problems import Problem, problems
from outcomes.serve.tokens import Role
from processors.live_report import LiveReport

__all__ = ["Health", "metrics_router", "read_live", "read_router"]

_HEARTBEAT_SECONDS = 15.0
_STREAMS_MAX = 2_000
_REFUSED = problems({
    401: "No valid token.",
    403: "The token has another role.",
    404: "No such policy is kept live.",
    422: "A parameter is not valid.",
    503: "There are no figures yet, or they cannot be read.",
})  # fmt: skip
_WELL = {"status": "ok", "reasons": []}
_UNCHANGED = {"description": "The figures are those of the ETag."}
_METRICS = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_STREAM = {
    "description": "`snapshot`, `change` and `lag` events, each with JSON.",
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": examples.STREAM}},
}


def _answer(example: object) -> dict[str, Any]:
    return {"content": {"application/json": {"example": example}}}


_REPORT_ANSWERS = {**_REFUSED, 200: _answer(examples.REPORT), 304: _UNCHANGED}
_KEY_FIGURES_ANSWERS = {**_REFUSED, 200: _answer(examples.KEY_FIGURES)}
YearInPath = Annotated[int, Path(ge=1900, le=2199, description="The reference year.")]
Year = Annotated[int, Query(ge=1900, le=2199, description="The reference year.")]
PolicyName = Annotated[str | None, Query(description="The id of a policy that is kept live.")]


class Health(BaseModel):
    """The state of the server, and of what it needs.

    Attributes:
        status: `ok`, or `not ready`.
        reasons: Why not, in closed words.
    """

    status: str
    reasons: list[str] = []


class _Reads:
    """What the routes share."""

    def __init__(self, doors: Doors, hub: LiveHub) -> None:
        self._doors = doors
        self._policies = list(hub.policies)

    def key(self, request: Request, year: int, policy: str | None) -> FiguresKey:
        """Whose figures a reader asks for."""
        self._doors.admit(request, Role.READER)
        chosen = policy or self._policies[0]
        if chosen not in self._policies:
            raise Problem(404, "no policy of that id is kept live", policies=self._policies)
        return FiguresKey(chosen, year)


def read_router(doors: Doors, hub: LiveHub, ready: Callable[[], list[str]]) -> APIRouter:
    """The routes that only read.

    Args:
        doors: Who may.
        hub: Where figures come from.
        ready: Why the server is not ready; empty where it is.
    """
    router = APIRouter()
    reads = _Reads(doors, hub)

    @router.get("/v1/reports/{year}", tags=["figures"], responses=_REPORT_ANSWERS)
    async def report(request: Request, year: YearInPath, policy: PolicyName = None) -> Response:
        """The report of a year as it stands now, with the lag as `live`; its ETag is its digest."""
        live = await read_live(hub, reads.key(request, year, policy))
        tag = f'"{live.report.digest}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag in request.headers.get("if-none-match", "").split(", "):
            return Response(status_code=304, headers=headers)
        body = orjson.dumps(live_members(live))
        return Response(body, headers=headers, media_type="application/json")

    @router.get("/v1/kpis", tags=["figures"], responses=_KEY_FIGURES_ANSWERS)
    async def kpis(request: Request, year: Year, policy: PolicyName = None) -> JSONResponse:
        """The key figures of a year: outcomes with growth, the three rates, the lag."""
        live = await read_live(hub, reads.key(request, year, policy))
        return JSONResponse(key_figures(live))

    @router.get(
        "/v1/stream",
        tags=["figures"],
        responses={**_REFUSED, 200: _STREAM},
        response_class=StreamingResponse,
    )
    async def stream(request: Request, year: Year, policy: PolicyName = None) -> StreamingResponse:
        """The figures as server-sent events: a snapshot, then the cells that change.

        The id of an event is the cut it brings a client to; one that comes back with
        `Last-Event-ID` gets what has changed since, or a snapshot.
        """
        key = reads.key(request, year, policy)
        if hub.streams >= _STREAMS_MAX:
            raise Problem(503, "too many streams", headers={"Retry-After": "10"})
        await read_live(hub, key)
        resume = request.headers.get("last-event-id")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        body = _with_heartbeat(hub, key, resume)
        return StreamingResponse(body, headers=headers, media_type="text/event-stream")

    @router.get("/v1/health", tags=["health"], responses={200: _answer(_WELL)})
    async def health() -> Health:
        """Whether the server answers."""
        return Health(status="ok")

    @router.get(
        "/v1/ready", tags=["health"], responses={200: _answer(_WELL), 503: {"model": Health}}
    )
    async def is_ready(response: Response) -> Health:
        """Whether events are taken and figures are current; says why not."""
        reasons = ready()
        response.status_code = 503 if reasons else 200
        return Health(status="not ready" if reasons else "ok", reasons=reasons)

    return router


def metrics_router(doors: Doors, hub: LiveHub, metrics: Metrics) -> APIRouter:
    """The route that Prometheus asks."""
    router = APIRouter()

    @router.get(
        "/metrics",
        tags=["health"],
        responses={**_REFUSED, 200: _METRICS},
        response_class=PlainTextResponse,
    )
    async def read_metrics(request: Request) -> Response:
        """Metrics of the server, the log and the figures, in Prometheus' text format."""
        doors.admit(request, Role.READER)
        text = await run_in_threadpool(metrics.exposition, hub.streams)
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)

    return router


async def read_live(hub: LiveHub, key: FiguresKey) -> LiveReport:
    """The live figures.

    Raises:
        Problem: 503 if there are none yet, or they cannot be read.
    """
    try:
        return await hub.read(key)
    except NoFiguresError as error:
        detail = "no figures yet; a worker has just begun"
        raise Problem(503, detail, headers={"Retry-After": "1"}) from error
    except LedgerError as error:
        raise Problem(503, _public(error), headers={"Retry-After": "5"}) from error


def _public(error: LedgerError) -> str:
    """What a reader may know of trouble; paths and addresses are for the server's log."""
    if error.exit_code == 78:  # noqa: PLR2004 - a setting, SPEC section 6
        return "this policy or year is not kept live"
    return "the figures cannot be read now; see the server's log"


async def _with_heartbeat(
    hub: LiveHub, key: FiguresKey, resume: str | None
) -> AsyncIterator[bytes]:
    frames = hub.follow(key, resume)
    pending: asyncio.Task[Any] | None = None
    yield b"retry: 2000\n\n"
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(frames))
            done, _ = await asyncio.wait({pending}, timeout=_HEARTBEAT_SECONDS)
            if not done:
                yield b": alive\n\n"
                continue
            frame = pending.result()
            pending = None
            yield frame
    except StopAsyncIteration:
        return
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait({pending})
        await frames.aclose()
