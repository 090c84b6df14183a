"""A topic that was created again under its name, or ends in a marker of a transaction."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import pytest
from aiokafka import AIOKafkaProducer

from ledger.log import NewRecord, open_log
from outcomes.doctor import examine
from outcomes.synthetic import generate
from tests.support.workers import (
    Worker,
    recreate_topic,
    run_outcomes,
    wait_until,
    wait_until_current,
)

pytestmark = pytest.mark.kafka

PARTITIONS = 3
EVENTS = [(line.key, line.value) for line in generate(60, 11)]


@pytest.fixture
def url(kafka):
    """A log on Kafka, with the topics beside it."""
    url = kafka.url(kafka.name())
    done = run_outcomes("topic", "create", "--log", url, "--partitions", str(PARTITIONS))
    assert 0 == done.returncode, done.stderr
    return url


@pytest.fixture
def start(url, tmp_path):
    """Starts a worker; all are gone in the end."""
    workers = []

    def start():
        workers.append(Worker(url, tmp_path / "state.db"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def append(url, events):
    with closing(open_log(url)) as log:
        log.append([NewRecord(*event) for event in events])


def live(url):
    return run_outcomes("live", "--year", "2022", "--json", "--log", url)


def live_at_the_end(url):
    """Wait until the live figures have no lag; their report."""
    wait_until_current(url)
    return json.loads(live(url).stdout)


def doctor(url):
    return {check.name: (check.severity, check.detail) for check in examine(url)}


class TestRecreatedTopic:
    def test_its_figures_return_by_themselves_once_the_old_read_model_is_deleted(
        self, url, start, tmp_path
    ):
        """Grown past what was folded, so that no offset alone tells."""
        append(url, EVENTS[:100])
        worker = start()
        wait_until_current(url)
        worker.kill()
        recreate_topic(url, PARTITIONS)
        append(url, EVENTS[:200])

        refused = live(url)
        assert 69 == refused.returncode
        assert b"folded from another log" in refused.stderr
        assert "folded from another log" in doctor(url)["live figures"][1]
        code, last = start().ended()
        assert 69 == code
        assert f"delete {tmp_path / 'state.db'}" in last["message"]

        for file in tmp_path.glob("state.db*"):
            if file.suffix != ".log":
                file.unlink()
        start()
        replayed = json.loads(
            run_outcomes("report", "--year", "2022", "--json", "--log", url).stdout
        )
        assert replayed["digest"] == live_at_the_end(url)["digest"]


class TestTransaction:
    def test_a_marker_behind_the_last_record_is_not_another_log(self, kafka, url, start):
        append(url, EVENTS[:50])
        asyncio.run(send_in_transaction(kafka.bootstrap, url.rpartition("/")[2], EVENTS[50:60]))
        kafka.resolve(url.rpartition("/")[2])
        first = start()
        before = live_at_the_end(url)["digest"]
        first.kill()

        start().wait_for("partitions.assigned")

        assert before == live_at_the_end(url)["digest"]


async def send_in_transaction(bootstrap, topic, events):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"of-{topic}")
    async with producer, producer.transaction():
        for key, value in events:
            await producer.send_and_wait(topic, value, key=key, partition=0)


class TestDoctor:
    def test_records_that_wait_while_the_group_has_no_member_are_a_warning(self, url, start):
        append(url, EVENTS[:40])
        worker = start()
        wait_until_current(url)
        assert "fine" == doctor(url)["worker"][0]
        worker.stop()
        append(url, [*EVENTS[40:60], (b"s-1", b"junk")])

        severity, detail = wait_until(
            lambda: (result := doctor(url)["worker"])[0] != "fine" and result, "a warning"
        )

        assert "warning" == severity
        assert "21 records waiting" in detail
        assert "none has partition 0, 1, 2, so figures stand still" in detail
