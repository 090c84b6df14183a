"""What every request has to pass first, and what every answer carries (ASGI middleware)."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.diagnostics import logger
from outcomes.serve.access import CALLER
from outcomes.serve.metrics import Metrics
from outcomes.serve.problems import Problem

__all__ = ["Guard", "Names"]

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# W3C Trace Context: version, trace-id, parent-id, flags; a later version may add more.
_TRACE = re.compile(
    "(?!ff|00-.{52}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` a browser would send the forms of our own pages with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Names(NamedTuple):
    """The names under which the server may be asked.

    Attributes:
        hosts: In lower case, without a port.
        port: The port that clients use; None where a proxy stands before it.
    """

    hosts: Sequence[str]
    port: int | None

    def is_host(self, header: str, scheme: str) -> bool:
        """Whether a `Host` header names this server, by `http` or `https`."""
        try:
            parts = urlsplit(f"//{header}")
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        default = 443 if scheme == "https" else 80
        return host in self.hosts and (self.port is None or (port or default) == self.port)

    def is_origin(self, header: str, scheme: str) -> bool:
        """Whether an `Origin` header is a page of this server, by the scheme of the request."""
        named, _, rest = header.partition("://")
        return named == scheme and self.is_host(rest, scheme)


class Guard:
    """Refuses other hosts and other sites' pages; logs who asked for what, and how it ended."""

    def __init__(self, app: ASGIApp, names: Names, metrics: Metrics) -> None:
        """Stand before an app.

        Args:
            app: The app.
            names: Of the server.
            metrics: Hears of each answer.
        """
        self._app = app
        self._names = names
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        status = 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(trace_id=_trace_id(headers)):
            problem = self._refusal(scope, headers)
            try:
                app = self._app if problem is None else problem.response()
                await app(scope, receive, send_guarded)
            except Exception as error:  # noqa: BLE001 - the client has its 500, nobody a traceback
                logger().error("request.failed", error=type(error).__name__)
            finally:
                # The route, not the path: nothing that a client wrote reaches a log.
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - started
                self._metrics.observe_request(route, status, seconds)
                logger().info(
                    "request.answered",
                    method=scope["method"],
                    route=route,
                    caller=scope.get(CALLER),
                    status=status,
                    seconds=round(seconds, 4),
                )

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        # Behind a proxy it is the scheme that the proxy was asked by.
        scheme = scope["scheme"]
        if len(headers.getlist("host")) != 1 or not self._names.is_host(headers["host"], scheme):
            return Problem(421, "this server does not go by that name; see --name")
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is not None and not self._names.is_origin(origin, scheme):
            return Problem(403, "pages of other sites may not send anything here")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Problem(403, "pages of other sites may not send anything here")
        return None


def _trace_id(headers: Headers) -> str:
    """What the records of a request have in common: the caller's own id for it, or a random one."""
    sent = headers.getlist("traceparent")
    trace = _TRACE.fullmatch(sent[0]) if len(sent) == 1 else None
    return secrets.token_hex(16) if trace is None else trace[1]
