"""How far live figures are behind the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ledger.clock import now_ms
from ledger.log import Cut, Log

__all__ = ["Lag", "lags"]


class Lag(NamedTuple):
    """How far a partition's figures are behind its log.

    Attributes:
        partition: The partition.
        next_offset: Up to where it is folded.
        end: The log's end.
        records: Not folded yet.
        seconds: Since the first of them was recorded; 0 when there is none.
        owner: The worker that has the partition, as `client@host`; None without one, and on the
            embedded log, where one worker has all.
    """

    partition: int
    next_offset: int
    end: int
    records: int
    seconds: float
    owner: str | None


def lags(log: Log, folded: Cut, owners: Mapping[int, str]) -> Iterator[Lag]:
    """How far each partition is behind, in records and in time.

    Args:
        log: The log.
        folded: The next offset of each partition.
        owners: Of the partitions that have one.
    """
    now = now_ms()
    for partition, end in log.end().items():
        at = folded[partition]
        waiting = next(log.read({partition: at}, {partition: end}), None) if at < end else None
        seconds = 0.0 if waiting is None else max(0, now - waiting.recorded_at) / 1_000
        behind = max(0, end - at)
        yield Lag(partition, at, end, behind, seconds, owners.get(partition))
