"""The live figures that the workers of a Kafka log publish, and who has which partition."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ledger.diagnostics import logger
from ledger.errors import UnreachableError
from ledger.log import TopicAddress
from ledger.log.kafka.client import link_to
from ledger.log.kafka.group import owners
from ledger.log.kafka.log import KafkaLog
from ledger.log.kafka.waiting import Patience
from ledger.repairs import Repairs
from ledger.replay import FiguresAtCut
from processors.live_fold import consumer_group
from processors.live_report import (
    LiveReport,
    LiveSource,
    LiveStatus,
    make_live_report,
    make_live_status,
)
from processors.partials import merge_partials
from processors.partials_reader import PartialsReader
from projections.policy import Policy

__all__ = ["PublishedFigures", "partition_owners"]

UNKNOWN_OWNER = "unknown"
"""Of every partition while the group's coordinator does not answer: nobody is no answer."""

_OWNERS_SECONDS = 1.0


class PublishedFigures:
    """The sum of the latest partials, see `processors.live_report.LiveFigures`."""

    def __init__(self, address: TopicAddress, *, patient: bool) -> None:
        """Open the log and the topic of partials.

        Raises:
            StoreError: If the brokers are out of reach, or a topic is missing.
        """
        self._address = address
        patience = Patience.FOLLOWER if patient else Patience.COMMAND
        self._log = KafkaLog.open(address, patience)
        self._topic = KafkaLog.open(address.partials, patience)
        self._partials = PartialsReader(self._topic, self._log)
        self._owners: Mapping[int, str] = {}
        self._next_owners = 0.0
        self._repairs = Repairs()

    def read(self, policy: Policy, year: int) -> LiveReport:
        """The figures of this moment, with the workers of at most a second ago."""
        figures = self._merge([policy], year)
        return make_live_report(self._source(), figures, policy, year)

    def status(self) -> LiveStatus:
        """How far they have come at this moment."""
        figures = self._merge([], None)
        return make_live_status(self._source(), figures, str(self._address.partials))

    def _source(self) -> LiveSource:
        return LiveSource(self._log, self._current_owners(), self._repairs)

    def _merge(self, policies: Sequence[Policy], year: int | None) -> FiguresAtCut:
        self._partials.refresh()
        return merge_partials(str(self._address.partials), self._partials.latest(), policies, year)

    def _current_owners(self) -> Mapping[int, str]:
        if time.monotonic() >= self._next_owners:
            try:
                self._owners = partition_owners(self._address)
            except UnreachableError as error:
                # Only the group's coordinator is away: the figures are there.
                logger().warning("owners.unknown", reason=str(error))
                self._owners = dict.fromkeys(range(self._log.partitions), UNKNOWN_OWNER)
            self._next_owners = time.monotonic() + _OWNERS_SECONDS
        return self._owners

    def close(self) -> None:
        """Close the connections."""
        self._topic.close()
        self._log.close()


def partition_owners(address: TopicAddress) -> dict[int, str]:
    """Partition → the worker that has it, as `client@host`.

    Raises:
        StoreError: If the brokers do not answer.
    """
    return owners(link_to(address), consumer_group(address.topic))
