"""Which client wrote a record into the wrong partition, and the setting that it needs.

The default partitioners of librdkafka and sarama hash the key, so the partitions that they choose
give them away. Others, such as the round robin of kafka-go, leave no trace.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection

__all__ = ["advice_for"]

_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193


def advice_for(misplaced: Collection[tuple[bytes, int]], partitions: int) -> str:
    """What to change in the producer of some records.

    Args:
        misplaced: Keys and the partitions that they are in, at least one.
        partitions: The topic's partition count.
    """
    for partitioner, advice in _ADVICE.items():
        if all(partitioner(key, partitions) == partition for key, partition in misplaced):
            return advice
    return (
        "choose Kafka's own murmur2 partitioner in their producer (kafka-go: Murmur2Balancer,"
        " librdkafka: partitioner=murmur2_random, kafkajs: the default; others: docs/emit.md)"
    )


def _crc32(key: bytes, partitions: int) -> int:
    """As librdkafka's `consistent_random` does, the default."""
    return zlib.crc32(key) % partitions


def _fnv1a(key: bytes, partitions: int) -> int:
    """As sarama's `NewHashPartitioner` does, the default: the remainder of a signed hash."""
    value = _FNV_OFFSET
    for byte in key:
        value = (value ^ byte) * _FNV_PRIME & 0xFFFF_FFFF
    signed = value - (1 << 32) if value >> 31 else value
    return abs(signed) % partitions


_ADVICE: dict[Callable[[bytes, int], int], str] = {
    _crc32: "set partitioner=murmur2_random in their producer, a librdkafka client",
    _fnv1a: "set a murmur2 partitioner in their producer, a sarama client, as in docs/emit.md",
}
