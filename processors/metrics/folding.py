"""What a worker does, as metrics: batches, commits, and how old a record is when it is visible."""

from __future__ import annotations

import collections
from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from ledger.clock import now_ms
from processors.live_fold import FoldedBatch

__all__ = ["BatchHistogram", "FoldMetrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
_RECORDS = (1, 10, 100, 1_000, 10_000, 100_000)


class FoldMetrics:
    """The metrics of one worker; call it with each batch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._events = Counter(
            "outcomes_folded_events", "Events folded, by type.", ("type",), registry=registry
        )
        self._records = Counter(
            "outcomes_folded_records",
            "Records folded, by what they are.",
            ("state",),
            registry=registry,
        )
        self._batch_records = Histogram(
            "outcomes_fold_batch_records",
            "Records of a batch.",
            buckets=_RECORDS,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "outcomes_fold_batch_seconds",
            "Time to fold a batch, with its commit.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "outcomes_read_model_commit_seconds",
            "Time of the batch's transaction in SQLite.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._visible_seconds = BatchHistogram(
            "outcomes_visible_seconds",
            "From when the log took a record until the figures hold it.",
            buckets=_AGES,
            registry=registry,
        )

    def __call__(self, batch: FoldedBatch) -> None:
        """Take note of a batch that was committed."""
        self._batch_records.observe(len(batch.records))
        self._batch_seconds.observe(batch.seconds)
        self._commit_seconds.observe(batch.commit_seconds)
        for kind, count in batch.types.items():
            self._events.labels(kind).inc(count)
        counts = batch.counts
        for state, count in (
            ("events", counts.events),
            ("duplicates", counts.duplicates),
            ("conflicts", counts.conflicts),
            ("quarantined", counts.quarantined.total()),
        ):
            self._records.labels(state).inc(count)
        now = now_ms()
        self._visible_seconds.observe_all(
            [max(0, now - record.recorded_at) / 1_000 for record in batch.records]
        )


class BatchHistogram(Histogram):
    """A histogram that takes many values at once: `observe` writes to a file for each."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """What `observe` of each comes to."""
        in_bucket = collections.Counter(bisect_left(self._upper_bounds, each) for each in amounts)
        self._sum.inc(sum(amounts))
        for index, count in in_bucket.items():
            self._buckets[index].inc(count)
