"""Metrics for Prometheus; labels come from closed lists, and never name a student."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from schemas.events import FACTS

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_OTHER = "other"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECORDS = (1, 10, 100, 1_000, 10_000)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "outcomes_gateway_events",
            "Events received over HTTP, by type and by what became of them.",
            ("type", "result"),
            registry=self.registry,
        )
        self._requests = Histogram(
            "outcomes_http_request_seconds",
            "Time to answer, by route and status.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._commits = Histogram(
            "outcomes_log_commit_seconds",
            "Time of an append to the log, which may hold many requests.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._commit_records = Histogram(
            "outcomes_log_commit_records",
            "Records of an append to the log.",
            buckets=_RECORDS,
            registry=self.registry,
        )
        self._available = Gauge(
            "outcomes_log_available",
            "1 while the last append was acknowledged, 0 after one that failed.",
            registry=self.registry,
        )
        self._available.set(1)
        self._streams = Gauge(
            "outcomes_streams", "Open streams of server-sent events.", registry=self.registry
        )

    def count_events(self, types: Iterable[object], result: str) -> None:
        """Count events of a request.

        Args:
            types: The `type` of each, as it was sent; one that is not known is `other`.
            result: `acknowledged`, `refused` or `failed`.
        """
        for kind in types:
            known = kind if isinstance(kind, str) and kind in FACTS else _OTHER
            self._events.labels(known, result).inc()

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Note an answer; the route is one of the app's own."""
        self._requests.labels(urlsplit(route).path, str(status)).observe(seconds)

    def observe_commit(self, records: int, seconds: float, *, is_acknowledged: bool) -> None:
        """Note an append."""
        self._commits.observe(seconds)
        self._commit_records.observe(records)
        self._available.set(is_acknowledged)

    def exposition(self, streams: int) -> bytes:
        """All metrics as Prometheus reads them.

        Args:
            streams: How many are open.
        """
        self._streams.set(streams)
        return generate_latest(self.registry)
