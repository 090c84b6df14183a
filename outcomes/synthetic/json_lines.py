"""A synthetic history as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.log.record_lines import format_record
from outcomes.synthetic.stream import WorldRecord
from schemas.record import Record

__all__ = ["event_lines", "record_lines"]


def event_lines(history: Iterable[WorldRecord]) -> Iterator[bytes]:
    """What an emitter sends, one event a line; what is broken is left out."""
    return (record.value + b"\n" for record in history if not record.broken)


def record_lines(history: Iterable[WorldRecord]) -> Iterator[bytes]:
    """What `outcomes tail --jsonl` would print of a log of one partition."""
    for offset, record in enumerate(history):
        yield format_record(Record(0, offset, record.recorded_at, record.key, record.value))
