"""The lag: how far live figures are behind the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ledger.clock import now_ms
from ledger.log import Cut, Log

__all__ = ["Lag", "measure_lag", "unattended"]


class Lag(NamedTuple):
    """How far a partition's figures are behind its log.

    Attributes:
        partition: The partition.
        next_offset: 1 + the offset of the last record folded.
        end: The log's end.
        records: Not folded yet.
        seconds: Since the first of them was recorded; 0 where there is none.
        owner: The worker that has the partition: `client@host` on Kafka, `host-pid` on an embedded
            log; `unknown` where the brokers do not say, None without one.
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
    end = log.end()
    waiting_since = _waiting_since(log, folded, end)
    return [
        Lag(
            partition,
            folded[partition],
            end[partition],
            max(0, end[partition] - folded[partition]),
            max(0, now - waiting_since.get(partition, now)) / 1_000,
            owners.get(partition),
        )
        for partition in end
    ]


def unattended(lags: Iterable[Lag], *, is_sealed: bool) -> list[int]:
    """The partitions without a worker; of a sealed log those where records still wait for one."""
    return [lag.partition for lag in lags if lag.owner is None and (lag.records or not is_sealed)]


def _waiting_since(log: Log, folded: Cut, end: Cut) -> dict[int, int]:
    """When the first record that is not folded was recorded, where there is one."""
    behind = {partition: offset for partition, offset in folded.items() if offset < end[partition]}
    # In one reading, since on Kafka each takes a connection.
    following = {partition: offset + 1 for partition, offset in behind.items()}
    since = {record.partition: record.recorded_at for record in log.read(behind, following)}
    for partition in behind.keys() - since.keys():
        # A transaction has left a hole at the offset.
        first = next(log.read({partition: behind[partition]}, {partition: end[partition]}), None)
        if first is not None:
            since[partition] = first.recorded_at
    return since
