"""The lag: how far live figures are behind the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.clock import now_ms
from ledger.log import Cut, Log

__all__ = ["Lag", "measure_lag"]


class Lag(NamedTuple):
    """How far a partition's figures are behind its log.

    Attributes:
        partition: The partition.
        next_offset: 1 + the offset of the last record folded.
        end: The log's end.
        records: Not folded yet.
        seconds: Since the first of them was recorded; 0 where there is none.
        owner: The worker that has the partition, as `client@host`; None without one, and on the
            embedded log, where one worker has all.
    """

    partition: int
    next_offset: int
    end: int
    records: int
    seconds: float
    owner: str | None


def measure_lag(log: Log, folded: Cut, owners: Mapping[int, str]) -> list[Lag]:
    """How far each partition is behind, in records and in time.

    Args:
        log: The log.
        folded: The next offset of each partition.
        owners: The worker of each partition that has one.
    """
    now = now_ms()
    lags = []
    for partition, end in log.end().items():
        start = folded[partition]
        waiting = (
            next(log.read({partition: start}, {partition: end}), None) if start < end else None
        )
        seconds = 0.0 if waiting is None else max(0, now - waiting.recorded_at) / 1_000
        records = max(0, end - start)
        lags.append(Lag(partition, start, end, records, seconds, owners.get(partition)))
    return lags
