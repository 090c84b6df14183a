"""Making sure that a log on Kafka has its topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.errors import ConfigurationError, StoreError, UsageError
from ledger.log.kafka.address import TopicAddress
from ledger.log.kafka.client import link_to
from ledger.log.kafka.topic import Topic, create_topics, describe_topic, topic_faults
from ledger.log.port import Severity
from ledger.numbers import pluralise

__all__ = ["EnsuredTopic", "TopicQuery", "ensure_topics"]

_PARTITIONS = 12


class TopicQuery(NamedTuple):
    """What is wanted of a topic.

    Attributes:
        partitions: The partition count; 12, or what the topic has, if None.
        replicas: Copies of each record; 1, or what the topic has, if None.
        min_isr: Copies before a record is acknowledged, of a new topic.
    """

    partitions: int | None = None
    replicas: int | None = None
    min_isr: int = 1


class EnsuredTopic(NamedTuple):
    """The topic of a log.

    Attributes:
        topic: As it is.
        is_new: Whether it was created.
        faults: See `ledger.log.kafka.topic.topic_faults`.
    """

    topic: Topic
    is_new: bool
    faults: Sequence[tuple[Severity, str]]

    @property
    def is_broken(self) -> bool:
        """Whether a setting breaks a promise of the ledger."""
        return any(severity == "broken" for severity, _ in self.faults)


def ensure_topics(address: TopicAddress, query: TopicQuery) -> EnsuredTopic:
    """Create the topics of a log; one that exists is left as it is, and looked at.

    Raises:
        UsageError: If no append could ever succeed.
        ConfigurationError: If the topic exists and has other numbers than are wanted, or its name
            leaves no room for those of the workers' topics.
        StoreError: If the cluster is out of reach or refuses.
    """
    replicas = query.replicas or 1
    if query.min_isr > replicas:
        raise UsageError(
            f"--min-isr {query.min_isr} is more than --replication-factor {replicas}:"
            " no append could ever succeed"
        )
    link = link_to(address)
    existing = describe_topic(link)
    if existing is not None:
        _refuse_other_numbers(address, existing, query)
    is_new = create_topics(
        address,
        partitions=query.partitions or _PARTITIONS,
        replicas=replicas,
        min_isr=query.min_isr,
    )
    topic = describe_topic(link)
    if topic is None:
        raise StoreError(f"{address} is missing although it was created; try `outcomes doctor`")
    return EnsuredTopic(topic, is_new, list(topic_faults(topic)))


def _refuse_other_numbers(address: TopicAddress, topic: Topic, query: TopicQuery) -> None:
    if query.partitions not in (None, topic.partitions):
        raise ConfigurationError(
            f"{address} has {pluralise(topic.partitions, 'partition')}, not {query.partitions:,}:"
            " a log's partition count never changes; leave out --partitions or name another topic"
        )
    if query.replicas not in (None, topic.replicas):
        raise ConfigurationError(
            f"{address} has {pluralise(topic.replicas, 'replica')} of each record, not"
            f" {query.replicas:,}: leave out --replication-factor, or change the topic with"
            " Kafka's kafka-reassign-partitions.sh"
        )
