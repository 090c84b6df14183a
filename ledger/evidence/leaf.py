"""The leaf of a record: its bytes in one frame, and their hash (docs/archive.md, leaf_sha256)."""

from __future__ import annotations

import struct

from ledger.evidence.merkle import hash_leaf
from schemas.record import Record

__all__ = ["frame_record", "leaf_of"]

_HEADER = struct.Struct(">4sQQqqq")
_VERSION = b"OLL1"
_NULL = -1


def frame_record(record: Record) -> bytes:
    r"""A record as the bytes of its leaf; two records have one frame only if they are equal.

    `OLL1`, then five numbers of eight bytes, most significant first: partition, offset,
    `recorded_at` in milliseconds, the length of the key and that of the value, -1 for null; then
    the bytes of the key and those of the value.

    Args:
        record: As a reader of the log gets it: its `recorded_at` never goes back in a partition.

    >>> frame_record(Record(1, 7, 1_000, b"s-1", None))[:4]
    b'OLL1'
    """
    partition, offset, recorded_at, key, value = record
    lengths = (_NULL if data is None else len(data) for data in (key, value))
    return (
        _HEADER.pack(_VERSION, partition, offset, recorded_at, *lengths)
        + (key or b"")
        + (value or b"")
    )


def leaf_of(record: Record) -> bytes:
    """The hash of a record's leaf: 32 bytes that stay when a value is redacted."""
    return hash_leaf(frame_record(record))
