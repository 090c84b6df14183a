"""Writing to a topic: idempotent, acks=all, retried until acknowledged or out of time.

A partition has one batch in flight at a time, so retries keep the order. A batch whose
acknowledgement was lost may be in the log twice afterwards; no figure counts an event twice.
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
from ledger.errors import PartlyAcknowledgedError, StoreError
from ledger.log.kafka.client import ANSWER_SECONDS, KAFKA_ERRORS, Link, Loop, translate_error
from ledger.log.port import NewRecord
from schemas.partition import partition_of

__all__ = ["Delivery", "Writer"]

_CHUNK_BYTES = 8_388_608
_CHUNK_RECORDS = 50_000
_BATCH_BYTES = 917_504
_RECORD_BYTES = 40
_SILENT_SECONDS = 1.5
_PAUSE_SECONDS = 0.5
_NEEDS_NEW_PRODUCER = (
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
    """The broker refuses a batch of `records` records for its size."""

    def __init__(self, records: int, size: int) -> None:
        super().__init__(f"{records} records of {size} bytes")
        self.records = records
        self.size = size


class Delivery:
    """The progress of one append.

    Attributes:
        acknowledged: The exact number of records that the broker has acknowledged.
        ends: Partition → the offset behind the last of them, where the broker returned it.
        batches: Partition → (records, offset of the first or -1) of each batch, in order.
    """

    def __init__(self) -> None:
        self.acknowledged = 0
        self.ends: dict[int, int] = {}
        self.batches: dict[int, list[tuple[int, int]]] = {}
        self.progressed_at = time.monotonic()
        self.wait_logged = False

    def record(self, partition: int, records: int, offset: int) -> None:
        """Count records that the broker has acknowledged from an offset on."""
        self.acknowledged += records
        self.batches.setdefault(partition, []).append((records, offset))
        self.progressed_at = time.monotonic()
        if offset >= 0:
            self.ends[partition] = offset + records
        if self.wait_logged:
            logger().info("broker.back", acknowledged=self.acknowledged)
            self.wait_logged = False

    def silent_seconds(self) -> float:
        """Seconds since the last acknowledgement."""
        return time.monotonic() - self.progressed_at


class Writer:
    """One producer at a time in its own event loop; for one thread at a time."""

    def __init__(self, link: Link, partitions: int) -> None:
        self._link = link
        self._partitions = partitions
        self._retry_seconds = link.settings.kafka_retry_seconds
        self._batch_bytes = _BATCH_BYTES
        self._loop: Loop | None = None
        self._producer: AIOKafkaProducer | None = None

    def send(
        self,
        records: Iterable[NewRecord],
        delivery: Delivery | None = None,
        *,
        wait_seconds: float | None = None,
    ) -> Delivery:
        """Send records and return when all are acknowledged.

        Args:
            records: To send.
            delivery: Filled as they are acknowledged, and returned; a new one where None.
            wait_seconds: How long brokers may stay silent; as the settings say where None.

        Raises:
            PartlyAcknowledgedError: If the broker refuses, or stays silent for too long.
        """
        delivery = delivery or Delivery()
        self._retry_seconds = wait_seconds or self._link.settings.kafka_retry_seconds
        for chunk in self._chunks(records):
            delivery.progressed_at = time.monotonic()
            while any(chunk.values()):
                self._loop = self._loop or Loop()
                error = self._loop.run(self._try(chunk, delivery), None)
                if error is not None:
                    self._drop_producer()
                    if not self._is_retriable(error, delivery):
                        reason = self._final_reason(error)
                        count = delivery.acknowledged
                        raise PartlyAcknowledgedError(
                            f"{reason}; {count:,} of these records were acknowledged; sending all"
                            " again is safe",
                            count,
                        ) from reason
        return delivery

    def close(self) -> None:
        """Close the connections within a few seconds."""
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
        """Send what is left of a chunk; returns the error, None once all is acknowledged."""
        try:
            if self._producer is None:
                await self._start(delivery)
        except KAFKA_ERRORS as error:
            await asyncio.sleep(_PAUSE_SECONDS)
            self._log_silence(delivery)
            return error
        tasks = {
            asyncio.ensure_future(self._send_partition(partition, waiting, delivery))
            for partition, waiting in chunk.items()
            if waiting
        }
        pending = tasks
        while pending and delivery.silent_seconds() < self._retry_seconds:
            _, pending = await asyncio.wait(pending, timeout=min(0.5, self._retry_seconds))
            self._log_silence(delivery)
        for task in pending:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        timeout = TimeoutError() if pending else None
        return next((error for error in errors if error is not None), timeout)

    async def _start(self, delivery: Delivery) -> None:
        self._producer = AIOKafkaProducer(
            **self._link.options, acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES
        )
        starting = asyncio.ensure_future(self._producer.start())
        deadline = time.monotonic() + min(ANSWER_SECONDS, self._retry_seconds)
        while not starting.done() and time.monotonic() < deadline:
            await asyncio.wait({starting}, timeout=_PAUSE_SECONDS)
            self._log_silence(delivery)
        await asyncio.wait_for(starting, 0)

    async def _send_partition(
        self, partition: int, waiting: list[NewRecord], delivery: Delivery
    ) -> None:
        producer, topic = self._producer, self._link.address.topic
        assert producer is not None, "the producer is started first"
        while waiting:
            batch = producer.create_batch()
            count, now = 0, now_ms()
            while count < len(waiting):
                key, value, _ = waiting[-1 - count]
                added = len(key or b"") + len(value or b"") + _RECORD_BYTES
                if count and batch.size() + added > self._batch_bytes:
                    break
                if batch.append(key=key, value=value, timestamp=now) is None:
                    break
                count += 1
            size = batch.size()
            try:
                acknowledged = await (await producer.send_batch(batch, topic, partition=partition))
            except _TOO_LARGE as error:
                raise _TooLargeError(count, size) from error
            del waiting[-count:]
            delivery.record(partition, count, acknowledged.offset)

    def _log_silence(self, delivery: Delivery) -> None:
        if not delivery.wait_logged and delivery.silent_seconds() > _SILENT_SECONDS:
            delivery.wait_logged = True
            logger().warning(
                "broker.lost",
                log=str(self._link.address),
                acknowledged=delivery.acknowledged,
                gives_up_after_seconds=self._retry_seconds,
            )

    def _is_retriable(self, error: BaseException, delivery: Delivery) -> bool:
        if isinstance(error, _TooLargeError):
            self._batch_bytes = max(1, error.size // 2)
            return error.records > 1
        if delivery.silent_seconds() + _PAUSE_SECONDS >= self._retry_seconds:
            return False
        if isinstance(error, KafkaError) and not isinstance(error, _NEEDS_NEW_PRODUCER):
            # aiokafka wraps what it did not expect into a plain KafkaError.
            return type(error) is KafkaError or bool(error.retriable)
        return isinstance(error, KAFKA_ERRORS)

    def _final_reason(self, error: BaseException) -> StoreError:
        if isinstance(error, _TooLargeError):
            return StoreError(
                f"{self._link.address} refuses a record of {error.size:,} bytes; raise the topic's"
                " max.message.bytes, or leave the record out"
            )
        return translate_error(self._link, error, "stopped acknowledging")

    def _drop_producer(self) -> None:
        """Stop the producer in a bounded time, its event loop and its tasks with it."""
        producer, self._producer = self._producer, None
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close(None if producer is None else _stop(producer))


def _stop(producer: AIOKafkaProducer) -> Coroutine[Any, Any, None]:
    async def stop() -> None:
        try:
            await asyncio.wait_for(producer.stop(), 1.0)
        except KAFKA_ERRORS:
            await producer.client.close()

    return stop()
