"""The Faust app: `faust -A processors.app worker`, or `outcomes worker` on a Kafka log.

Faust gives membership, assignment, delivery and timers. What an event means, which outcomes count
once and which funnel a student is in, stands in `projections`; look there for `career_outcomes`,
`orientation`, `graduation` and `placement`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import faust
from faust.types import TP, EventT

from ledger.diagnostics import abort_process, logger
from ledger.log.kafka.address import TopicAddress
from processors.kafka.consumer import CommittedConsumer
from processors.kafka.partitions import KafkaFold
from processors.live_fold import consumer_group
from schemas import Record

__all__ = ["Agents", "make_app"]

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
    "broker_heartbeat_interval": 1,
    "broker_request_timeout": 10,
    "broker_max_poll_interval": 3_600,
    "broker_commit_interval": 1,
    "consumer_auto_offset_reset": "earliest",
    # A leader who does not know the topic yet, when a broker is back, gives nobody a partition; by
    # default it would look again after five minutes.
    "consumer_metadata_max_age_ms": 5_000,
}

_Result = TypeVar("_Result")


class Beside:
    """A `KafkaFold` in a thread of its own, made there on first use."""

    def __init__(self, build: Callable[[], KafkaFold]) -> None:
        self._build = build
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fold")
        self._made: KafkaFold | None = None
        self._closed = False

    async def run(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        """Do work in the thread; a failure ends the process with its reason.

        Raising inside an agent would make Faust skip the records, so nothing is raised here.
        """
        if self._closed:
            # The worker is ending: whatever is still delivered waits here until it is cancelled.
            await asyncio.get_running_loop().create_future()
        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)
        except Exception as error:  # noqa: BLE001 - whatever it is, no record may be skipped
            abort_process(error)

    def _do(self, work: Callable[[KafkaFold], _Result]) -> _Result:
        if self._made is None:
            self._made = self._build()
        return work(self._made)

    async def close(self) -> None:
        """Close the fold when there is one."""
        already, self._closed = self._closed, True
        if self._made is not None and not already:
            await self._in_thread(KafkaFold.close)
        self._thread.shutdown(wait=False)


class Agents:
    """What a worker does when Faust calls; each method is one occasion."""

    def __init__(self, app: Any, topic: str, fold: Beside) -> None:  # noqa: ANN401 - Faust
        self._app = app
        self._topic = topic
        self._fold = fold

    async def take_up(self, *_: object, **__: object) -> None:
        """Own what was assigned, fold the backlog, and tell Kafka where to go on."""
        assigned = self._app.consumer.assignment()
        partitions = {one.partition for one in assigned if one.topic == self._topic}
        take_up = partial(KafkaFold.take_up, partitions=partitions, abandoned=self._abandoned())
        offsets = await self._fold.run(take_up)
        logger().info("partitions.taken_up", partitions=sorted(partitions))
        await self._commit(offsets)

    async def follow(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream lacks noack_take
        """Fold what is delivered; acknowledge it when it is committed."""
        async for events in stream.noack_take(TAKE_RECORDS, within=TAKE_SECONDS):
            records = [_record(event) for event in events]
            await self._fold.run(partial(KafkaFold.follow, records=records))
            for event in events:
                await stream.ack(event)
            if len(events) == TAKE_RECORDS:
                await self._leap()

    async def publish(self) -> None:
        """Publish the figures that have moved, and the dead letters."""
        await self._fold.run(KafkaFold.publish)

    async def check(self) -> None:
        """See that the topic is still the one that was folded."""
        await self._fold.run(KafkaFold.check_identity)

    async def stop(self, *_: object, **__: object) -> None:
        """Let go of the read model."""
        await self._fold.close()

    async def _leap(self) -> None:
        """Fold a burst in bulk: Faust delivers far fewer records a second than a plain read."""
        if await self._fold.run(KafkaFold.behind) > BURST_RECORDS:
            catch_up = partial(KafkaFold.catch_up, abandoned=self._abandoned())
            await self._commit(await self._fold.run(catch_up))
            await self._app.consumer.perform_seek()

    def _abandoned(self) -> Callable[[], bool]:
        """Whether, by then, the worker is to stop or partitions have moved."""
        app, generation = self._app, self._app.consumer_generation_id
        return lambda: bool(app.should_stop) or app.consumer_generation_id != generation

    async def _commit(self, offsets: dict[int, int]) -> None:
        """A hint for the next owner; the read model's offset is what counts."""
        wanted = {TP(self._topic, partition): at for partition, at in offsets.items() if at}
        if wanted:
            commit = self._app.consumer._commit(wanted)  # noqa: SLF001 - no public way
            await asyncio.wait_for(commit, COMMIT_SECONDS)


def make_app(
    place: TopicAddress, build: Callable[[], KafkaFold], settings: Mapping[str, Any]
) -> faust.App:
    """The app of one worker.

    Args:
        place: The ledger's topic.
        build: Makes the fold, called in its own thread.
        settings: More of Faust's, such as the credentials for the broker.
    """
    app: Any = faust.App(
        consumer_group(place.topic),
        broker=[f"kafka://{server}" for server in place.servers],
        broker_client_id=f"{socket.gethostname()}-{os.getpid()}",
        **_SETTINGS,
        **settings,
    )
    app.transport.Consumer = CommittedConsumer
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw"}
    topic = app.topic(place.topic, **raw, value_serializer="raw", allow_empty=True)
    agents = Agents(app, place.topic, Beside(build))
    app.agent(topic, name="follow", concurrency=1)(agents.follow)
    app.timer(interval=PUBLISH_SECONDS)(agents.publish)
    app.timer(interval=CHECK_SECONDS)(agents.check)
    app.on_rebalance_complete.connect(agents.take_up)
    app.on_before_shutdown.connect(agents.stop)
    # Faust holds the receivers of its signals weakly.
    app.agents_kept = agents
    made: faust.App = app
    return made


def _record(event: EventT[bytes]) -> Record:
    message = event.message
    recorded_at = round(message.timestamp * 1_000)
    return Record(message.partition, message.offset, recorded_at, message.key, message.value)
