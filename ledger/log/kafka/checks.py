"""What `outcomes doctor` checks on a topic: settings and states that break a promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.log.kafka.client import Link
from ledger.log.kafka.reader import Reader
from ledger.log.kafka.topic import describe_topic, topic_faults
from ledger.log.port import Severity
from schemas.partition import partition_of

__all__ = ["examine"]

_SAMPLE = 500
"""How many of the latest offsets of each partition are checked."""

_Check = tuple[Severity, str]


def examine(link: Link, reader: Reader, partitions: int) -> Iterator[_Check]:
    """Check a topic; a single `fine` if nothing is wrong.

    Args:
        link: The topic.
        reader: A reader of committed records.
        partitions: The partition count when the topic was opened.

    Raises:
        StoreError: If the cluster is out of reach.
    """
    topic = describe_topic(link)
    if topic is None:
        yield "broken", f"{link.address} is gone"
        return
    begins, stable = reader.begin_offsets(), reader.stable_ends()
    faults = [
        *topic_faults(topic),
        *_deleted_records(begins),
        *_open_transactions(link, stable),
        *_misplaced(reader, begins, stable),
    ]
    if topic.partitions != partitions:
        what = f"{topic.partitions} partitions, {partitions} a moment ago"
        faults.append(("broken", f"{what}: a log's partition count never changes"))
    yield from faults
    if not faults:
        yield "fine", f"{link.address.topic} keeps what the ledger promises"


def _deleted_records(begins: Mapping[int, int]) -> Iterator[_Check]:
    for partition, begin in begins.items():
        if begin > 0:
            what = f"partition {partition} begins at offset {begin}: earlier records are gone"
            yield "broken", f"{what} and no figure can be rebuilt; restore them from an archive"


def _open_transactions(link: Link, stable: Mapping[int, int]) -> Iterator[_Check]:
    uncommitted = Reader(link, len(stable), isolation="read_uncommitted")
    try:
        ends = uncommitted.stable_ends()
    finally:
        uncommitted.close()
    for partition, end in stable.items():
        if end < ends[partition]:
            what = f"partition {partition} is blocked by an open transaction from offset {end}"
            advice = "end it at its producer, or see kafka-transactions.sh find-hanging"
            yield "warning", f"{what}: later records cannot be read; {advice}"


def _misplaced(
    reader: Reader, begins: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[_Check]:
    starts = {number: max(begins[number], end - _SAMPLE) for number, end in ends.items()}
    misplaced: dict[int, list[int]] = {}
    for records in reader.scan(starts, ends):
        for record in records:
            if record.key is not None and partition_of(record.key, len(ends)) != record.partition:
                misplaced.setdefault(record.partition, []).append(record.offset)
    for partition, offsets in sorted(misplaced.items()):
        what = f"{len(offsets)} of the latest records of partition {partition}, such as offset"
        advice = "set partitioner=murmur2_random in their producer, if it is a librdkafka client"
        what = f"{what} {offsets[0]}, are in the wrong partition for their key and are quarantined"
        yield "warning", f"{what}; {advice}"
