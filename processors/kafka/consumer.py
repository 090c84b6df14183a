"""Faust's consumer, reading committed records only, as every other reader of the log does.

Faust itself does so only with its own transactions, which the ledger does not use. Without this, a
record of a foreign producer's aborted transaction would change a live figure.
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
