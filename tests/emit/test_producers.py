"""The producers of docs/emit.md, run in parallel against a real broker that also fails."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing

import pytest

from ledger.log import open_log
from outcomes.synthetic import generate
from tests.emit.page import PIPE_BYTES, Fed, Running, command, environment, put_files, wait_until
from tests.emit.topics import PARTITIONS, assert_kept

pytestmark = pytest.mark.kafka

PRODUCERS = {
    "confluent-kafka": "python emit_confluent.py",
    "aiokafka": "python emit_aiokafka.py",
    "java": "java Emit.java",
    "kcat": "kcat -P",
}
NEEDED = {"java": ("javac", "default-jdk-headless"), "kcat": ("kcat", "kcat")}
BATCH = 500


def distinct_events():
    """Some hundred synthetic events without duplicates, as bytes."""
    results = {}
    for record in generate(300, 11):
        if not record.broken:
            event = json.loads(record.value)
            results.setdefault((event["subject"], event["source"], event["id"]), record.value)
    return list(results.values())


EVENTS = distinct_events()
FIRST, REST = EVENTS[:BATCH], EVENTS[BATCH:]
producers = pytest.mark.parametrize("producer", PRODUCERS)


def refused(reason):
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def is_there(producer):
    tool, _ = NEEDED.get(producer, ("python3", ""))
    return shutil.which(tool) is not None


@pytest.fixture
def has(producer):
    """Skips, or fails in CI, if the machine lacks what a producer needs."""
    if not is_there(producer):
        tool, package = NEEDED[producer]
        refused(f"no {tool} on this machine; on Debian install {package}")


class Producers:
    """All producers that the machine can run, in parallel, each with its own topic."""

    def __init__(self, kafka, folder, classes):
        self.kafka = kafka
        self.folder = folder
        self.classes = classes
        self.names = list(filter(is_there, PRODUCERS))
        self.topics = {name: kafka.topic(PARTITIONS) for name in self.names}
        self.folders = {name: put_files(folder / name) for name in self.names}
        self.running = {}
        self.fed = {}

    def write_files(self, events):
        for folder in self.folders.values():
            path = folder / "events.jsonl"
            path.unlink(missing_ok=True)
            path.write_bytes(b"".join(event + b"\n" for event in events))

    def feed(self, *pieces):
        self.fed = {
            name: Fed(folder / "events.jsonl", *pieces) for name, folder in self.folders.items()
        }

    def open_gate(self, number):
        for item in self.fed.values():
            item.gates[number].set()

    def start(self):
        for name in self.names:
            variables = environment(
                self.kafka.bootstrap,
                self.topics[name],
                CLASSPATH=f"{self.classes}/*",
                JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            )
            words = command(PRODUCERS[name])
            self.running[name] = Running(words, self.folders[name], variables)

    def finish(self):
        return {name: item.finish() for name, item in self.running.items()}

    def is_alive(self, name):
        return self.running[name].is_alive()

    def end_of_file(self):
        for item in self.fed.values():
            item.closing.set()

    def kill(self):
        for item in self.running.values():
            item.kill()
        for item in self.fed.values():
            item.let_go()

    def wait_until_held(self, records):
        for topic in self.topics.values():
            with closing(open_log(self.kafka.url(topic))) as log:
                wait_until(lambda log=log: sum(log.end().values()) >= records, "the first events")

    def wait_until_fed(self, size):
        for item in self.fed.values():
            wait_until(lambda item=item: item.bytes > size, "a producer that reads")


@pytest.fixture(scope="module")
def launch(kafka, tmp_path_factory):
    """Launches all producers; whatever still runs at the end is killed."""
    from tests.support.broker import NoKafkaError, kafka_jars  # a plugin before it is a module

    try:
        classes = kafka_jars()
    except NoKafkaError as error:
        refused(str(error))
    launched = []

    def launch():
        launched.append(Producers(kafka, tmp_path_factory.mktemp("emit"), classes))
        return launched[-1]

    yield launch
    for item in launched:
        item.kill()


def acknowledged_by(producer, count):
    """What a producer leaves behind when all is well; kcat says it by its exit code alone."""
    return 0, None if producer == "kcat" else f"{count} acknowledged"


@pytest.fixture(scope="module")
def plain(launch):
    """The result of sending a file once."""
    item = launch()
    item.write_files(EVENTS)
    item.start()
    return item, item.finish()


@pytest.fixture(scope="module")
def outage(kafka, launch):
    """The broker hangs in mid run, is killed and comes back.

    Half of the producers have sent a third of their events by then and read the others meanwhile.
    The other half were killed before and are started again, on the same file, without a broker.
    """
    broker = kafka.own()
    running, again = launch(), launch()
    for item, *pieces in ((running, FIRST, REST), (again, EVENTS)):
        item.feed(*pieces)
        item.open_gate(0)
        item.start()
    for item in (running, again):
        item.wait_until_held(BATCH - 100)
    again.kill()
    broker.pause()
    running.open_gate(1)
    broker.kill()
    try:
        again.feed(EVENTS)
        again.open_gate(0)
        again.start()
        again.wait_until_fed(PIPE_BYTES)
        waiting = {name: (running.is_alive(name), again.is_alive(name)) for name in running.names}
    finally:
        broker.start()
    for item in (running, again):
        item.end_of_file()
    return running, running.finish(), again, again.finish(), waiting


class TestProducers:
    @producers
    def test_every_event_is_acknowledged_and_admitted_once(self, kafka, plain, has, producer):
        item, ends = plain
        assert acknowledged_by(producer, len(EVENTS)) == ends[producer]
        assert 0 == assert_kept(kafka, item.topics[producer], EVENTS)

    @producers
    def test_an_outage_in_mid_run_loses_nothing(self, kafka, outage, has, producer):
        item, ends, *_, waiting = outage
        assert waiting[producer][0]
        assert acknowledged_by(producer, len(EVENTS)) == ends[producer]
        assert assert_kept(kafka, item.topics[producer], EVENTS) <= len(EVENTS)

    @producers
    def test_a_killed_producer_sends_the_same_file_again(self, kafka, outage, has, producer):
        _, _, item, ends, waiting = outage
        assert waiting[producer][1]
        assert acknowledged_by(producer, len(EVENTS)) == ends[producer]
        assert BATCH - 100 <= assert_kept(kafka, item.topics[producer], EVENTS) <= len(EVENTS)
