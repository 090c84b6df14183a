"""The topic of a log: creating it as the ledger needs it, and checking an existing one.

Nothing here changes a topic that exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from aiokafka.errors import (
    InvalidTopicError,
    LeaderNotAvailableError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest

from ledger.errors import ConfigurationError, StoreError
from ledger.log.kafka.address import NAME_MAX, TopicAddress
from ledger.log.kafka.client import REQUEST_SECONDS, Link, link_to
from ledger.log.kafka.cluster import Cluster, ask_cluster
from ledger.log.port import Severity

__all__ = [
    "DERIVED_SETTINGS",
    "SETTINGS",
    "Topic",
    "create_topic",
    "create_topics",
    "describe_topic",
    "topic_faults",
]

MESSAGE_BYTES = 1_048_588
"""Kafka's default: ample for an event, too small for a broken emitter's megabytes."""

SETTINGS: Mapping[str, str] = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": str(MESSAGE_BYTES),
}

DERIVED_SETTINGS: Mapping[str, str] = {
    # Readers need only the latest record of each key, so older ones are dropped early and often.
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "60000",
    "segment.ms": "60000",
    "segment.bytes": "4194304",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": str(MESSAGE_BYTES),
}
"""Settings of the topics of partials and dead letters, which can be rebuilt at any time."""

_WHY = {
    "message.timestamp.type": "recorded_at is whatever a writer claims",
    "cleanup.policy": "records will be dropped unnoticed",
    "retention.ms": "old records will be deleted",
    "retention.bytes": "old records will be deleted",
    "unclean.leader.election.enable": "acknowledged records can be lost when a broker dies",
}
_EVENT_BYTES = 65_536
_BATCH_HEAD_BYTES = 1_024
_TOPIC_RESOURCE = 2
_PAUSE_SECONDS = 0.1

_Creation: TypeAlias = tuple[str, int, int, list[Any], list[tuple[str, str]]]
"""Name, partitions, replicas, their assignment (by the cluster), settings."""


class Topic(NamedTuple):
    """A topic as the cluster describes it.

    Attributes:
        partitions: The partition count.
        replicas: The replicas of the partition that has fewest.
        settings: Name → value in force; None if the user may not see them.
        nodes: The brokers that replicas are assigned to, alive or not.
    """

    partitions: int
    replicas: int
    settings: Mapping[str, str] | None
    nodes: frozenset[int]


def describe_topic(link: Link, *, settings: bool = True) -> Topic | None:
    """The topic of a link, None if it does not exist; asking never creates it.

    Args:
        link: The topic.
        settings: Whether to ask for the settings too.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    name = link.address.topic
    return ask_cluster(link, lambda cluster: _describe(cluster, name, settings=settings))


