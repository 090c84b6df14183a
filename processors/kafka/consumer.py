"""Faust's consumer as the ledger needs it: committed records only, and none left out.

Faust itself reads committed records only with its own transactions, which the ledger does not use.
Without this, a record of a foreign producer's aborted transaction would change a live figure.

Before records flow again after a rebalance, Faust goes back to the committed offset, since what it
fetched meanwhile was dropped. aiokafka does not move where nothing is committed yet; so the first
records of a new partition would wait for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

__all__ = ["CommittedConsumer"]


class _CommittedThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - aiokafka is untyped
        consumer = super()._create_worker_consumer(transport)
        assert consumer._isolation_level == "read_uncommitted"  # noqa: SLF001 - no public way
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - taken up when it starts
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to the committed offsets, and to the beginning where there are none."""
        committed: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int] = await consumer.seek_to_committed()
        for partition, offset in committed.items():
            if not offset:
                consumer.seek(partition, 0)
        return committed


class CommittedConsumer(Consumer):
    """Faust's consumer with `isolation_level=read_committed` that leaves no record out."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)
