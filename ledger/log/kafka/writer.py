"""Writing to a topic: idempotent, acks=all, again and again until acknowledged or out of time.

A partition has one batch under way at a time, so what is sent again stays in order. A batch whose
acknowledgement got lost may be in the log twice afterwards; no figure counts an event twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    RecordListTooLargeError,
    UnknownProducerId,
)

from ledger.clock import now_ms
from ledger.diagnostics import logger
from ledger.errors import PartlyAcknowledgedError
from ledger.log.kafka.client import ANSWER_SECONDS, TROUBLE, Link, Loop, one_line
from ledger.log.port import NewRecord
from schemas.partition import partition_of

__all__ = ["Delivery", "Writer"]

_CHUNK_BYTES = 8_388_608
_CHUNK_RECORDS = 50_000
_BATCH_BYTES = 917_504
_RECORD_BYTES = 40
_QUIET_SECONDS = 3.0
_PAUSE_SECONDS = 0.5
_ANEW = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class _TooLargeError(Exception):
    """The broker refuses a batch for its size; `records` are in it."""

    def __init__(self, records: int, size: int) -> None:
        super().__init__(f"{records} records of {size} bytes")
        self.records = records
        self.size = size


class Delivery:
    """What has become of one append.

    Attributes:
        acknowledged: Records that the broker has acknowledged, exactly.
        ends: Partition → the offset behind the last of them, where the broker told it.
    """

    def __init__(self) -> None:
        self.acknowledged = 0
        self.ends: dict[int, int] = {}
        self.moved_at = time.monotonic()
        self.told = False

    def take(self, partition: int, records: int, offset: int) -> None:
        """Count records that the broker has acknowledged from an offset on."""
        self.acknowledged += records
        self.moved_at = time.monotonic()
        if offset >= 0:
            self.ends[partition] = offset + records
        if self.told:
            logger().info("broker.returned", acknowledged=self.acknowledged)
            self.told = False

    def quiet_seconds(self) -> float:
        """How long nothing has been acknowledged."""
        return time.monotonic() - self.moved_at


class Writer:
    """One producer at a time in an event loop of its own; of use from one thread at a time."""

    def __init__(self, link: Link, partitions: int) -> None:
        self._link = link
        self._partitions = partitions
        self._retry_seconds = link.settings.kafka_retry_seconds
        self._batch_bytes = _BATCH_BYTES
        self._loop: Loop | None = None
        self._producer: AIOKafkaProducer | None = None

    def send(self, records: Iterable[NewRecord]) -> Delivery:
        """Send records and return when all are acknowledged.

        Raises:
            PartlyAcknowledgedError: If the broker refuses, or stays silent for too long.
        """
        delivery = Delivery()
        for chunk in self._chunks(records):
            delivery.moved_at = time.monotonic()
            while any(chunk.values()):
                self._loop = self._loop or Loop()
                error = self._loop.run(self._try(chunk, delivery), None)
                if error is not None:
                    self._drop_producer()
                    if not self._worth_another_try(error, delivery):
                        raise self._given_up(error, delivery) from error
        return delivery

    def close(self) -> None:
        """Let go of the connections, within a few seconds."""
        self._drop_producer()

    def _chunks(self, records: Iterable[NewRecord]) -> Iterator[dict[int, list[NewRecord]]]:
        """Records by partition, some megabytes at a time; the last record of a list goes first."""
        chunk, size, count = dict[int, list[NewRecord]](), 0, 0
        for record in records:
            key, value, _ = record
            chunk.setdefault(partition_of(key or b"", self._partitions), []).append(record)
            size += len(key or b"") + len(value or b"") + _RECORD_BYTES
            count += 1
            if size >= _CHUNK_BYTES or count >= _CHUNK_RECORDS:
                yield {partition: waiting[::-1] for partition, waiting in chunk.items()}
                chunk, size, count = {}, 0, 0
        yield {partition: waiting[::-1] for partition, waiting in chunk.items()}

    async def _try(
        self, chunk: dict[int, list[NewRecord]], delivery: Delivery
    ) -> BaseException | None:
        """Send what waits in a chunk; returns what went wrong, None when nothing waits any more."""
        try:
            if self._producer is None:
                await asyncio.wait_for(self._start(), min(ANSWER_SECONDS, self._retry_seconds))
        except TROUBLE as error:
            self._watch(delivery)
            await asyncio.sleep(_PAUSE_SECONDS)
            return error
        tasks = {
            asyncio.ensure_future(self._send_partition(partition, waiting, delivery))
            for partition, waiting in chunk.items()
            if waiting
        }
        pending = tasks
        while pending and delivery.quiet_seconds() < self._retry_seconds:
            _, pending = await asyncio.wait(pending, timeout=min(1.0, self._retry_seconds))
            self._watch(delivery)
        for task in pending:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        silence = TimeoutError() if pending else None
        return next((error for error in errors if error is not None), silence)

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._link.options, acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES
        )
        await self._producer.start()

    async def _send_partition(
        self, partition: int, waiting: list[NewRecord], delivery: Delivery
    ) -> None:
        producer, topic = self._producer, self._link.place.topic
        assert producer is not None, "the producer is started first"
        while waiting:
            batch = producer.create_batch()
            taken, now = 0, now_ms()
            while taken < len(waiting):
                key, value, _ = waiting[-1 - taken]
                more = len(key or b"") + len(value or b"") + _RECORD_BYTES
                if taken and batch.size() + more > self._batch_bytes:
                    break
                if batch.append(key=key, value=value, timestamp=now) is None:
                    break
                taken += 1
            size = batch.size()
            try:
                placed = await (await producer.send_batch(batch, topic, partition=partition))
            except _TOO_LARGE as error:
                raise _TooLargeError(taken, size) from error
            del waiting[-taken:]
            delivery.take(partition, taken, placed.offset)

    def _watch(self, delivery: Delivery) -> None:
        if not delivery.told and delivery.quiet_seconds() > _QUIET_SECONDS:
            delivery.told = True
            logger().warning(
                "broker.awaited",
                place=str(self._link.place),
                acknowledged=delivery.acknowledged,
                gives_up_after_seconds=self._retry_seconds,
            )

    def _worth_another_try(self, error: BaseException, delivery: Delivery) -> bool:
        if isinstance(error, _TooLargeError):
            self._batch_bytes = max(1, error.size // 2)
            return error.records > 1
        if delivery.quiet_seconds() + _PAUSE_SECONDS >= self._retry_seconds:
            return False
        if isinstance(error, KafkaError) and not isinstance(error, _ANEW):
            # aiokafka wraps what it did not expect into a plain KafkaError.
            return type(error) is KafkaError or bool(error.retriable)
        return isinstance(error, TROUBLE)

    def _given_up(self, error: BaseException, delivery: Delivery) -> PartlyAcknowledgedError:
        count = delivery.acknowledged
        if isinstance(error, _TooLargeError):
            reason = (
                f"{self._link.place} refuses a record of {error.size} bytes; raise the topic's"
                " max.message.bytes, or leave the record out"
            )
        else:
            reason = str(one_line(self._link, error, "acknowledges no more"))
        return PartlyAcknowledgedError(
            f"{reason}; {count} of these records were acknowledged, the same can be sent again"
            " safely",
            count,
        )

    def _drop_producer(self) -> None:
        """Stop the producer in a bounded time; its loop goes with it, and so do its tasks."""
        producer, self._producer = self._producer, None
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close(None if producer is None else _stopped(producer))


def _stopped(producer: AIOKafkaProducer) -> Coroutine[Any, Any, None]:
    async def stop() -> None:
        try:
            await asyncio.wait_for(producer.stop(), 1.0)
        except TROUBLE:
            await producer.client.close()

    return stop()
