"""The checksum of a partition: a sum of row hashes, so that a changed row costs two hashes.

It is kept beside the rows and checked when a worker opens a partition.
"""

from __future__ import annotations

import hashlib

import orjson

__all__ = ["CHECKSUM_MODULUS", "Cell", "cell_hash", "student_hash"]

CHECKSUM_MODULUS = 1 << 63

_NOTHING = hashlib.blake2b(digest_size=8)  # A copy is quicker than another with its parameters.

Cell = tuple[str, int, str, str]
"""(policy SHA-256, year, measure, group)."""


def student_hash(subject: str, state: bytes) -> int:
    """A student's part of the checksum."""
    return _hash(subject.encode("ascii") + b"\0" + state)


def cell_hash(cell: Cell, count: int) -> int:
    """A cell's part of the checksum; a cell of 0 is not stored and adds nothing."""
    return _hash(orjson.dumps([*cell, count])) if count else 0


def _hash(data: bytes) -> int:
    hashed = _NOTHING.copy()
    hashed.update(data)
    return int.from_bytes(hashed.digest()) % CHECKSUM_MODULUS
