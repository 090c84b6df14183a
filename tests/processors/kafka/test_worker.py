"""`outcomes worker` and `live` on a real Kafka; faults are in `tests/faults`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger.errors import UnreachableError
from ledger.log import NewRecord, open_log, parse_address
from ledger.log.kafka.unpacking import BATCH_BYTES_MAX
from outcomes.synthetic import generate
from processors.dead_letters import decode_dead_letter
from processors.kafka import published
from processors.live_figures import open_live_figures
from projections.policy import built_in_policies
from tests.support.bounds import AN_HOUR
from tests.support.producers import produce
from tests.support.workers import (
    OUTCOMES,
    PATIENCE,
    Worker,
    run_outcomes,
    wait_until,
    wait_until_current,
)

pytestmark = pytest.mark.kafka

LARGE = {"compression_type": "zstd", "message_max_bytes": 400_000_000}
PATIENT = {"OUTCOMES_KAFKA_RETRY_SECONDS": str(AN_HOUR)}
CRASHING = (sys.executable, str(Path(__file__).parents[2] / "faults" / "crashing_worker.py"))


@pytest.fixture
def url(kafka):
    """A log on Kafka with its topics, as a person creates it."""
    made = kafka.url(kafka.name())
    done = run_outcomes("topic", "create", "--log", made, "--partitions", "3", "--json")
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["created"]
    return made


@pytest.fixture
def start(url, tmp_path):
    """Starts a worker; all are stopped at the end."""
    workers = []

    def start(name="first", **options):
        workers.append(Worker(options.pop("log", url), tmp_path / f"{name}.db", **options))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def append(url, pairs):
    with closing(open_log(url)) as log:
        log.append([NewRecord(*pair) for pair in pairs])


def world(students=150, seed=11):
    return [(record.key, record.value) for record in generate(students, seed)]


def live(url, *more):
    shown = run_outcomes("live", "--year", "2022", "--json", "--log", url, *more)
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def live_at_the_end(url):
    """Wait until the live figures have no lag; then they are those of a replay."""
    wait_until_current(url)
    shown = live(url)
    assert 0 == sum(partition["records"] for partition in shown["live"]["partitions"])
    return shown


class TestLive:
    def test_live_figures_are_those_of_a_replay_with_lag_and_owner(self, url, start, monkeypatch):
        append(url, world())
        first = start().wait_for("partitions.assigned")
        shown = live_at_the_end(url)
        replayed = run_outcomes("report", "--year", "2022", "--json", "--log", url)
        page = run_outcomes("live", "--year", "2022", "--log", url).stdout.decode()

        assert json.loads(replayed.stdout)["digest"] == shown["digest"]
        owners = {partition["owner"].partition("@")[0] for partition in shown["live"]["partitions"]}
        assert {str(first.process.pid)} == {owner.rpartition("-")[2] for owner in owners}
        assert "Lag" in page.splitlines()
        assert all(len(line) <= 100 for line in page.splitlines())

        def no_coordinator(_):
            raise UnreachableError("the coordinator is away")

        monkeypatch.setattr(published, "partition_owners", no_coordinator)
        with open_live_figures(parse_address(url)) as figures:
            live = figures.read(built_in_policies()["openclassrooms-2022"], 2022)
        assert shown["digest"] == live.report.digest
        assert {"unknown"} == {partition.owner for partition in live.lag}

    def test_watch_shows_figures_lag_and_workers_as_they_change(self, url, start):
        append(url, world(20))
        first = start().wait_for("partitions.assigned")
        watching = subprocess.Popen(
            [OUTCOMES, "live", "--year", "2022", "--watch", "--log", url],
            stdout=subprocess.PIPE,
            text=True,
        )
        guard = threading.Timer(PATIENCE, watching.kill)
        guard.start()

        def wait_for_rows(owner, *, waiting):
            """Read on until all partitions have an owner, and records wait or not."""
            rows = {}
            for line in watching.stdout:
                if line.startswith("partition "):
                    _, partition, _, _, records, _, worker = line.split()
                    rows[partition] = (worker.partition("@")[0].endswith(owner), records != "0")
                    behind = any(is_behind for _, is_behind in rows.values())
                    owned = all(is_owned for is_owned, _ in rows.values())
                    if len(rows) == 3 and owned and behind == waiting:
                        return
            raise AssertionError(rows)

        try:
            digests = (line for line in watching.stdout if line.startswith("Digest"))
            before = next(digests)
            append(url, world(20, seed=12))
            assert before != next(digests)
            wait_for_rows(f"-{first.process.pid}", waiting=False)
            first.stop()
            append(url, world(20, seed=13))
            wait_for_rows("none", waiting=True)
            second = start("second").wait_for("partitions.assigned")
            wait_for_rows(f"-{second.process.pid}", waiting=False)
        finally:
            guard.cancel()
            watching.send_signal(signal.SIGINT)
            watching.stdout.close()
            assert 130 == watching.wait(PATIENCE)

    def test_a_year_or_a_policy_that_is_not_kept_is_refused(self, url, start):
        append(url, world(20))
        start(environment={"OUTCOMES_LIVE_POLICIES": "openclassrooms-2023"}).wait_for(
            "partitions.assigned"
        )

        for more in (("--year", "2001", "--policy", "openclassrooms-2023"), ("--year", "2022")):
            refused = run_outcomes("live", "--log", url, *more)
            assert 78 == refused.returncode
            assert b"not kept live" in refused.stderr
            assert 1 == len(refused.stderr.splitlines())

    def test_without_workers_the_message_says_what_to_do(self, url):
        append(url, world(5))
        refused = run_outcomes("live", "--year", "2022", "--log", url)

        assert 69 == refused.returncode
        assert b"outcomes worker" in refused.stderr


class TestForeignProducers:
    def test_a_running_worker_follows_every_codec_and_any_header(self, kafka, url, start):
        topic = url.rpartition("/")[2]
        append(url, world(10))
        start().wait_for("partitions.assigned")
        for seed, codec in enumerate(("gzip", "snappy", "lz4", "zstd")):
            produce(kafka, topic, world(10, seed), compression_type=codec)
        with_header = ["kcat", "-P", "-b", kafka.bootstrap, "-t", topic, "-H", b"\xff\xfe=1"]
        if shutil.which("kcat"):
            subprocess.run(with_header, input=b"no event", check=True, timeout=PATIENCE)
        with closing(open_log(url)) as log:
            end = sum(log.end().values())
        shown = live_at_the_end(url)
        assert end == shown["log"]["records"]
        replayed = run_outcomes("report", "--year", "2022", "--json", "--log", url)
        assert json.loads(replayed.stdout)["digest"] == shown["digest"]

    @pytest.mark.parametrize("when", ["before", "while"])
    def test_a_batch_too_large_to_unpack_ends_a_worker_with_one_line(self, kafka, url, start, when):
        topic = url.rpartition("/")[2]
        if when == "while":
            worker = start().wait_for("partitions.assigned")
        produce(kafka, topic, [(b"s-1", bytes(BATCH_BYTES_MAX + 1))], **LARGE)
        if when == "before":
            worker = start()
        code, last = worker.ended()

        assert 69 == code
        assert "unpacks to more than 256 MiB" in last["message"]
        assert "offset 0 of partition" in last["message"]


class TestDelivery:
    """No record waits for the next one, whatever Faust leaves out."""

    def test_a_record_fetched_while_partitions_move_is_folded(self, url, start):
        first = start(command=(*CRASHING, "early_fetch")).wait_for("partitions.assigned")
        second = start("second")
        first.wait_for("assignment.waits")

        append(url, world())

        live_at_the_end(url)
        assert [0, 0] == [first.stop(), second.stop()]
        logged = {message["event"] for message in first.messages()}
        assert "delivery.stalled" not in logged

    def test_records_that_faust_does_not_deliver_are_folded_all_the_same(self, url, start):
        worker = start(command=(*CRASHING, "deaf")).wait_for("partitions.assigned")

        append(url, world())

        live_at_the_end(url)
        worker.wait_for("delivery.stalled")
        assert 0 == worker.stop()


class TestDeadLetters:
    def test_each_quarantined_record_has_a_pointer_in_the_topic_and_no_payload(self, url, start):
        append(url, [*world(20), (b"s-1", b'{"secret": "payload"'), (None, None)])
        start().wait_for("partitions.assigned")
        shown = live_at_the_end(url)
        with closing(open_log(f"{url}-dead-letters")) as log:
            letters = wait_until(
                lambda: list(log.read({0: 0}, log.end())), "dead letters have been published"
            )

        rules = [decode_dead_letter(letter.value).rule for letter in letters]
        assert sum(shown["records"]["quarantined"].values()) == len(rules)
        assert "tombstone_is_not_an_event" in rules
        assert all(b"payload" not in letter.value for letter in letters)

    def test_a_crash_between_sending_and_marking_sends_again(self, url, start):
        append(url, [(b"s-%d" % n, b"junk") for n in range(40)])
        first = start(command=(*CRASHING, "before_mark"))

        def next_pointer(log, before):
            """Whether a publication has followed, or the worker has ended after it."""
            return first.process.poll() is not None or log.end() != before

        with closing(open_log(f"{url}-dead-letters")) as log:
            for number in range(20):
                before = log.end()
                append(url, [(b"t-%d" % number, b"junk")])
                wait_until(partial(next_pointer, log, before), "the next publication")
        assert 137 == first.ended()[0]
        start().wait_for("partitions.assigned")
        shown = live_at_the_end(url)
        total = sum(shown["records"]["quarantined"].values())
        with closing(open_log(f"{url}-dead-letters")) as log:

            def pointers():
                results = [
                    decode_dead_letter(record.value) for record in log.read({0: 0}, log.end())
                ]
                return results if len({match[:2] for match in results}) >= total else None

            result = wait_until(pointers, "all dead letters")

        assert total == len({match[:2] for match in result})


class TestEnding:
    @pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    def test_a_signal_stops_it(self, url, start, how, code):
        worker = start().wait_for("partitions.assigned")
        worker.process.send_signal(how)

        assert code == worker.process.wait(PATIENCE)

    def test_a_broker_that_is_away_is_not_waited_for(self, kafka, url, start):
        append(url, world(20))
        worker = start(environment=PATIENT).wait_for("partitions.assigned")
        kafka.own().kill()
        try:
            code = worker.stop()
        finally:
            kafka.own().start()

        assert 0 == code

    def test_a_silent_broker_is_not_waited_for(self, kafka, url, start):
        """It has no time to leave the group, which is the last thing that a worker logs."""
        append(url, world(20))
        worker = start(environment=PATIENT).wait_for("partitions.assigned")
        kafka.own().pause()
        try:
            code = worker.stop()
        finally:
            kafka.own().resume()

        assert 0 == code
        assert "worker.stopped" not in [message["event"] for message in worker.messages()]

    def test_a_broker_that_is_silent_while_partitions_move_is_named(self, url, start):
        code, last = start(command=(*CRASHING, "no_answer")).ended()

        assert 69 == code
        assert f"{url} is out of reach" in last["message"]
        assert "start the worker again" in last["message"]

    def test_an_idle_worker_says_that_a_broker_is_lost_and_that_it_is_back(self, kafka, url, start):
        worker = start().wait_for("partitions.assigned")
        # Until it has followed a record, it may still be busy with the partitions.
        append(url, world(1))
        live_at_the_end(url)
        kafka.own().kill()
        try:
            worker.wait_for("broker.lost")
        finally:
            kafka.own().start()
        worker.wait_for("broker.back")

    def test_a_second_worker_on_one_read_model_is_refused(self, start):
        start().wait_for("partitions.assigned")
        second = start()
        code, last = second.ended()

        assert 69 == code
        assert "has a worker already" in last["message"]
        assert "worker.started" not in [item["event"] for item in second.messages()]


class TestRefusals:
    """One line, exit 69 or 78, at once: a worker that waited would do so for an hour."""

    def refused(self, *arguments, **environment):
        done = run_outcomes("worker", *arguments, **(PATIENT | environment))
        # Where a machine is busy, the wait for an answer is announced before.
        (line,) = (line for line in done.stderr.decode().splitlines() if "broker." not in line)
        return done.returncode, line

    def test_a_topic_that_is_missing(self, kafka):
        code, line = self.refused("--log", kafka.url(kafka.name()))

        assert 69 == code
        assert "outcomes topic create" in line

    def test_topics_beside_it_that_are_missing(self, kafka):
        code, line = self.refused("--log", kafka.url(kafka.topic(1)))

        assert 69 == code
        assert "-partials; create it with `outcomes topic create" in line

    def test_a_closed_port(self):
        code, line = self.refused(
            "--log", "kafka://127.0.0.1:1/t", OUTCOMES_KAFKA_RETRY_SECONDS="1"
        )

        assert 69 == code
        assert "is the broker running" in line

    def test_tls_against_a_plain_port(self, url):
        code, line = self.refused("--log", url, OUTCOMES_KAFKA_SECURITY_PROTOCOL="SSL")

        assert 69 == code
        assert "does not speak TLS" in line

    @pytest.mark.parametrize(
        ("command", "name", "value"),
        [
            ("worker", "cleanup.policy", "compact"),
            ("append", "message.timestamp.type", "CreateTime"),
        ],
    )
    def test_a_topic_that_breaks_a_promise(self, kafka, tmp_path, command, name, value):
        topic = kafka.topic(1, {name: value})
        (tmp_path / "events.jsonl").write_bytes(b"")
        file = [str(tmp_path / "events.jsonl")] if command == "append" else []
        done = run_outcomes(command, *file, "--log", kafka.url(topic))

        assert 69 == done.returncode
        assert f"set {name}=".encode() in done.stderr

    def test_an_empty_range_of_years(self, url):
        code, line = self.refused("--log", url, OUTCOMES_LIVE_YEARS="2024..2020")

        assert 78 == code
        assert "OUTCOMES_LIVE_YEARS" in line

    def test_once_on_kafka(self, url):
        code, line = self.refused("--log", url, "--once")

        assert 2 == code
        assert "sqlite" in line


class TestSecureListeners:
    """Faust gets the same credentials as every other client."""

    @pytest.mark.parametrize("listener", ["tls", "sasl"])
    def test_a_worker_follows_through_it(self, kafka, url, start, listener):
        broker = kafka.own()
        environment = {
            "tls": {
                "OUTCOMES_KAFKA_SECURITY_PROTOCOL": "SSL",
                "OUTCOMES_KAFKA_SSL_CAFILE": str(broker.authority),
            },
            "sasl": {
                "OUTCOMES_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "OUTCOMES_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
                "OUTCOMES_KAFKA_SASL_USERNAME": "writer",
                "OUTCOMES_KAFKA_SASL_PASSWORD": "writer-secret",
            },
        }[listener]
        append(url, world(20))
        elsewhere = url.replace(kafka.bootstrap, getattr(broker, listener))
        start(log=elsewhere, environment=environment).wait_for("partitions.assigned")

        before = live_at_the_end(url)["log"]["records"]
        append(url, world(20, seed=13))
        assert live_at_the_end(url)["log"]["records"] > before


class TestFaustCommand:
    def test_the_app_runs_under_faust(self, url, tmp_path):
        """For those who know Faust: `faust -A processors.app worker`."""
        append(url, world(30))
        worker = subprocess.Popen(
            [
                Path(sys.executable).with_name("faust"),
                "-A",
                "processors.app",
                "worker",
                "-l",
                "error",
            ],
            cwd=tmp_path,
            env={**os.environ, "OUTCOMES_LOG": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            shown = live_at_the_end(url)
        finally:
            worker.terminate()
            worker.wait(PATIENCE)

        replayed = run_outcomes("report", "--year", "2022", "--json", "--log", url)
        assert json.loads(replayed.stdout)["digest"] == shown["digest"]
        assert [] == [path for path in tmp_path.iterdir() if path.is_dir()]
