"""The surroundings of a scenario: a topic, a synthetic history, workers and a load."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from ledger.log import NewRecord, open_log
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.client import link_to
from ledger.log.kafka.topic import DERIVED_SETTINGS, SETTINGS, create_topic
from outcomes.synthetic import generate
from processors.live_fold import consumer_group
from projections.history import EVENTS_MAX
from schemas.partition import partition_of
from tests.support.workers import (
    PATIENCE,
    Check,
    Emitter,
    Published,
    Worker,
    recreate_topic,
    wait_until,
)

CRASHING = Path(__file__).with_name("crashing_worker.py")
PARTITIONS = 4
STUDENTS = 500
"""In a short run: half a dozen seconds of load."""

SAMPLES, SAMPLES_OF_SOAK = 8, 20
"""The moments in mid load at which published figures are compared with a replay."""


class Stage:
    """The surroundings of one scenario; `end` stops everything.

    Attributes:
        chance: The seeded source of every random moment and choice.
        faults: The number of injected faults.
        history: When faults of a cluster began and ended, by the monotonic clock, and which.
        kinds: Of the faults of a cluster, how many of each kind.
        folder: For whatever the scenario writes.
        commands: How many were issued beside the load, and how many of them failed.
        failed_commands: See `commands`.
        durations: The seconds that each command took, and which it was.
        followers: Commands that never end, if there are any.
        is_soak: Whether a long run is wanted.
        records: The records still to be sent, (key, value).
        sent: The records handed to the log, in any order.
    """

    def __init__(self, kafka, folder, seed, *, students=900, rate=450, is_soak=False):
        self.kafka = kafka
        self.chance = random.Random(seed)
        self.is_soak = is_soak
        self.faults = 0
        self.history = []
        self.kinds = Counter()
        self.commands = self.failed_commands = 0
        self.durations = []
        self.quarantined = 0
        self.topic = kafka.name()
        self.url = kafka.url(self.topic)
        self.sent = []
        self.folder = folder
        self._rate = rate
        self._workers = []
        self._emitter = None
        self.followers = None
        self.make_topics()
        self.records = self.world(students)
        self.published = Published(self.url)
        self.check = Check(self.url)

    def world(self, students):
        """A unique history, (key, value) in the order of happening."""
        made = generate(students, self.chance.randrange(1_000_000))
        prefix = b"%d-" % self.chance.randrange(1_000_000)
        return [
            (prefix + report.key, report.value.replace(report.key, prefix + report.key))
            for report in made
            if not report.broken
        ]

    def make_topics(self):
        place = parse_topic_address(self.url)
        wanted = ((place, SETTINGS, PARTITIONS), (place.partials, DERIVED_SETTINGS, 1))
        for item, settings, count in (*wanted, (place.dead_letters, DERIVED_SETTINGS, 1)):
            made = create_topic(
                link_to(item),
                partitions=count,
                replicas=self.kafka.replicas,
                min_isr=self.kafka.min_isr,
                settings=settings,
            )
            assert made, item

    def count_fault(self, kind):
        """Take note of a fault of a cluster."""
        self.faults += 1
        self.kinds[kind] += 1
        self.note(kind)

    def note(self, event):
        """Take note of a moment, for whoever asks why a command has failed."""
        self.history.append((round(time.monotonic(), 1), event))

    def worker(self, name, *, url=None, **options):
        """Start a worker, of another log if asked; the same name is the same read model."""
        worker = Worker(url or self.url, self.folder / f"{name}.db", **options)
        self._workers.append(worker)
        return worker

    def crashing(self, name, mode):
        return self.worker(name, command=(sys.executable, str(CRASHING), mode))

    def ready(self, *names):
        """Start workers and wait until each has been given partitions."""
        workers = [self.worker(name) for name in names]
        for worker in workers:
            worker.wait_for("partitions.assigned")
        return workers

    def preload(self, count):
        """Append records at once, so that there is something to catch up with."""
        taken, self.records = self.records[:count], self.records[count:]
        self.append(taken)
        self.sent += taken

    def append(self, pairs, url=None):
        with closing(open_log(url or self.url)) as log:
            log.append([NewRecord(*pair) for pair in pairs])

    def load(self, count=None):
        """Start sending this many of the remaining records, or all, at a rate."""
        taken, self.records = self.records[:count], self.records[len(self.records[:count]) :]
        self.sent += taken
        self._loaded = len(taken)
        self._emitter = Emitter(
            self.kafka.bootstrap, self.topic, PARTITIONS, taken, rate=self._rate
        )
        self._emitter.start()

    def wait_for_share(self, low, high):
        """Wait until a share of the load is acknowledged, drawn between two bounds."""
        wanted = self.chance.uniform(low, high) * self._loaded
        wait_until(lambda: self._emitter.acknowledged >= wanted, f"{wanted:.0f} acknowledged", 180)

    def is_loading(self):
        return self._emitter.is_alive()

    def hurry_load(self):
        """The faults are over: send the rest at once."""
        self._emitter.hurry()

    def settle_load(self):
        """Wait until everything that was sent is acknowledged."""
        self._emitter.finish()
        assert self._emitter.acknowledged == self._loaded

    def finish(self):
        """Send the rest and check the promise; workers stop with code 0."""
        samples = SAMPLES_OF_SOAK if self.is_soak else SAMPLES
        self.settle_load()
        self._go_on_until_published(samples)
        self.check.wait_until_current()
        for worker in self._workers:
            if worker.process.poll() is None:
                assert worker.stop() == 0, worker.messages()[-3:]
        self.check.live_equals_replay(
            self.published,
            self.sent,
            quarantined=self.quarantined,
            samples=samples,
        )

    def _go_on_until_published(self, moments):
        """Send some more for as long as slow workers have not published at so many moments."""
        while (before := len(self.published.snapshots)) < moments:
            self.sent += (more := self.world(3))
            self.append(more)
            wait_until(lambda before=before: len(self.published.snapshots) > before, "more figures")

    def finish_with(self, supervise):
        """As `finish`, with a supervisor that starts workers again until all is folded."""
        self.settle_load()
        self.wait_until_current(supervise)
        self.finish()

    def wait_until_current(self, supervise):
        """Wait until all is folded, with a supervisor that starts workers again."""
        deadline = time.monotonic() + PATIENCE
        while not self.check.is_current():
            assert time.monotonic() < deadline, "the published figures do not reach the end"
            supervise()
            time.sleep(0.2)  # between two looks

    def last_messages(self):
        """What happened last, for whoever asks why a scenario does not hold."""
        yield from self.history[-20:]
        for worker in self._workers:
            code = worker.process.poll()
            yield f"{worker.state.name}: exit code {code}, {worker.messages()[-6:]}"

    def end(self):
        """Leave nothing running."""
        for worker in self._workers:
            worker.kill()
        if self.followers is not None:
            self.followers.close()
        self.published.close()
        self.check.close()

    def flood(self, count):
        """Send very many events under one subject, of which the first 1,000 count."""
        key, value = self.world(1)[0]
        members = json.loads(value)
        lines = [(key, json.dumps({**members, "id": f"flood-{n}"}).encode()) for n in range(count)]
        self.append(lines)
        self.sent += lines[:EVENTS_MAX]
        self.quarantined += count - EVENTS_MAX

    def run_transactions(self):
        """A foreign transaction that is aborted and one that is committed: holes and markers."""
        asyncio.run(self._run_transactions())

    async def _run_transactions(self):
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka.bootstrap, transactional_id=self.topic
        )
        await producer.start()
        try:
            for kept in (False, True):
                pairs = self.world(20)
                await producer.begin_transaction()
                for key, value in pairs:
                    await producer.send_and_wait(
                        self.topic, value, key, partition=partition_of(key, PARTITIONS)
                    )
                if kept:
                    await producer.commit_transaction()
                    self.sent += pairs
                else:
                    await producer.abort_transaction()
        finally:
            await producer.stop()

    def move_group(self, move):
        """Set the group's committed offsets by hand, while nobody is a member of it."""
        asyncio.run(self._move_group(move))

    async def _move_group(self, move):
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap,
            group_id=consumer_group(self.topic),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            parts = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            wanted = {
                part: OffsetAndMetadata(
                    min(ends[part], max(0, (await consumer.committed(part) or 0) + move)), ""
                )
                for part in parts
            }
            await consumer.commit(wanted)
        finally:
            await consumer.stop()

    def remake_topic(self):
        """Delete the topic and create it again under the same name."""
        recreate_topic(self.url, PARTITIONS)


def seed_of_run():
    """Of all that is drawn; `OUTCOMES_TEST_FAULTS_SEED` chooses another."""
    return int(os.environ.get("OUTCOMES_TEST_FAULTS_SEED", "2026"))
