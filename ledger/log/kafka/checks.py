"""What `outcomes doctor` checks on a topic: settings and states that break a promise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from ledger.log.kafka.client import Link
from ledger.log.kafka.cluster import Cluster, ask_cluster
from ledger.log.kafka.partitioners import advice_for
from ledger.log.kafka.reader import Reader
from ledger.log.kafka.topic import describe_topic, topic_faults
from ledger.log.port import Severity
from ledger.numbers import pluralise
from schemas.partition import partition_of

__all__ = ["alive_brokers", "examine", "examine_brokers"]

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
    # In this order, or records that come in between would look like an open transaction.
    uncommitted = _uncommitted_ends(link, partitions)
    begins, stable = reader.begin_offsets(), reader.stable_ends()
    faults = [
        *topic_faults(topic),
        *_deleted_records(begins),
        *_open_transactions(stable, uncommitted),
        *_misplaced(reader, begins, stable),
    ]
    if topic.partitions != partitions:
        what = f"{pluralise(topic.partitions, 'partition')}, {partitions:,} a moment ago"
        faults.append(("broken", f"{what}: a log's partition count never changes"))
    yield from faults
    if not faults:
        yield "fine", f"{link.address.topic} keeps what the ledger promises"


def _deleted_records(begins: Mapping[int, int]) -> Iterator[_Check]:
    for partition, begin in begins.items():
        if begin > 0:
            what = f"partition {partition} begins at offset {begin}: earlier records are gone"
            yield "broken", f"{what} and no figure can be rebuilt; restore them from an archive"


def _uncommitted_ends(link: Link, partitions: int) -> dict[int, int]:
    reader = Reader(link, partitions, isolation="read_uncommitted")
    try:
        return reader.stable_ends()
    finally:
        reader.close()


def _open_transactions(
    stable: Mapping[int, int], uncommitted: Mapping[int, int]
) -> Iterator[_Check]:
    for partition, end in stable.items():
        if end < uncommitted[partition]:
            what = f"partition {partition} is blocked by an open transaction from offset {end}"
            advice = "end it at its producer, or see kafka-transactions.sh find-hanging"
            yield "warning", f"{what}: later records cannot be read; {advice}"


def _misplaced(
    reader: Reader, begins: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[_Check]:
    starts = {number: max(begins[number], end - _SAMPLE) for number, end in ends.items()}
    misplaced: dict[int, list[tuple[int, bytes]]] = {}
    for records in reader.scan(starts, ends):
        for record in records:
            if record.key is not None and partition_of(record.key, len(ends)) != record.partition:
                misplaced.setdefault(record.partition, []).append((record.offset, record.key))
    # Partitions that one client has filled are one warning.
    by_advice: dict[str, list[str]] = {}
    for partition, records_there in sorted(misplaced.items()):
        advice = advice_for([(key, partition) for _, key in records_there], len(ends))
        positions = [f"{partition}:{offset}" for offset, _ in records_there]
        by_advice.setdefault(advice, []).extend(positions)
    for advice, positions in by_advice.items():
        what = f"{len(positions):,} of the latest records, such as {positions[0]}, are in the wrong"
        yield "warning", f"{what} partition for their key and are quarantined; {advice}"


def alive_brokers(link: Link) -> frozenset[str]:
    """The brokers that take part in the cluster now, as `host:port`.

    Raises:
        StoreError: If the cluster is out of reach.
    """

    async def addresses(cluster: Cluster) -> frozenset[str]:
        return frozenset(cluster.brokers().values())

    return ask_cluster(link, addresses)


def examine_brokers(link: Link) -> _Check:
    """How many brokers of how many answer: those in the cluster and those with replicas.

    Raises:
        StoreError: If the cluster is out of reach.
    """
    topic = describe_topic(link, settings=False)
    replicas = frozenset() if topic is None else topic.nodes
    silent, total = ask_cluster(link, lambda cluster: _silent_brokers(cluster, replicas))
    if not silent:
        return "fine", f"{total} of {total} answer"
    names = ", ".join(silent)
    return "warning", f"{total - len(silent)} of {total} answer, not {names}; start them again"


async def _silent_brokers(cluster: Cluster, replicas: frozenset[int]) -> tuple[list[str], int]:
    """The brokers that do not answer, and how many there are."""
    known = cluster.brokers()
    nodes = sorted(known.keys() | replicas)
    are_silent = await asyncio.gather(*map(cluster.is_silent, nodes))
    silent = [
        f"broker {node}{f' ({known[node]})' if node in known else ''}"
        for node, is_silent in zip(nodes, are_silent, strict=True)
        if is_silent
    ]
    return silent, len(nodes)
