"""Where a key lives: Kafka's own partitioner, so that any client puts a student in one place."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2

__all__ = ["partition_of"]


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as the Java client and aiokafka choose it.

    Args:
        key: The record key, which is the subject's bytes.
        partitions: The log's partition count, at least 1.

    Source: SPEC section 1.

    >>> partition_of(b"s-1", 12)
    7
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions if partitions > 1 else 0
