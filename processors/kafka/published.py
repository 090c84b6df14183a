"""The live figures that the workers of a Kafka log publish, and who has which partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.log import Log, TopicAddress
from ledger.log.identity import identity_of
from ledger.log.kafka.client import link_to
from ledger.log.kafka.group import owners
from ledger.log.kafka.log import KafkaLog
from ledger.replay import FiguresAtCut
from processors.live_fold import consumer_group
from processors.partials import merge_partials
from processors.partials_reader import PartialsReader
from projections.policy import Policy

__all__ = ["PublishedFigures", "partition_owners"]


class PublishedFigures:
    """The sum of the latest partials, see `processors.live_figures.FiguresSource`."""

    def __init__(self, address: TopicAddress, log: Log) -> None:
        """Open the topic of partials.

        Raises:
            StoreError: If the brokers are out of reach, or the topic is missing.
        """
        self._address = address
        self._log = log
        self._topic = KafkaLog.open(address.partials)
        self._partials = PartialsReader(self._topic, log.partitions)

    def read(self, policies: Sequence[Policy], year: int) -> FiguresAtCut:
        """The figures of this moment."""
        self._partials.refresh()
        place = str(self._address.partials)
        identity = identity_of(self._log)
        return merge_partials(place, identity, self._partials.latest(), policies, year)

    def owners(self) -> Mapping[int, str]:
        """The members of the consumer group, by partition."""
        return partition_owners(self._address)

    def close(self) -> None:
        """Close the connections."""
        self._topic.close()


def partition_owners(address: TopicAddress) -> dict[int, str]:
    """Partition → the worker that has it, as `client@host`.

    Raises:
        StoreError: If the brokers do not answer.
    """
    return owners(link_to(address), consumer_group(address.topic))
