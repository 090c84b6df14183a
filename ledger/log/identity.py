"""What identifies a log: a topic can be deleted and made again under the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ledger.log.port import Log
from ledger.log.record_lines import format_record
from schemas.record import Record

__all__ = ["identity_of", "record_hash"]


def identity_of(log: Log) -> Mapping[int, str]:
    """The hash of the first record of every partition that holds one.

    Raises:
        CutNotHeldError: If the log has lost its beginning.
    """
    return {partition: record_hash(first) for partition, first in log.first_records().items()}


def record_hash(record: Record) -> str:
    """SHA-256 of a record as `tail --jsonl` prints it, hexadecimal."""
    return hashlib.sha256(format_record(record)).hexdigest()
