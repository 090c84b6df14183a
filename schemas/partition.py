"""The partition of a key: Kafka's own partitioner, so that every client agrees on it."""

from __future__ import annotations

from functools import lru_cache
from struct import unpack_from

__all__ = ["compute_partition", "murmur2", "partition_of"]

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """MurmurHash2 of some bytes, 32 bits without sign, with the seed that Kafka's clients use.

    >>> murmur2(b"s-1")
    2996772543
    """
    whole = len(data) & ~3
    state = _SEED ^ len(data)
    for word in unpack_from(f"<{whole >> 2}I", data):
        mixed = word * _MIX & _MASK
        state = state * _MIX & _MASK ^ (mixed ^ mixed >> 24) * _MIX & _MASK
    if whole < len(data):
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MIX & _MASK
    state = (state ^ state >> 13) * _MIX & _MASK
    return state ^ state >> 15


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """What `compute_partition` says, kept for keys that come again."""
    return compute_partition(key, partitions)


def compute_partition(key: bytes, partitions: int) -> int:
    """The partition of a key, as the Java client and aiokafka choose it.

    Args:
        key: The record key, which is the subject's bytes.
        partitions: The log's partition count, at least 1.

    Source: SPEC section 1, partition.

    >>> compute_partition(b"s-1", 12)
    7
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions if partitions > 1 else 0
