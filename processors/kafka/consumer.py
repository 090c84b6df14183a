"""Faust's consumer, reading committed records alone, as every other reader of the log does.

Faust does so only together with its own transactions, which the ledger has no use for. Without
this, a record of a foreign producer's aborted transaction would move a live figure.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

__all__ = ["CommittedConsumer"]


class _CommittedThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - aiokafka is untyped
        consumer = super()._create_worker_consumer(transport)
        assert consumer._isolation_level == "read_uncommitted"  # noqa: SLF001 - no public way
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - taken up when it starts
        return consumer


class CommittedConsumer(Consumer):
    """Faust's consumer with `isolation_level=read_committed`."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)
