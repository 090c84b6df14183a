"""What identifies a log: a file can be restored from a copy, a topic deleted and created again.

Two logs that agree in the first and in the last record below an offset are taken to agree in every
record between them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from ledger.log.cut import Cut
from ledger.log.port import Log
from ledger.log.record_lines import format_record
from schemas.record import Record

__all__ = [
    "NO_RECORDS",
    "PrefixIdentities",
    "PrefixIdentity",
    "describe_difference",
    "identity_of",
    "record_hash",
]


_LOOKED_UP_MAX = 10_000


class PrefixIdentity(NamedTuple):
    """What the records of a partition below an offset are known by.

    Attributes:
        first_record: The hash of the first one; None where there is none.
        last_record: The hash of the last one, right below the offset; None where there is none.
    """

    first_record: str | None
    last_record: str | None


NO_RECORDS = PrefixIdentity(None, None)
"""What the records below offset 0 are known by."""


def identity_of(log: Log) -> Mapping[int, str]:
    """The hash of the first record of every partition that holds one.

    Raises:
        CutNotHeldError: If the log has lost its beginning.
    """
    return {partition: record_hash(first) for partition, first in log.first_records().items()}


class PrefixIdentities:
    """Looks up what the records below a cut are known by; each last record is read once.

    That is enough: where a log was replaced, it ends earlier or its first record differs.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._last_records: dict[tuple[int, int], str] = {}

    def read(self, cut: Cut) -> dict[int, PrefixIdentity]:
        """What the records of each partition below a cut are known by.

        Args:
            cut: In the form of SPEC section 5, cut: a record lies right below each offset. The
                log need not reach it.

        Raises:
            CutNotHeldError: If the log has lost its beginning.
        """
        end = self._log.end()
        held = {
            partition: offset
            for partition, offset in cut.items()
            if 0 < offset <= end.get(partition, 0)
        }
        self._look_up(held)
        first = identity_of(self._log)
        return {
            partition: PrefixIdentity(
                first.get(partition),
                self._last_records.get((partition, offset)) if partition in held else None,
            )
            if offset
            else NO_RECORDS
            for partition, offset in cut.items()
        }

    def _look_up(self, cut: Cut) -> None:
        if len(self._last_records) > _LOOKED_UP_MAX:
            self._last_records.clear()
        new = {
            partition: offset
            for partition, offset in cut.items()
            if (partition, offset) not in self._last_records
        }
        before = {partition: offset - 1 for partition, offset in new.items()}
        for record in self._log.read(before, new):
            self._last_records[record.partition, record.offset + 1] = record_hash(record)


def describe_difference(
    partition: int, offset: int, known: PrefixIdentity, actual: PrefixIdentity
) -> str | None:
    """How the records of a log differ from those known before; None where they agree.

    Args:
        partition: The partition.
        offset: The records below it are compared.
        known: What they were known by.
        actual: What they are known by in the log.
    """
    if known == actual:
        return None
    if known.last_record is None:
        return f"it is not known which records of partition {partition} were read"
    if actual.last_record is None:
        return f"partition {partition} has no record at offset {offset - 1}"
    if actual.first_record != known.first_record:
        return f"the first record of partition {partition} differs"
    return f"the record at offset {offset - 1} of partition {partition} differs"


def record_hash(record: Record) -> str:
    """SHA-256 of a record as `tail --jsonl` prints it, hexadecimal."""
    return hashlib.sha256(format_record(record)).hexdigest()
