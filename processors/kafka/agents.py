"""The Faust app: `faust -A processors.app worker`, or `outcomes worker` on a Kafka log.

Faust provides membership, assignment, delivery and timers. The rules (what an event means, which
outcomes count once, which funnel a student is in) are in `projections`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import faust
from aiokafka.errors import IllegalStateError
from faust.types import TP, EventT

from ledger.diagnostics import abort_process, logger
from ledger.errors import PartlyAcknowledgedError, StoreError, UnreachableError
from ledger.log.kafka.address import TopicAddress
from ledger.log.kafka.reader import recorded_at_of
from processors.kafka.consumer import CommittedConsumer
from processors.kafka.partitions import KafkaFold
from processors.live_fold import consumer_group
from schemas.record import Record

__all__ = ["Agents", "make_app", "restart_advice"]

TAKE_RECORDS = 1_000
TAKE_SECONDS = 0.02
PUBLISH_SECONDS = 0.5
CHECK_SECONDS = 5.0
BURST_RECORDS = 5_000
COMMIT_SECONDS = 10.0

_SETTINGS: dict[str, Any] = {
    "stream_wait_empty": False,
    "web_enabled": False,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "broker_session_timeout": 6,
    # A worker hears only by it that partitions move; until then the one that joins has none.
    "broker_heartbeat_interval": 0.3,
    "broker_request_timeout": 10,
    "broker_max_poll_interval": 3_600,
    "broker_commit_interval": 1,
    "consumer_auto_offset_reset": "earliest",
    # A group leader that does not know the topic yet, after a broker is back, assigns no partition;
    # by default it would look again only after five minutes.
    "consumer_metadata_max_age_ms": 5_000,
}

_Result = TypeVar("_Result")
_Error = TypeVar("_Error", bound=BaseException)


class FoldThread:
    """A `KafkaFold` in its own thread, built there on first use."""

    def __init__(self, build: Callable[[], KafkaFold]) -> None:
        self._build = build
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fold")
        self._kafka_fold: KafkaFold | None = None
        self._closed = False

    async def run(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        """Run work in the thread; a failure aborts the process with its reason.

        Raising inside an agent would make Faust skip the records, so nothing is raised here.
        """
        if self._closed:
            # The worker is stopping: what is still delivered waits here until it is cancelled.
            await asyncio.get_running_loop().create_future()
        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)
        except Exception as error:  # noqa: BLE001 - no error may skip a record
            abort_process(restart_advice(error))

    def _do(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        if self._kafka_fold is None:
            self._kafka_fold = self._build()
        return work(self._kafka_fold)

    async def close(self) -> None:
        """Close the fold if it was built."""
        was_closed, self._closed = self._closed, True
        if self._kafka_fold is not None and not was_closed:
            await self._in_thread(KafkaFold.close)
        self._thread.shutdown(wait=False)


class Agents:
    """The callbacks of a worker, called by Faust."""

    def __init__(self, app: Any, topic: str, fold: FoldThread) -> None:  # noqa: ANN401 - Faust
        self._app = app
        self._topic = topic
        self._fold = fold

    async def on_assigned(self, *_: object, **__: object) -> None:
        """Own the assigned partitions, fold their backlog, and commit where to resume."""
        assigned = self._app.consumer.assignment()
        partitions = {tp.partition for tp in assigned if tp.topic == self._topic}
        take_over = partial(
            KafkaFold.on_assigned, partitions=partitions, is_cancelled=self._cancellation()
        )
        offsets = await self._fold.run(take_over)
        logger().info("partitions.assigned", partitions=sorted(partitions))
        await self._commit(offsets)

    async def follow(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream lacks noack_take
        """Fold delivered records; acknowledge them once they are committed."""
        async for events in stream.noack_take(TAKE_RECORDS, within=TAKE_SECONDS):
            records = [_record(event) for event in events]
            await self._fold.run(partial(KafkaFold.follow, records=records))
            for event in events:
                await stream.ack(event)
            # A plain read is far faster than Faust's delivery.
            if len(events) == TAKE_RECORDS and await self._is_burst():
                await self._catch_up()

    async def publish(self) -> None:
        """Publish the figures that have changed, and the dead letters."""
        await self._fold.run(KafkaFold.publish)

    async def check(self) -> None:
        """Check that the topic is still the one that was folded, and that Faust delivers."""
        await self._fold.run(KafkaFold.check_identity)
        if await self._fold.run(KafkaFold.has_stalled):
            logger().warning("delivery.stalled")
            await self._catch_up()

    async def stop(self, *_: object, **__: object) -> None:
        """Close the read model."""
        await self._fold.close()

    async def _is_burst(self) -> bool:
        return await self._fold.run(KafkaFold.count_waiting) > BURST_RECORDS

    async def _catch_up(self) -> None:
        """Fold what waits without Faust, which goes on behind it."""
        catch_up = partial(KafkaFold.catch_up, is_cancelled=self._cancellation())
        await self._commit(await self._fold.run(catch_up))
        # Partitions that move meanwhile are sought again when they have moved.
        with suppress(IllegalStateError):
            await self._app.consumer.perform_seek()

    def _cancellation(self) -> Callable[[], bool]:
        """A function: whether the worker is stopping or partitions have moved since now."""
        app, generation = self._app, self._app.consumer_generation_id
        return lambda: bool(app.should_stop) or app.consumer_generation_id != generation

    async def _commit(self, offsets: dict[int, int]) -> None:
        """Commit offsets as a hint for the next owner; the read model's offset is what counts."""
        positive = {TP(self._topic, number): offset for number, offset in offsets.items() if offset}
        if positive:
            commit = self._app.consumer._commit(positive)  # noqa: SLF001 - no public way
            await asyncio.wait_for(commit, COMMIT_SECONDS)


