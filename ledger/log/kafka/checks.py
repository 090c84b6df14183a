"""What `outcomes doctor` finds in a topic: settings and states that break a promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.log.kafka.client import Link
from ledger.log.kafka.reader import Reader
from ledger.log.kafka.topic import describe_topic, topic_faults
from ledger.log.port import Severity
from schemas.partition import partition_of

__all__ = ["examine"]

_SAMPLE = 500
"""How many of the latest offsets of each partition are looked at."""

_Fault = tuple[Severity, str]


def examine(link: Link, reader: Reader, partitions: int) -> Iterator[_Fault]:
    """Look at a topic; one verdict that all is fine where there is nothing to say.

    Args:
        link: Where.
        reader: Of committed records.
        partitions: How many the topic had when it was opened.

    Raises:
        StoreError: If the cluster is out of reach.
    """
    topic = describe_topic(link)
    if topic is None:
        yield "broken", f"{link.place} is gone"
        return
    begins, stable = reader.begins(), reader.stable_ends()
    faults = [
        *topic_faults(topic),
        *_deleted(begins),
        *_held_back(link, stable),
        *_misplaced(reader, begins, stable),
    ]
    if topic.partitions != partitions:
        what = f"{topic.partitions} partitions, {partitions} a moment ago"
        faults.append(("broken", f"{what}: a log's partition count never changes"))
    yield from faults
    if not faults:
        yield "fine", f"{link.place.topic} keeps what the ledger promises"


def _deleted(begins: Mapping[int, int]) -> Iterator[_Fault]:
    for partition, begin in begins.items():
        if begin > 0:
            what = f"partition {partition} begins at offset {begin}: earlier records are gone"
            yield "broken", f"{what} and no figure can be rebuilt; restore them from an archive"


def _held_back(link: Link, stable: Mapping[int, int]) -> Iterator[_Fault]:
    beyond = Reader(link, len(stable), isolation="read_uncommitted")
    try:
        ends = beyond.stable_ends()
    finally:
        beyond.close()
    for partition, upto in stable.items():
        if upto < ends[partition]:
            what = f"partition {partition} is held by an open transaction from offset {upto} on"
            advice = "end it at its producer, or see kafka-transactions.sh find-hanging"
            yield "warning", f"{what}: nothing behind it can be read; {advice}"


def _misplaced(
    reader: Reader, begins: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[_Fault]:
    low = {one: max(begins[one], upto - _SAMPLE) for one, upto in ends.items()}
    wrong: dict[int, list[int]] = {}
    for records in reader.scan(low, ends):
        for one in records:
            if one.key is not None and partition_of(one.key, len(ends)) != one.partition:
                wrong.setdefault(one.partition, []).append(one.offset)
    for partition, offsets in sorted(wrong.items()):
        what = f"{len(offsets)} of the latest records of partition {partition}, such as offset"
        advice = "set partitioner=murmur2_random in their producer, if it is a librdkafka client"
        yield (
            "warning",
            f"{what} {offsets[0]}, lie there against their key and are quarantined; {advice}",
        )
