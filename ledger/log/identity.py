"""What a log is known by: a topic can be deleted and made anew under the same name."""

from __future__ import annotations

import hashlib

from ledger.log.lines import format_record
from ledger.log.port import Log
from schemas.record import Record

__all__ = ["first_record_hash", "record_hash"]


def first_record_hash(log: Log, partition: int) -> str | None:
    """The hash of a partition's first record; None while it is empty."""
    first = next(log.read({partition: 0}, {partition: log.end()[partition]}), None)
    return None if first is None else record_hash(first)


def record_hash(record: Record) -> str:
    """SHA-256 of a record as `tail --jsonl` prints it, hexadecimal."""
    return hashlib.sha256(format_record(record)).hexdigest()