def restart_advice(error: _Error) -> _Error | StoreError:
    """The error that a worker gives up with, saying what to do where a new start is enough."""
    reason = error.__cause__ if isinstance(error, PartlyAcknowledgedError) else error
    if isinstance(reason, UnreachableError):
        return StoreError(f"{reason}; start the worker again, it resumes where it stopped")
    return reason if isinstance(reason, StoreError) else error


class _App(faust.App):
    """An app without folders, in which Faust would keep tables: there are none."""

    def _create_directories(self) -> None:
        pass


def make_app(
    address: TopicAddress, build: Callable[[], KafkaFold], settings: Mapping[str, Any]
) -> faust.App:
    """The app of one worker.

    Args:
        address: The ledger's topic.
        build: Builds the fold, called in its own thread.
        settings: Further Faust settings, such as credentials for the broker.
    """
    app: Any = _App(
        consumer_group(address.topic),
        broker=[f"kafka://{server}" for server in address.servers],
        broker_client_id=f"{socket.gethostname()}-{os.getpid()}",
        **_SETTINGS,
        **settings,
    )
    app.transport.Consumer = CommittedConsumer
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw"}
    topic = app.topic(address.topic, **raw, value_serializer="raw", allow_empty=True)
    agents = Agents(app, address.topic, FoldThread(build))
    app.agent(topic, name="follow", concurrency=1)(agents.follow)
    app.timer(interval=PUBLISH_SECONDS)(agents.publish)
    app.timer(interval=CHECK_SECONDS)(agents.check)
    app.on_rebalance_complete.connect(agents.on_assigned)
    app.on_before_shutdown.connect(agents.stop)
    # Faust refers to the receivers of its signals weakly.
    app.signal_receivers = agents
    typed: faust.App = app
    return typed


def _record(event: EventT[bytes]) -> Record:
    message = event.message
    recorded_at = recorded_at_of(round((message.timestamp or 0) * 1_000))
    return Record(message.partition, message.offset, recorded_at, message.key, message.value)
