"""`GET /metrics` of a worker: what its processes do, and what their figures say."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ledger.diagnostics import logger
from ledger.errors import StoreError, UsageError
from processors.metrics.figures import StatusReader, register_collectors

__all__ = ["MetricsEndpoint", "MetricsPlace"]

_LOOPBACK = "127.0.0.1"
_PORT_MAX = 65_535


class MetricsPlace(NamedTuple):
    """Where metrics are served: an address of this machine, and a port; 0 for any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> MetricsPlace:
        """Read `[HOST:]PORT`.

        >>> MetricsPlace.parse("9100")
        MetricsPlace(host='127.0.0.1', port=9100)
        >>> MetricsPlace.parse("[::1]:9100")
        MetricsPlace(host='::1', port=9100)

        Raises:
            UsageError: If it is something else.
        """
        host, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit()) or int(port) > _PORT_MAX:
            raise UsageError(f"--metrics {text}: write a port, or HOST:PORT")
        return cls(host.removeprefix("[").removesuffix("]") or _LOOPBACK, int(port))


class _Handler(WSGIRequestHandler):
    """Answers without a line in the log for each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class MetricsEndpoint:
    """A small server in a thread of whoever calls `start`."""

    def __init__(self, place: MetricsPlace, folder: Path, status: StatusReader) -> None:
        """Listen; nothing is answered before `start`.

        Args:
            place: Where.
            folder: Of the processes' metrics, see `metrics_folder`.
            status: Of the figures.

        Raises:
            StoreError: If one cannot listen there.
        """
        registry = CollectorRegistry()
        register_collectors(registry, folder, status)

        class Server(ThreadingWSGIServer):
            address_family = socket.AF_INET6 if ":" in place.host else socket.AF_INET

        try:
            self._server = make_server(
                place.host, place.port, make_wsgi_app(registry), Server, _Handler
            )
        except OSError as error:
            raise StoreError(
                f"cannot listen on {place.host} port {place.port} ({error.strerror}); name another"
                " with --metrics"
            ) from error
        self._resources = ExitStack()
        self._resources.callback(self._server.server_close)

    def start(self) -> None:
        """Answer from now on."""
        thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._resources.callback(self._server.shutdown)
        thread.start()
        host, port = self._server.server_address[:2]
        logger().info("metrics.served", host=str(host), port=port)

    def close(self) -> None:
        """Stop; in a fork of the process that listens, leave it to that."""
        self._resources.close()