def create_topic(
    link: Link,
    *,
    partitions: int,
    replicas: int,
    min_isr: int,
    settings: Mapping[str, str] = SETTINGS,
) -> bool:
    """Create the topic of a link as the ledger needs it.

    Args:
        link: The topic.
        partitions: The partition count, fixed for ever.
        replicas: Copies of each record.
        min_isr: Copies before a record is acknowledged.
        settings: `SETTINGS` of a log, or `DERIVED_SETTINGS`.

    Returns:
        Whether it was created; False if it existed, which leaves it as it is.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    chosen = {**settings, "min.insync.replicas": str(min_isr)}
    topic = _creation(link.address.topic, partitions, replicas, chosen)
    return ask_cluster(link, lambda cluster: _create(cluster, topic))


def create_topics(address: TopicAddress, *, partitions: int, replicas: int, min_isr: int) -> bool:
    """Create the topic of a log and those that its workers publish to, see `create_topic`.

    The cluster is asked about all of them before any is created. For those that exist no controller
    is needed: behind one that hangs, brokers let a creation wait for half a minute.

    Raises:
        ConfigurationError: If the name leaves no room for those of the other topics.
        StoreError: If the cluster is out of reach or refuses.
    """
    longest = max(address.derived, key=lambda derived: len(derived.topic)).topic
    if len(longest) > NAME_MAX:
        added = len(longest) - len(address.topic)
        raise ConfigurationError(
            f"{address}: the name has {len(address.topic)} characters, and the workers' topics add"
            f" {added}; choose a name of at most {NAME_MAX - added}"
        )
    copies = {"min.insync.replicas": str(min_isr)}
    requests = [
        _creation(address.topic, partitions, replicas, {**SETTINGS, **copies}),
        *(
            _creation(derived.topic, 1, replicas, {**DERIVED_SETTINGS, **copies})
            for derived in address.derived
        ),
    ]
    link = link_to(address)
    missing = [
        request for request in requests if ask_cluster(link, partial(_is_missing, name=request[0]))
    ]
    if not missing:
        return False
    ask_cluster(link, lambda cluster: _validate(cluster, missing))
    created = {topic[0]: ask_cluster(link, partial(_create, topic=topic)) for topic in missing}
    return created.get(address.topic, False)


def topic_faults(topic: Topic) -> Iterator[tuple[Severity, str]]:
    """Every setting that breaks a promise of the ledger, with what to set."""
    settings = topic.settings
    if settings is None:
        yield "warning", "the topic's settings cannot be seen; ask for DESCRIBE_CONFIGS on it"
        return
    for name, why in _WHY.items():
        wanted = SETTINGS[name]
        value = settings.get(name, wanted)
        if value != wanted:
            yield "broken", f"{name} is {value}: {why}; set {name}={wanted}"
    room = int(settings.get("max.message.bytes", MESSAGE_BYTES))
    if room < _EVENT_BYTES + _BATCH_HEAD_BYTES:
        what = f"max.message.bytes is {room}: an event of 64 KiB does not fit"
        yield "broken", f"{what}; set max.message.bytes={MESSAGE_BYTES}"
    yield from _copies(topic.replicas, int(settings.get("min.insync.replicas", "1")))


def _copies(replicas: int, min_isr: int) -> Iterator[tuple[Severity, str]]:
    if min_isr > replicas:
        what = f"min.insync.replicas is {min_isr} and there are {replicas} replicas"
        yield "broken", f"{what}: no append can succeed; set min.insync.replicas={replicas}"
    elif replicas == 1:
        yield (
            "warning",
            "one replica: the log is lost with its disk; use 3 replicas and min.insync.replicas=2",
        )
    elif min_isr == 1:
        what = "min.insync.replicas is 1: what is acknowledged may be on one disk alone"
        yield "warning", f"{what}; set min.insync.replicas=2"
    elif min_isr == replicas:
        what = f"min.insync.replicas is {min_isr} of {replicas}: one broker down stops all appends"
        yield "warning", f"{what}; set min.insync.replicas={replicas - 1} or add a replica"


async def _describe(
    cluster: Cluster, name: str, *, settings: bool, with_leaders: bool = False
) -> Topic | None:
    # Unlike aiokafka's own requests, this one never creates the topic.
    request = MetadataRequest([name], allow_auto_topic_creation=False)
    while True:
        response = (await cluster.ask(request)).to_object()
        topic = response["topics"][0]
        error = for_code(topic["error_code"])
        if error is UnknownTopicOrPartitionError:
            return None
        partitions = topic["partitions"]
        has_leaders = all(partition["leader"] >= 0 for partition in partitions)
        if error is NoError and (has_leaders or not with_leaders):
            replicas = [partition["replicas"] for partition in partitions]
            known = await _settings(cluster, name) if settings else None
            nodes = frozenset(chain.from_iterable(replicas))
            return Topic(len(partitions), min(map(len, replicas)), known, nodes)
        if error not in (NoError, LeaderNotAvailableError):
            raise error(name)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _settings(cluster: Cluster, name: str) -> Mapping[str, str] | None:
    request = DescribeConfigsRequest([(_TOPIC_RESOURCE, name, None)])
    resource = (await cluster.ask(request)).to_object()["resources"][0]
    if for_code(resource["error_code"]) is TopicAuthorizationFailedError:
        return None
    if resource["error_code"]:
        raise for_code(resource["error_code"])(resource["error_message"])
    return {entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]}


def _creation(name: str, partitions: int, replicas: int, settings: Mapping[str, str]) -> _Creation:
    return name, partitions, replicas, [], list(settings.items())


async def _is_missing(cluster: Cluster, name: str) -> bool:
    return await _describe(cluster, name, settings=False) is None


async def _validate(cluster: Cluster, topics: Sequence[_Creation]) -> None:
    for name, code, message in await _answers(cluster, topics, validate_only=True):
        _is_new(name, code, message)


async def _answers(
    cluster: Cluster, topics: Sequence[_Creation], *, validate_only: bool
) -> list[tuple[str, int, str]]:
    milliseconds = int(REQUEST_SECONDS * 1_000)
    request = CreateTopicsRequest(list(topics), milliseconds, validate_only=validate_only)
    response = await cluster.ask(request, seconds=REQUEST_SECONDS)
    return [(name, code, message) for name, code, message in response.topic_errors]


def _is_new(name: str, code: int, message: str) -> bool:
    """Whether a topic can be, or was, created; False if it exists."""
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if error is InvalidTopicError:
        raise StoreError(
            f"topic {name} cannot be created: {message.rstrip('.')}; name another with --log"
        )
    if code:
        raise error(message)
    return True


async def _create(cluster: Cluster, topic: _Creation) -> bool:
    (answer,) = await _answers(cluster, [topic], validate_only=False)
    is_new = _is_new(*answer)
    name = topic[0]
    while await _describe(cluster, name, settings=False, with_leaders=is_new) is None:  # noqa: ASYNC110
        # The controller knows it, the brokers learn of it a moment later.
        await asyncio.sleep(_PAUSE_SECONDS)
    return is_new
