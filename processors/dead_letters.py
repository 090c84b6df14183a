"""A dead letter: a pointer to a quarantined record and a rule's name, never the payload."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from schemas.record import Record

__all__ = [
    "DeadLetter",
    "dead_letter_key",
    "dead_letter_of",
    "decode_dead_letter",
    "encode_dead_letter",
]

_SCHEMA = "ledger/dead-letter/v1"


class DeadLetter(NamedTuple):
    """A pointer to a quarantined record, never its bytes.

    Attributes:
        partition: Of the record.
        offset: Of the record.
        rule: The first rule that it fails.
        size: Of its value, in bytes; None for a tombstone.
    """

    partition: int
    offset: int
    rule: str
    size: int | None


def dead_letter_of(record: Record, rule: str) -> DeadLetter:
    """The pointer to a record that fails a rule."""
    size = None if record.value is None else len(record.value)
    return DeadLetter(record.partition, record.offset, rule, size)


def dead_letter_key(letter: DeadLetter) -> bytes:
    """The key under which compaction keeps one copy, however often the letter was sent.

    >>> dead_letter_key(DeadLetter(3, 17, "value_must_be_json", 12))
    b'3:17'
    """
    return f"{letter.partition}:{letter.offset}".encode("ascii")


def encode_dead_letter(letter: DeadLetter) -> bytes:
    """A dead letter as JSON."""
    return orjson.dumps({"schema": _SCHEMA, **letter._asdict()})


def decode_dead_letter(value: bytes | None) -> DeadLetter | None:
    """Read a dead letter; None where the value is not one."""
    try:
        members = orjson.loads(value or b"")
        return DeadLetter(*(members[name] for name in DeadLetter._fields))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
