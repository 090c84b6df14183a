"""A dead letter as it is published: a pointer to a record and a rule's name, never the payload."""

from __future__ import annotations

import orjson

from processors.read_model.store import DeadLetter

__all__ = ["dead_letter_key", "decode_dead_letter", "encode_dead_letter"]

_SCHEMA = "ledger/dead-letter/v1"


def dead_letter_key(letter: DeadLetter) -> bytes:
    """What compaction keeps one copy of, however often it was sent.

    >>> dead_letter_key(DeadLetter(3, 17, "value_must_be_json", 12))
    b'3:17'
    """
    return f"{letter.partition}:{letter.offset}".encode("ascii")


def encode_dead_letter(letter: DeadLetter) -> bytes:
    """A dead letter as JSON."""
    return orjson.dumps({"schema": _SCHEMA, **letter._asdict()})


def decode_dead_letter(value: bytes | None) -> DeadLetter | None:
    """Read a dead letter; None where it is none."""
    try:
        members = orjson.loads(value or b"")
        return DeadLetter(*(members[name] for name in DeadLetter._fields))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
