"""A log's records as a person looks at them: the last ones, those that match, new ones."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any, NamedTuple

import orjson

from ledger.log.archive import as_archive
from ledger.log.cut import Cut
from ledger.log.port import Log
from schemas.moments import utc_text
from schemas.record import Record
from schemas.text import excerpt

__all__ = ["RecordFilter", "TailQuery", "follow_log", "last_records", "short_line"]

_POLL_SECONDS = 0.25
_WINDOW_MIN = 256
_WINDOW_GROWTH = 8


class RecordFilter(NamedTuple):
    """Which records are wanted; None for any.

    `type`, `source` and `id` are those that a value says, whether or not it is an event.

    Attributes:
        subject: The record's key.
        type: Of the event.
        source: Of the event.
        id: Of the event.
    """

    subject: str | None = None
    type: str | None = None
    source: str | None = None
    id: str | None = None

    def matches(self, record: Record) -> bool:
        """Whether a record is wanted."""
        if self.subject is not None and record.key != self.subject.encode():
            return False
        wanted = {name: value for name, value in self._asdict().items() if value is not None}
        wanted.pop("subject", None)
        return not wanted or wanted.items() <= _texts(record.value).items()


class TailQuery(NamedTuple):
    """Which records are asked for.

    Attributes:
        start: Where to begin in each partition.
        partitions: Of which partitions.
        wanted: Which of their records.
    """

    start: Cut
    partitions: Collection[int]
    wanted: RecordFilter = RecordFilter()

    def until(self, end: Cut) -> Cut:
        """A cut in the partitions asked for; in the others nothing is read."""
        return {partition: end[partition] for partition in self.partitions}


def follow_log(log: Log, query: TailQuery, *, follow: bool) -> Iterator[Record | None]:
    """The records, then None; with `follow` for ever, None whenever there are no more."""
    position = query.start
    while True:
        end = log.end()
        for record in log.read(position, query.until(end)):
            if query.wanted.matches(record):
                yield record
        yield None
        if not follow:
            return
        position = end
        while log.end() == position:
            time.sleep(_POLL_SECONDS)


def last_records(log: Log, query: TailQuery, end: Cut, count: int) -> list[Record]:
    """The latest records below a cut, read from the end backwards, no further than needed.

    Args:
        log: Any log.
        query: Which records.
        end: In its normal form.
        count: How many at most.

    Returns:
        By `recorded_at`, then in log order; within a partition that is the order of offsets.
    """
    if count == 0:
        return []
    latest = list[Record]()
    low = dict(query.until(end))
    oldest = dict[int, int]()

    def may_hold_later(partition: int) -> bool:
        """Whether a record that was not read yet may be among the latest."""
        if low[partition] <= query.start[partition]:
            return False
        if len(latest) < count or partition not in oldest:
            return True
        return (oldest[partition], partition, low[partition]) > _order(latest[0])

    size = max(count, _WINDOW_MIN)
    while waiting := [partition for partition in low if may_hold_later(partition)]:
        below = {partition: low[partition] for partition in waiting}
        for partition, high in below.items():
            start = _segment_start(log, partition, max(0, high - size))
            low[partition] = max(query.start[partition], start)
        matches = {partition: deque[Record](maxlen=count) for partition in waiting}
        first = dict[int, int]()
        for record in log.read({partition: low[partition] for partition in waiting}, below):
            first.setdefault(record.partition, record.recorded_at)
            if query.wanted.matches(record):
                matches[record.partition].append(record)
        oldest |= first
        latest = sorted([*latest, *chain.from_iterable(matches.values())], key=_order)[-count:]
        size *= _WINDOW_GROWTH
    return latest


def short_line(record: Record, width: int) -> bytes:
    r"""A record as one readable line of at most so many columns, unprintable bytes escaped.

    >>> short_line(Record(0, 7, 0, b"s-1", b"{}"), 80)
    b'0:7  1970-01-01T00:00:00.000Z  s-1  {}\n'
    """
    position = f"{record.partition}:{record.offset}  {utc_text(record.recorded_at)}"
    line = f"{position}  {excerpt(record.key, width)}  {excerpt(record.value, width)}"
    return (line if len(line) <= width else f"{line[: width - 1]}…").encode() + b"\n"


def _order(record: Record) -> tuple[int, int, int]:
    return record.recorded_at, record.partition, record.offset


def _segment_start(log: Log, partition: int, offset: int) -> int:
    """Where to read from for the records from an offset on: an archive reads segments whole."""
    archive = as_archive(log)
    return offset if archive is None else archive.segment_start(partition, offset)


def _texts(value: bytes | None) -> dict[str, Any]:
    """The members of a JSON object; none where a value is something else."""
    try:
        decoded = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
