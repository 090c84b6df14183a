"""The topic of a log: creating it as the ledger needs it, and checking an existing one.

Nothing here changes a topic that exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    LeaderNotAvailableError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest

from ledger.log.kafka.client import ANSWER_SECONDS, Link, Loop, translate_errors
from ledger.log.port import Severity

__all__ = [
    "DERIVED_SETTINGS",
    "SETTINGS",
    "Topic",
    "create_topic",
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

_Answer = TypeVar("_Answer")
_Question = Callable[[AIOKafkaClient], Coroutine[Any, Any, _Answer]]


class Topic(NamedTuple):
    """A topic as the cluster describes it.

    Attributes:
        partitions: How many.
        replicas: Of the partition that has fewest.
        settings: Name → value in force; None where the user may not see them.
    """

    partitions: int
    replicas: int
    settings: Mapping[str, str] | None


def describe_topic(link: Link, *, settings: bool = True) -> Topic | None:
    """The topic of a link, None where there is none; made by nobody's asking.

    Args:
        link: Where.
        settings: Ask for the settings too.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    name = link.address.topic
    return _asked(link, lambda client: _describe(client, name, settings=settings))


def create_topic(
    link: Link,
    *,
    partitions: int,
    replicas: int,
    min_isr: int,
    settings: Mapping[str, str] = SETTINGS,
) -> bool:
    """Make the topic of a link as the ledger needs it.

    Args:
        link: Where.
        partitions: How many, for ever.
        replicas: Copies of each record.
        min_isr: Copies before a record is acknowledged.
        settings: `SETTINGS` of a log, or `DERIVED_SETTINGS`.

    Returns:
        Whether it was made; False where there is one of this name, which is left as it is.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    chosen = {**settings, "min.insync.replicas": str(min_isr)}
    wanted: tuple[Any, ...] = (link.address.topic, partitions, replicas, [], list(chosen.items()))
    return _asked(link, lambda client: _create(client, wanted))


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


def _asked(link: Link, question: _Question[_Answer]) -> _Answer:
    loop = Loop()
    try:
        with translate_errors(link, "is out of reach"):
            return loop.run(_connected(link, question))
    finally:
        loop.close()


async def _connected(link: Link, question: _Question[_Answer]) -> _Answer:
    client = AIOKafkaClient(**link.options)
    try:
        await client.bootstrap()
        return await question(client)
    finally:
        await client.close()


async def _describe(client: AIOKafkaClient, name: str, *, settings: bool) -> Topic | None:
    # Unlike aiokafka's own questions, this one never makes the topic.
    question = MetadataRequest([name], allow_auto_topic_creation=False)
    while True:
        answer = (await client.send(client.get_random_node(), question)).to_object()
        topic = answer["topics"][0]
        error = for_code(topic["error_code"])
        if error is UnknownTopicOrPartitionError:
            return None
        partitions = topic["partitions"]
        if error is NoError and all(partition["leader"] >= 0 for partition in partitions):
            replicas = min(len(partition["replicas"]) for partition in partitions)
            known = await _settings(client, name) if settings else None
            return Topic(len(partitions), replicas, known)
        if error not in (NoError, LeaderNotAvailableError):
            raise error(name)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _settings(client: AIOKafkaClient, name: str) -> Mapping[str, str] | None:
    question = DescribeConfigsRequest([(_TOPIC_RESOURCE, name, None)])
    answer = (await client.send(client.get_random_node(), question)).to_object()
    resource = answer["resources"][0]
    if for_code(resource["error_code"]) is TopicAuthorizationFailedError:
        return None
    if resource["error_code"]:
        raise for_code(resource["error_code"])(resource["error_message"])
    return {entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]}


async def _create(client: AIOKafkaClient, wanted: tuple[Any, ...]) -> bool:
    question = CreateTopicsRequest([wanted], int(ANSWER_SECONDS * 1_000), validate_only=False)
    answer = await client.send(client.get_random_node(), question)
    _, code, message = answer.topic_errors[0]
    if for_code(code) is TopicAlreadyExistsError:
        return False
    if code:
        raise for_code(code)(message)
    while await _describe(client, wanted[0], settings=False) is None:  # noqa: ASYNC110 - no event
        # The controller knows it, the brokers learn of it a moment later.
        await asyncio.sleep(_PAUSE_SECONDS)
    return True
