"""The FastAPI app: its routes, its errors, its description."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ledger.diagnostics import logger
from ledger.log import LogAddress
from outcomes.serve.access import Doors
from outcomes.serve.appender import Appender
from outcomes.serve.explain_routes import explain_router
from outcomes.serve.explaining import Explainer
from outcomes.serve.figures import LiveHub
from outcomes.serve.gateway import Gateway, gateway_router
from outcomes.serve.letters import LetterDesk
from outcomes.serve.letters_api import letters_router
from outcomes.serve.letters_pages import letter_pages_router
from outcomes.serve.metrics import Metrics
from outcomes.serve.pages import Pages, pages_router
from outcomes.serve.problems import Problem
from outcomes.serve.read_api import metrics_router, read_router
from outcomes.serve.record_pages import record_pages_router

__all__ = ["Parts", "make_app"]

_BUSY_MAX = 32
_STOP_SECONDS = 3.0
_TITLES = {404: "there is nothing at this address", 405: "this address takes another method"}


class Parts(NamedTuple):
    """What the app is made of.

    Attributes:
        doors: Who may.
        appender: Where events go; None where the log takes none.
        hub: Where figures come from.
        ready: Why the server is not ready; empty where it is.
        pages: For people.
        metrics: Of the server.
        desk: For dead letters.
        explainer: Opens figures.
        address: Of the log.
    """

    doors: Doors
    appender: Appender | None
    hub: LiveHub
    ready: Callable[[], list[str]]
    pages: Pages
    metrics: Metrics
    desk: LetterDesk
    explainer: Explainer
    address: LogAddress


def make_app(parts: Parts) -> FastAPI:
    """The app; its lifespan starts and stops what it is made of."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.hub.start()
        if parts.appender is not None:
            parts.appender.start()
        yield
        parts.hub.stop()
        if parts.appender is not None:
            await asyncio.to_thread(parts.appender.stop, _STOP_SECONDS)
        await asyncio.to_thread(parts.hub.join, _STOP_SECONDS)

    app = FastAPI(
        title="Outcome ledger",
        version=version("outcome-ledger"),
        summary="Student lifecycle events in, live figures out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    busy = asyncio.Semaphore(_BUSY_MAX)
    gateway = Gateway(parts.doors, parts.appender, parts.metrics, busy)
    app.include_router(gateway_router(gateway))
    app.include_router(read_router(parts.doors, parts.hub, parts.ready))
    app.include_router(metrics_router(parts.doors, parts.hub, parts.metrics))
    app.include_router(letters_router(parts.doors, parts.desk))
    app.include_router(explain_router(parts.pages, parts.hub, parts.explainer))
    app.include_router(letter_pages_router(parts.pages, parts.desk))
    policy = next(iter(parts.hub.policies.values()))
    app.include_router(record_pages_router(parts.pages, parts.address, policy))
    app.include_router(pages_router(parts.pages))
    _answer_errors(app, parts.pages)
    _describe(app)
    return app


def _answer_errors(app: FastAPI, pages: Pages) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        if _is_page(request):
            return pages.problem(request, error)
        return error.response()

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fault = error.errors()[0]
        place = " ".join(map(str, fault["loc"]))
        return Problem(422, f"{place}: {fault['msg']}").response()

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        detail = _TITLES.get(error.status_code, "the request cannot be answered")
        return Problem(error.status_code, detail, headers=error.headers).response()

    async def internal(_: Request, error: Exception) -> JSONResponse:
        logger().debug("request.crashed", exc_info=error)
        return Problem(500, "internal error; please report it").response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, internal)


def _is_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    is_api = request.url.path.startswith(("/v1/", "/metrics"))
    return not is_api and "text/html" in request.headers.get("accept", "")


def _describe(app: FastAPI) -> None:
    """Add what the routes do not say themselves: problems, and how a client shows its token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            components = described.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = _PROBLEM
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path, methods in described["paths"].items():
                for operation in methods.values():
                    if path not in _OPEN_PATHS:
                        operation["security"] = [{"token": []}]
                    # FastAPI describes an answer to invalid parameters that is not ours.
                    operation["responses"].setdefault("421", _MISDIRECTED)
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


_OPEN_PATHS = ("/v1/health", "/v1/ready")
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_MISDIRECTED = {
    "description": "The Host header names another server.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
