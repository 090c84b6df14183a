"""`outcomes worker --processes N`: several workers under one command, on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from ledger.log import NewRecord, open_log
from outcomes.synthetic import generate
from tests.support.metrics import address_of, scraped, value_of
from tests.support.workers import OUTCOMES, PATIENCE, Worker, wait_until

PARTITIONS = 4
OPTIONS = ("--processes", "2", "--metrics", "0")
EVENTS = [NewRecord(line.key, line.value) for line in generate(150, 5)]


def outcomes(*arguments, **options):
    return subprocess.run(
        [OUTCOMES, *arguments], check=False, capture_output=True, timeout=PATIENCE, **options
    )


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def url(kafka):
    url = kafka.url(kafka.name())
    done = outcomes("topic", "create", "--log", url, "--partitions", str(PARTITIONS))
    assert 0 == done.returncode, done.stderr
    append(url, EVENTS[: len(EVENTS) // 2])
    return url


@pytest.fixture
def start(url, tmp_path):
    """Starts two workers under one command; all are gone in the end."""
    commands = []

    def start():
        worker = Worker(url, tmp_path / "states", options=OPTIONS)
        commands.append(worker)
        return worker, wait_until(lambda: pids_of(worker), "the ids of the workers")

    yield start
    for command in commands:
        command.kill()


def append(url, records):
    log = open_log(url)
    log.append(records)
    log.close()


def pids_of(worker):
    return next((message["pids"] for message in worker.messages() if "pids" in message), None)


def shared_at_the_end(url):
    """Wait until two workers have folded all of the log; the live report."""

    def current():
        shown = outcomes("live", "--year", "2022", "--json", "--log", url)
        report = json.loads(shown.stdout) if shown.returncode == 0 else None
        lag = report["live"]["partitions"] if report else [{"records": 1, "owner": None}]
        is_current = not any(partition["records"] for partition in lag)
        owners = {each["owner"] for each in lag}
        return report if is_current and None not in owners and len(owners) == 2 else None

    return wait_until(current, "live figures of two workers without lag")


def replayed(url):
    return json.loads(outcomes("report", "--year", "2022", "--json", "--log", url).stdout)


@pytest.mark.kafka
class TestSeveral:
    def test_they_share_the_partitions_and_stop_together(self, url, start, tmp_path):
        worker, pids = start()
        assert replayed(url)["digest"] == shared_at_the_end(url)["digest"]

        def states():
            return {path.name for path in (tmp_path / "states").glob("*.db")}

        # One may have folded all of it before the other was given its share, and opens its own.
        wait_until(lambda: len(states()) == 2, "a read model of each")
        assert {"worker-1.db", "worker-2.db"} == states()
        text = scraped(address_of(worker))
        # A partition that moved was folded by both.
        counted = sum(
            value_of(text, f'outcomes_folded_records_total{{state="{state}"}}')
            for state in ("events", "duplicates", "conflicts", "quarantined")
        )
        assert counted >= len(EVENTS) // 2
        owned = 'outcomes_partition_has_worker{partition="%d"}'
        assert [1] * PARTITIONS == [value_of(text, owned % each) for each in range(PARTITIONS)]

        assert 0 == worker.stop()
        assert not any(map(is_alive, pids))

    @pytest.mark.parametrize("victim", ["a worker", "the command"])
    def test_nothing_is_lost_when_one_is_killed(self, victim, url, start):
        worker, pids = start()
        shared_at_the_end(url)
        append(url, EVENTS[len(EVENTS) // 2 :])
        if victim == "a worker":
            os.kill(pids[1], signal.SIGKILL)
            code, last = worker.ended()
            assert (69, True) == (code, "worker 2 of 2 was killed by SIGKILL" in last["message"])
        else:
            worker.kill()
        wait_until(lambda: not any(map(is_alive, pids)), "the end of both workers")

        start()
        assert replayed(url)["digest"] == shared_at_the_end(url)["digest"]


class TestUsage:
    def test_one_worker_follows_a_file(self, tmp_path):
        words = ("worker", "--log", "sqlite:ledger.db", "--processes", "2")
        done = outcomes(*words, cwd=tmp_path)

        assert 2 == done.returncode
        assert b"outcomes: --processes 2: one worker follows a file" in done.stderr
        assert [] == list(tmp_path.iterdir())

    def test_several_workers_need_a_folder(self, tmp_path):
        (tmp_path / "state.db").touch()
        words = ("--log", "kafka://127.0.0.1:9/t", "--state", "state.db", "--processes", "2")
        done = outcomes("worker", *words, cwd=tmp_path)

        assert 2 == done.returncode
        assert b"outcomes: state.db is a file: 2 processes need a folder" in done.stderr
