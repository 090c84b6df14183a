"""The interface of a log, and the promises that its contract suite checks.

A log is append-only. Within a partition offsets ascend and `recorded_at` never goes back. What
`append` has acknowledged is on disk and stays readable; an append is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from ledger.errors import StoreError
from ledger.log.cut import Cut
from schemas.record import Record

__all__ = ["Acknowledged", "Check", "EachAppended", "Location", "Log", "NewRecord", "Severity"]

Severity = Literal["fine", "warning", "broken"]
"""Of a check: `warning` where figures are still right, `broken` where a promise does not hold."""


class Check(NamedTuple):
    """One thing that `outcomes doctor` has checked.

    Attributes:
        name: What was checked.
        severity: See `Severity`.
        detail: What was seen, and what to do.
    """

    name: str
    severity: Severity
    detail: str


class NewRecord(NamedTuple):
    """A record to append; its partition follows from its key.

    Attributes:
        key: The subject's bytes; None only to imitate a foreign producer.
        value: The event's bytes; None for a tombstone.
        recorded_at: Milliseconds since 1970 to keep where the log allows it; None for now.
    """

    key: bytes | None
    value: bytes | None
    recorded_at: int | None = None


class Acknowledged(NamedTuple):
    """The result of an append.

    Attributes:
        records: How many were made durable.
        end: The log's end afterwards.
    """

    records: int
    end: Cut


class Location(NamedTuple):
    """Where a record is.

    Attributes:
        partition: Of its key.
        offset: None where a broker has acknowledged the record and not said where.
    """

    partition: int
    offset: int | None


class EachAppended(NamedTuple):
    """What became of each record of an append.

    Attributes:
        locations: In the order of the records; None for one that was not acknowledged.
        failure: Why some or all of them were not; None where all were.
    """

    locations: Sequence[Location | None]
    failure: StoreError | None


class Log(Protocol):
    """Records by partition and offset.

    Attributes:
        name: What reports call it (SPEC section 5, `log.name`).
        partitions: The partition count, fixed when the log is made.
    """

    name: str
    partitions: int

    def append(self, records: Iterable[NewRecord]) -> Acknowledged:
        """Append records, all or none; returns when they are durable.

        Raises:
            StoreError: If they could not be appended; then the log holds none of them.
        """

    def append_each(self, records: Sequence[NewRecord], *, wait_seconds: float) -> EachAppended:
        """Append a few records and say where each of them is; a failure is returned.

        Args:
            records: Held in memory.
            wait_seconds: How long to wait for another writer, or for brokers that are away.

        Raises:
            StoreError: If the log never takes records.
        """

    def read(self, start: Cut, end: Cut) -> Iterator[Record]:
        """The records from one cut up to another, by partition, then offset."""

    def read_by_key(self, end: Cut) -> Iterator[Record]:
        """All records below a cut, by (key, partition, offset), null keys first.

        Memory does not grow with the log.
        """

    def read_partition_by_key(
        self, partition: int, end: int, *, tick: Callable[[], object]
    ) -> Iterator[Record]:
        """The records of a partition below an offset, by (key, offset), null keys first.

        Memory does not grow with the log; the temporary folder needs as much room as the records.

        Args:
            partition: One of the log's.
            end: An offset up to which the log reaches.
            tick: Called now and then while nothing is handed out yet; what it raises is raised.
        """

    def first_records(self) -> Mapping[int, Record]:
        """The first record of every partition that holds one.

        Raises:
            CutNotHeldError: If the log has lost its beginning.
        """

    def end(self) -> Cut:
        """The cut after the last record of each partition."""

    def cut_as_of(self, at_ms: int) -> Cut:
        """The cut before each partition's first record with `recorded_at` > `at_ms`."""

    def normalise(self, cut: Cut) -> Cut:
        """The cut in the form of SPEC section 5, cut: 1 + the last offset below it, 0 for none.

        Raises:
            CutNotHeldError: If the log does not reach so far, or has other partitions.
        """

    def latest_recorded_at(self, cut: Cut) -> int | None:
        """The latest `recorded_at` of all records below a cut; None when there is none."""

    def examine(self) -> Iterator[Check]:
        """Check every promise that the log can check about itself; may read all of it.

        Raises:
            StoreError: If it cannot be read.
        """

    def close(self) -> None:
        """Close files and connections."""
