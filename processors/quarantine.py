"""How many records of a log are quarantined, by rule, where no worker counts them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from ledger.log import Cut, Log
from schemas.admission import Quarantined, admit

__all__ = ["QuarantineScan", "scan_quarantined"]

_CHUNK_RECORDS = 20_000
_CLOCK_RECORDS = 500


class QuarantineScan(NamedTuple):
    """What a scan has found.

    Attributes:
        by_rule: The number of quarantined records by the first rule that they fail.
        records: The number of records looked at.
        is_complete: Whether they are all.
    """

    by_rule: Mapping[str, int]
    records: int
    is_complete: bool


def scan_quarantined(log: Log, end: Cut, seconds: float) -> QuarantineScan:
    """Judge records from the beginning of every partition, in turn, for a bounded time.

    Only a student's whole history tells of the rule on 1,000 events, so that rule is left out.

    Args:
        log: The log.
        end: How far to look at most.
        seconds: When to stop.

    Raises:
        StoreError: If the log cannot be read.
    """
    deadline = time.monotonic() + seconds
    by_rule: Counter[str] = Counter()
    position = dict.fromkeys(end, 0)
    count = 0
    while behind := [partition for partition in end if position[partition] < end[partition]]:
        for partition in behind:
            start, stop = {partition: position[partition]}, {partition: end[partition]}
            chunk = 0
            for chunk, record in enumerate(islice(log.read(start, stop), _CHUNK_RECORDS), 1):
                admitted = admit(record, log.partitions)
                if isinstance(admitted, Quarantined):
                    by_rule[admitted.rule] += 1
                if chunk % _CLOCK_RECORDS == 0 and time.monotonic() > deadline:
                    return QuarantineScan(by_rule, count + chunk, is_complete=False)
                position[partition] = record.offset + 1
            count += chunk
            if chunk < _CHUNK_RECORDS:
                position[partition] = end[partition]
    return QuarantineScan(by_rule, count, is_complete=True)
