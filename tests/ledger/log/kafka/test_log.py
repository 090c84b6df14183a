"""The log on a real Apache Kafka: the contract of every log, and what a broker can do to one."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from itertools import takewhile

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaTimeoutError, OutOfOrderSequenceNumber

from deploy.ports import PortLease
from ledger.errors import CutNotHeldError, PartlyAcknowledgedError, StoreError
from ledger.log import NewRecord, open_log, parse_address
from ledger.log.kafka import client, writer
from ledger.log.kafka.log import KafkaLog
from ledger.replay import replay
from ledger.report import build_report
from outcomes.doctor import examine
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from schemas.moments import LAST_MS
from tests.ledger.log.contract import NOON, LogContract, everything, numbered
from tests.support.bounds import AN_HOUR, BOUND, finish
from tests.support.workers import run_outcomes

pytestmark = pytest.mark.kafka

POLICY = built_in_policies()["openclassrooms-2022"]
BEFORE_AFTER = ("before", "after")
BRIEFLY = {"OUTCOMES_KAFKA_RETRY_SECONDS": "1"}
COMMAND = (sys.executable, "-m", "outcomes")


@pytest.fixture
def opened(kafka):
    """Opens the log in a topic; closes it in the end."""
    with ExitStack() as stack:
        yield lambda topic: stack.enter_context(closing(open_log(kafka.url(topic))))


class TestContract(LogContract):
    """The log on Kafka keeps the promises of every log."""

    @pytest.fixture
    def make(self, kafka, opened):
        def make(partitions):
            self.topic = kafka.topic(partitions)
            return opened(self.topic)

        return make

    @pytest.fixture
    def open_again(self, kafka):
        return lambda: open_log(kafka.url(self.topic))


def report_of(log, year=2022):
    replayed = replay(log, log.end(), [POLICY])
    return build_report(replayed, log_name=log.name, policy=POLICY, year=year).as_json()


def figures_of(report):
    """A report without what differs between a log and its copy: the name and the offsets."""
    return {name: report[name] for name in ("records", "counts", "rates")}


def world(students=120, seed=7):
    return [NewRecord(record.key, record.value) for record in generate(students, seed)]


def sqlite_log(folder, partitions):
    return closing(open_log(f"sqlite:{folder / 'copy.db'}?partitions={partitions}", create=True))


@contextmanager
def producing(kafka, **options):
    """A foreign producer: a function that runs a coroutine of it."""
    loop = asyncio.new_event_loop()

    async def start():
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, **options)
        await producer.start()
        return producer

    producer = loop.run_until_complete(start())
    try:
        yield producer, loop.run_until_complete
    finally:
        loop.run_until_complete(producer.stop())
        loop.close()


def send(producer, run, topic, records, **options):
    """Send values, or (key, value) pairs, one by one."""
    for record in records:
        key, value = record if isinstance(record, tuple) else (b"s-1", record)
        run(producer.send_and_wait(topic, value, key, **{"partition": 0, **options}))


class TestSameFigures:
    def test_the_same_events_give_the_same_digest_on_sqlite_and_on_kafka(
        self, kafka, opened, tmp_path
    ):
        events = world()
        log = opened(kafka.topic(3))
        log.append(events)

        with sqlite_log(tmp_path, 3) as copy:
            copy.append(events)
            expected = report_of(copy)

        assert expected["digest"] == report_of(log)["digest"]
        assert log.name == report_of(log)["log"]["name"]


class TestForeignProducers:
    def test_invalid_records_are_quarantined_under_the_rule_they_break(self, kafka, opened):
        topic = kafka.topic(2)
        event = next(record for record in world() if record.key)
        with producing(kafka) as (producer, run):
            own = opened(topic)
            own.append([event])
            right = everything(own)[0].partition
            wrong = [(event.key, event.value)]
            send(producer, run, topic, wrong, partition=1 - right)
            send(producer, run, topic, [(None, event.value)], partition=right)
            send(producer, run, topic, [(event.key, None)], partition=right)
            send(producer, run, topic, [(event.key, b"\xff junk")], partition=right)
            headers = [("content-type", b"application/json"), ("ce_id", b"\x00")]
            send(producer, run, topic, wrong, partition=right, headers=headers)

        records = report_of(own)["records"]

        assert {
            "key_must_equal_subject": 1,
            "partition_must_follow_key": 1,
            "tombstone_is_not_an_event": 1,
            "value_must_be_json": 1,
        } == records["quarantined"]
        assert (1, 1) == (records["events"], records["duplicates"])

    def test_time_stamps_that_go_back_are_read_as_the_running_maximum(self, kafka, opened):
        topic = kafka.topic(1, {"message.timestamp.type": "CreateTime"})
        stamps = [50, 30, 70, 70, 20, 90, 10, 60]
        running = [50, 50, 70, 70, 70, 90, 90, 90]
        with producing(kafka) as (producer, run):
            for stamp in stamps:
                send(producer, run, topic, [b"%d" % stamp], timestamp_ms=NOON + stamp)
        log = opened(topic)

        for start in range(9):
            records = list(log.read({0: start}, {0: 8}))
            assert [NOON + moment for moment in running[start:]] == [
                match.recorded_at for match in records
            ]
            latest = log.latest_recorded_at({0: start})
            assert (NOON + running[start - 1] if start else None) == latest
        for moment in (0, 49, 50, 51, 69, 70, 71, 89, 90, 91):
            count = sum(stamp <= moment for stamp in running)
            assert {0: count} == log.cut_as_of(NOON + moment)

    def test_a_stamp_outside_the_calendar_is_read_as_its_end(self, kafka, opened, tmp_path):
        anything = {f"message.timestamp.{side}.max.ms": str(2**63 - 1) for side in BEFORE_AFTER}
        topic = kafka.topic(1, {"message.timestamp.type": "CreateTime", **anything})
        with producing(kafka) as (producer, run):
            for stamp in (0, NOON, 1_700_000_000_000_000, 2**63 - 1, NOON):
                send(producer, run, topic, [b"%d" % stamp], timestamp_ms=stamp)
        log = opened(topic)

        stamps = [record.recorded_at for record in log.read({}, log.end())]

        assert [0, NOON, LAST_MS, LAST_MS, LAST_MS] == stamps
        assert LAST_MS == log.latest_recorded_at(log.end())
        assert {0: 2} == log.cut_as_of(LAST_MS - 1)
        lines = outcomes("tail", "--log", kafka.url(topic)).stdout.splitlines()
        assert lines[3].startswith(b"0:3  9999-12-31T23:59:59.999Z  ")
        assert "the latest is 9999-12-31T23:59:59.999Z, in the future" in [
            check.detail.partition(";")[0] for check in examine(parse_address(kafka.url(topic)))
        ]
        outcomes("archive", str(tmp_path / "sealed"), "--log", kafka.url(topic))


class TestTransactions:
    @pytest.fixture
    def begun(self, kafka):
        """A topic, a transactional producer, and a way to run its coroutines."""
        topic = kafka.topic(1)
        with producing(kafka, transactional_id=topic) as (producer, run):
            producer.resolve = lambda: kafka.resolve(topic)
            yield topic, producer, run

    def transact(self, begun, values, *, end):
        topic, producer, run = begun
        run(producer.begin_transaction())
        send(producer, run, topic, values)
        run(getattr(producer, f"{end}_transaction")())
        producer.resolve()

    def test_a_cut_skips_markers_and_aborted_records(self, begun, opened):
        log = opened(begun[0])
        self.transact(begun, [b"1", b"2"], end="commit")  # 0, 1, marker 2
        assert {0: 2} == log.end()
        self.transact(begun, [b"no"] * 20, end="abort")  # 3 to 22, marker 23
        assert {0: 2} == log.end()
        log.append(numbered(1))  # 24

        assert [0, 1, 24] == [record.offset for record in everything(log)]
        assert {0: 25} == log.end()
        normal = {0: 0, 1: 1, 2: 2, 3: 2, 13: 2, 23: 2, 24: 2, 25: 25}
        assert normal == {moment: log.normalise({0: moment})[0] for moment in normal}
        assert log.latest_recorded_at({0: 24}) == everything(log)[1].recorded_at
        assert [0, 1] == [record.offset for record in log.read({0: 0}, {0: 24})]
        assert [24] == [record.offset for record in log.read({0: 5}, {0: 25})]

    def test_a_log_of_holes_only_is_empty(self, begun, opened):
        self.transact(begun, [b"no"], end="abort")
        log = opened(begun[0])

        assert {0: 0} == log.end() == log.normalise({0: 2}) == log.cut_as_of(2 * NOON)
        assert [] == everything(log)
        assert log.latest_recorded_at({0: 2}) is None

    def test_the_cut_as_of_a_moment_skips_holes(self, begun, opened):
        log = opened(begun[0])
        log.append(numbered(1))
        first = log.latest_recorded_at(log.end())
        self.transact(begun, [b"no"], end="abort")
        self.transact(begun, [b"yes"], end="commit")
        last = log.latest_recorded_at(log.end())

        assert {0: 1} == log.cut_as_of(first) == log.cut_as_of(last - 1)
        assert log.end() == log.cut_as_of(last)
        assert {0: 0} == log.cut_as_of(first - 1) == log.cut_as_of(-5)

    def test_an_open_transaction_hides_all_later_records(self, kafka, begun, opened):
        topic, producer, run = begun
        log = opened(topic)
        log.append(numbered(2))
        run(producer.begin_transaction())
        send(producer, run, topic, [b"open"])
        acknowledged = log.append(numbered(3))

        assert (3, {0: 2}) == acknowledged
        assert {0: 2} == log.end()
        assert 2 == len(everything(log))
        with pytest.raises(CutNotHeldError):
            log.normalise({0: 6})
        assert [
            ("topic", "warning", "open transaction from offset 2"),
        ] == doctor_finds(kafka.url(topic), "open transaction from offset 2")

        run(producer.commit_transaction())

        assert {0: 6} == log.end()
        assert 6 == len(everything(log))

    def test_a_copy_gives_the_same_figures(self, begun, opened, tmp_path):
        log = opened(begun[0])
        events = world(60)
        log.append(events[:100])
        self.transact(begun, [(event.key, event.value) for event in events[100:110]], end="abort")
        self.transact(begun, [(event.key, event.value) for event in events[110:130]], end="commit")
        log.append(events[130:])
        copy = f"sqlite:{tmp_path / 'copy.db'}"

        lines = outcomes("tail", "--jsonl", "--log", log_url(log)).stdout
        output = outcomes("append", "--records", "-", "--log", copy, "--json", stdin=lines).stdout

        assert len(events) - 10 == json.loads(output)["acknowledged"]
        with closing(open_log(copy)) as copied:
            assert figures_of(report_of(copied)) == figures_of(report_of(log))
            assert copied.latest_recorded_at(copied.end()) == log.latest_recorded_at(log.end())


class TestDeletedRecords:
    def test_a_log_that_has_lost_its_beginning_is_refused(self, kafka, opened):
        topic = kafka.topic(2)
        log = opened(topic)
        log.append(NewRecord(b"s-%d" % n, b"") for n in range(30))
        end = log.end()

        async def delete():
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            await admin.start()
            await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(3)})
            await admin.close()

        asyncio.run(delete())

        with pytest.raises(CutNotHeldError, match="below offset 3 of partition 1") as raised:
            replay(log, end, [POLICY])
        assert str(raised.value).isprintable()
        assert end == log.normalise(end) == log.end()
        assert len(list(log.read({0: 0, 1: 3}, end))) == 30 - 3
        assert [("topic", "broken", "partition 1 begins at offset 3")] == doctor_finds(
            kafka.url(topic), "partition 1 begins at offset 3"
        )


class TestAppend:
    def test_batches_shrink_until_the_topic_accepts_them(self, kafka, opened):
        log = opened(kafka.topic(2, {"max.message.bytes": "20000"}))
        records = [NewRecord(b"s-%d" % (n % 9), b"%05d" % n + b"x" * 200) for n in range(1_000)]

        assert 1_000 == log.append(records).records
        assert sorted(record.value for record in records) == sorted(
            record.value for record in everything(log)
        )

    def test_a_record_too_large_for_a_batch_is_named(self, kafka, opened):
        log = opened(kafka.topic(1, {"max.message.bytes": "20000"}))
        records = [*numbered(2), NewRecord(b"s-1", b"x" * 30_000), *numbered(2)]

        with pytest.raises(PartlyAcknowledgedError, match=r"max\.message\.bytes") as raised:
            log.append(records)

        assert raised.value.acknowledged == len(everything(log)) == 2
        assert "; 2 of these records" in str(raised.value)

    @pytest.mark.parametrize("trouble", [KafkaTimeoutError, OutOfOrderSequenceNumber])
    def test_a_failed_producer_is_replaced_and_order_is_kept(
        self, kafka, opened, monkeypatch, trouble
    ):
        log = opened(kafka.topic(2))
        real, failures = AIOKafkaProducer.send_batch, [trouble(), trouble()]

        async def failing(self, *args, **options):
            sent = await real(self, *args, **options)
            if not failures:
                return sent
            await sent
            raise failures.pop()

        monkeypatch.setattr(AIOKafkaProducer, "send_batch", failing)
        acknowledged = log.append(NewRecord(b"s-%d" % (n % 5), b"%d" % n) for n in range(500))

        assert 500 == acknowledged.records
        assert_all_there_in_order(log, 500)
        assert len(everything(log)) > 500  # What the lost acknowledgements were for.

    def test_the_partition_is_chosen_by_the_ledger_and_not_by_the_producer(self, kafka, opened):
        log = opened(kafka.topic(7))
        log.append([NewRecord(None, b"x"), NewRecord(b"", b"y")])

        null, empty = everything(log)
        assert null.partition == empty.partition


def assert_all_there_in_order(log, count):
    """Every number is there, and for each key the first copies ascend."""
    seen = dict[bytes, list[int]]()
    for record in everything(log):
        own = seen.setdefault(record.key, [])
        if int(record.value) not in own[-5_000:]:
            own.append(int(record.value))
    assert all(own == sorted(own) for own in seen.values())
    assert list(range(count)) == sorted({number for own in seen.values() for number in own})


class TestOutage:
    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        """Few records are more than what is read ahead of the acknowledgements."""
        monkeypatch.setattr(writer, "_CHUNK_RECORDS", 5_000)

    def test_an_append_survives_the_kill_and_restart_of_a_broker(self, kafka, opened):
        broker = kafka.own()
        log = opened(kafka.topic(3))
        midway, killed, acknowledged = threading.Event(), threading.Event(), []

        def records():
            for number in range(12_000):
                if number == 6_000:
                    midway.set()
                    assert killed.wait(BOUND)
                yield NewRecord(b"s-%d" % (number % 50), b"%d" % number)

        thread = threading.Thread(
            target=lambda: acknowledged.append(log.append(records())), daemon=True
        )
        thread.start()
        assert midway.wait(BOUND)
        broker.kill()
        killed.set()
        broker.start()
        thread.join(BOUND)

        assert not thread.is_alive()
        assert 12_000 == acknowledged[0].records
        assert log.end() == acknowledged[0].end
        assert_all_there_in_order(log, 12_000)

    def test_an_append_that_gives_up_reports_an_exact_count(self, kafka, opened, monkeypatch):
        broker = kafka.own()
        monkeypatch.setenv("OUTCOMES_KAFKA_RETRY_SECONDS", "1.5")
        log = opened(kafka.topic(1))

        def records():
            for number in range(12_000):
                if number == 11_000:
                    broker.kill()
                yield NewRecord(b"s-1", b"%d" % number)

        try:
            with pytest.raises(PartlyAcknowledgedError) as raised:
                log.append(records())
        finally:
            broker.start()

        count = raised.value.acknowledged
        assert 10_000 == count
        line = str(raised.value)
        assert f"; {count:,} of these records were acknowledged" in line
        assert "sending all again is safe" in line
        assert line.isprintable()
        held = [int(record.value) for record in everything(log)]
        assert list(range(count)) == held[:count]

    def test_a_read_without_progress_fails_and_names_its_offset(self, kafka, opened, monkeypatch):
        broker = kafka.own()
        monkeypatch.setenv("OUTCOMES_KAFKA_RETRY_SECONDS", "1")
        log = opened(kafka.topic(1))
        log.append(NewRecord(b"s-1", bytes(60_000)) for _ in range(200))
        reading = log.read({0: 0}, log.end())
        next(reading)
        broker.pause()
        try:
            with pytest.raises(StoreError, match=r"at offset [0-9]+ of partition 0"):
                list(reading)
            log.close()
        finally:
            broker.resume()

        assert 200 == len(everything(log))

    def test_closing_does_not_wait_for_a_silent_broker(self, kafka, opened, monkeypatch):
        broker = kafka.own()
        monkeypatch.setattr(client, "REQUEST_SECONDS", AN_HOUR)
        log = opened(kafka.topic(1))
        log.append(numbered(1))
        log.end()
        broker.pause()
        try:
            finish(log.close)
        finally:
            broker.resume()


def log_url(log):
    return str(log._link.address)


def run(*arguments, stdin=b"", **variables):
    return run_outcomes(*map(str, arguments), stdin=stdin, NO_COLOR="1", **variables)


def without_waits(errors):
    """The lines of stderr but those that announce a wait, which a busy machine may bring about."""
    return [line for line in errors.splitlines() if "broker." not in line]


def outcomes(*arguments, stdin=b"", code=0, **variables):
    """Run the command line; whatever goes wrong is one line."""
    done = run(*arguments, stdin=stdin, **variables)
    assert code == done.returncode, done.stderr.decode()
    assert len(without_waits(done.stderr.decode())) == (code not in (0, 1)), done.stderr.decode()
    return done


class TestRefusals:
    """What waiting does not cure ends at once, although the command would wait for an hour."""

    def refused(self, url, code, **variables):
        """The one line that says what to do; how long a broker is waited for may come before."""
        named = {"OUTCOMES_KAFKA_RETRY_SECONDS": str(AN_HOUR), **variables}
        done = run("tail", "--follow", "--log", url, **named)
        assert code == done.returncode, done.stderr.decode()
        assert b"secret" not in done.stderr
        (line,) = without_waits(done.stderr.decode())
        return line

    def test_a_closed_port(self):
        (port,) = (lease := PortLease(1)).ports
        line = self.refused(f"kafka://127.0.0.1:{port}/t", 69, **BRIEFLY)
        assert f"127.0.0.1:{port}: Connection refused; is the broker running there?" in line
        lease.release()

    def test_an_unknown_host(self):
        assert "no host is called nobody.invalid" in self.refused("kafka://nobody.invalid:1/t", 69)

    def test_a_silent_port(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            line = self.refused(f"kafka://127.0.0.1:{silent.getsockname()[1]}/t", 69, **BRIEFLY)
        assert "is out of reach" in line
        assert "accepts connections and does not answer" in line

    def test_a_missing_topic(self, kafka):
        topic = kafka.name()
        line = self.refused(kafka.url(topic), 69)
        assert f"outcomes topic create --log {kafka.url(topic)}" in line
        # Looking must not have made it, although this broker makes topics for anyone who asks.
        assert line == self.refused(kafka.url(topic), 69)

    def test_tls_against_a_plain_port(self, kafka):
        line = self.refused(kafka.url("t"), 69, OUTCOMES_KAFKA_SECURITY_PROTOCOL="SSL")
        assert "does not speak TLS" in line
        assert "OUTCOMES_KAFKA_SECURITY_PROTOCOL=PLAINTEXT" in line

    def test_plain_against_a_tls_port(self, kafka):
        line = self.refused(f"kafka://{kafka.own().tls}/t", 69)
        assert "OUTCOMES_KAFKA_SECURITY_PROTOCOL=SSL" in line

    def test_an_untrusted_certificate(self, kafka):
        url = f"kafka://{kafka.own().tls}/t"
        line = self.refused(url, 69, OUTCOMES_KAFKA_SECURITY_PROTOCOL="SSL")
        assert "OUTCOMES_KAFKA_SSL_CAFILE" in line

    @pytest.mark.parametrize(
        ("user", "password", "message"),
        [
            ("writer", "wrong-secret", "the broker refuses user writer"),
            ("stranger", "stranger-secret", "no permission for user stranger"),
        ],
    )
    def test_a_user_without_permission(self, kafka, user, password, message):
        line = self.refused(
            f"kafka://{kafka.own().sasl}/{kafka.topic()}",
            69,
            OUTCOMES_KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
            OUTCOMES_KAFKA_SASL_MECHANISM="PLAIN",
            OUTCOMES_KAFKA_SASL_USERNAME=user,
            OUTCOMES_KAFKA_SASL_PASSWORD=password,
        )
        assert message in line

    @pytest.mark.parametrize(
        "variables",
        [
            {"SECURITY_PROTOCOL": "TLS"},
            {"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "missing.pem"},
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_PASSWORD": "secret"},
        ],
    )
    def test_a_wrong_configuration(self, variables):
        named = {f"OUTCOMES_KAFKA_{name}": value for name, value in variables.items()}
        assert "OUTCOMES_KAFKA_" in self.refused("kafka://127.0.0.1:1/t", 78, **named)


class TestSecureListeners:
    def use(self, monkeypatch, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"OUTCOMES_KAFKA_{name}", str(value))

    def test_tls(self, kafka, monkeypatch):
        broker = kafka.own()
        self.use(monkeypatch, SECURITY_PROTOCOL="SSL", SSL_CAFILE=broker.authority)

        with closing(open_log(f"kafka://{broker.tls}/{kafka.topic()}")) as log:
            log.append(numbered(3))
            assert 3 == len(everything(log))

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
    def test_sasl(self, kafka, monkeypatch, mechanism):
        self.use(monkeypatch, SECURITY_PROTOCOL="SASL_PLAINTEXT", SASL_MECHANISM=mechanism)
        self.use(monkeypatch, SASL_USERNAME="writer", SASL_PASSWORD="writer-secret")

        with closing(open_log(f"kafka://{kafka.own().sasl}/{kafka.topic()}")) as log:
            log.append(numbered(3))
            assert 3 == len(everything(log))


def doctor_finds(url, text):
    """The doctor's verdicts whose detail holds a text."""
    return [
        (check.name, check.severity, text)
        for check in examine(parse_address(url))
        if text in check.detail
    ]


def log_checks(address):
    """The doctor's checks of the log, without those of its live figures."""
    return takewhile(lambda check: check.name != "live figures", examine(address))


class TestDoctor:
    def test_a_correct_topic_has_one_warning_its_single_replica(self, kafka, opened):
        topic = kafka.topic(3)
        opened(topic).append(world(30))

        verdicts = [
            check for check in examine(parse_address(kafka.url(topic))) if check.name == "topic"
        ]

        assert ["warning"] == [check.severity for check in verdicts]
        assert "3 replicas" in verdicts[0].detail

    @pytest.mark.parametrize(
        "name",
        [
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "compact,delete"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1000000"),
            ("message.timestamp.type", "CreateTime"),
            ("unclean.leader.election.enable", "true"),
            ("max.message.bytes", "60000"),
            ("min.insync.replicas", "2"),
        ],
        ids="=".join,
    )
    def test_a_setting_that_breaks_a_promise_is_named_with_its_correction(self, kafka, name):
        setting, value = name
        url = kafka.url(kafka.topic(1, {setting: value}))

        broken = [
            check.detail for check in examine(parse_address(url)) if check.severity == "broken"
        ]

        assert len(broken) == 1
        assert broken[0].startswith(f"{setting} is {value}")
        assert f"; set {setting}=" in broken[0]

    def test_records_in_the_wrong_partition_for_their_key_are_one_warning(self, kafka, opened):
        topic = kafka.topic(2)
        opened(topic).append(NewRecord(b"s-%d" % n, b"") for n in range(20))
        with producing(kafka) as (producer, run):
            astray = [(b"s-%d" % n, b"") for n in range(10)]
            send(producer, run, topic, astray, partition=0)
            send(producer, run, topic, astray, partition=1)

        (warning,) = [
            check
            for check in examine(parse_address(kafka.url(topic)))
            if "partitioner=murmur2_random" in check.detail
        ]

        assert "warning" == warning.severity
        assert warning.detail.startswith("10 of the latest records, such as 0:")

    def test_a_busy_topic_raises_no_false_alarm(self, kafka, opened):
        topic = kafka.topic(2)
        log, stop = opened(topic), threading.Event()

        def emit():
            while not stop.is_set():
                log.send(NewRecord(b"s-%d" % number, b"{}") for number in range(50))

        emitter = threading.Thread(target=emit)
        emitter.start()
        try:
            address = parse_address(kafka.url(topic))
            checks = [check for _ in range(8) for check in log_checks(address)]
        finally:
            stop.set()
            emitter.join(BOUND)
        details = [check.detail for check in checks if check.severity == "warning"]
        assert not [text for text in details if "transaction" in text or "clock" in text]

    def test_it_says_how_many_brokers_answer(self, kafka):
        checks = log_checks(parse_address(kafka.url(kafka.topic(1))))
        assert ["1 of 1 answer"] == [check.detail for check in checks if check.name == "brokers"]

    def test_a_broken_check_exits_with_69(self, kafka):
        topic = kafka.topic(1, {"retention.ms": "1000"})
        checks = run("doctor", "--json", "--log", kafka.url(topic))
        assert 69 == checks.returncode
        assert "retention.ms=-1" in checks.stdout.decode()


async def create_bare(kafka, name):
    """Create a topic of somebody else."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    try:
        await client.create_topics([NewTopic(name, 1, 1)])
    finally:
        await client.close()


def topics_of(kafka, prefix):
    """The names of all topics that begin with a prefix."""

    async def names():
        client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await client.start()
        try:
            return await client.list_topics()
        finally:
            await client.close()

    return {name for name in asyncio.run(names()) if name.startswith(prefix)}


class TestTopicCreate:
    def test_a_topic_is_created_once_and_then_left_as_it_is(self, kafka):
        url = kafka.url(kafka.name())

        made = json.loads(outcomes("topic", "create", "--log", url, "--json").stdout)
        again = outcomes("topic", "create", "--log", url).stdout.decode()

        assert (True, 12, 1) == (made["created"], made["partitions"], made["replication_factor"])
        assert {"warning"} == {fault["verdict"] for fault in made["faults"]}
        assert "exists, left as it is; 12 partitions" in again
        with closing(open_log(url)) as log:
            assert 12 == log.partitions

    def test_another_partition_count_is_refused(self, kafka):
        url = kafka.url(kafka.topic(2))
        done = outcomes("topic", "create", "--log", url, "--partitions", 3, code=78)
        assert b"2 partitions, not 3" in done.stderr

    def test_more_replicas_than_brokers_is_one_line(self, kafka):
        url = kafka.url(kafka.name())
        done = outcomes("topic", "create", "--log", url, "--replication-factor", 3, code=69)
        assert b"replication factor of 3" in done.stderr

    def test_another_replication_factor_is_refused(self, kafka):
        url = kafka.url(kafka.topic(1))
        done = outcomes("topic", "create", "--log", url, "--replication-factor", 3, code=78)
        assert b"1 replica of each record, not 3" in done.stderr

    @pytest.mark.parametrize(
        ("present", "wanted"),
        [
            pytest.param("{}.school", "{}_school", id="the log itself"),
            pytest.param("{}_school", "{}.school", id="the other way round"),
            pytest.param("{}.school-partials", "{}_school", id="partials"),
            pytest.param("{}_school-dead.letters", "{}_school-dead_letters", id="a longer name"),
            pytest.param("{}_school-dead-letters", "{}.school", id="dead letters"),
        ],
    )
    def test_a_name_that_collides_is_named_and_no_topic_is_created(self, kafka, present, wanted):
        name = kafka.name()
        asyncio.run(create_bare(kafka, present.format(name)))
        url = kafka.url(wanted.format(name))

        done = outcomes("topic", "create", "--log", url, code=69)

        assert f"collides with existing topic: {present.format(name)};".encode() in done.stderr
        assert b"name another with --log" in done.stderr
        assert {present.format(name)} == topics_of(kafka, name)

    @pytest.mark.parametrize("length", [237, 240, 249])
    def test_a_name_without_room_for_the_other_topics_creates_none(self, kafka, length):
        name = kafka.name().ljust(length, "a")

        done = outcomes("topic", "create", "--log", kafka.url(name), code=78)

        assert b"choose a name of at most 236" in done.stderr
        assert set() == topics_of(kafka, name)

    def test_the_longest_name_has_all_its_topics(self, kafka):
        name = kafka.name().ljust(236, "a")

        outcomes("topic", "create", "--log", kafka.url(name), "--partitions", 1)

        assert {name, f"{name}-partials", f"{name}-dead-letters"} == topics_of(kafka, name)

    def test_a_replication_factor_that_fails_creates_none_of_the_topics(self, kafka):
        name = kafka.name()
        url = kafka.url(name)
        outcomes("topic", "create", "--log", url, "--replication-factor", 3, code=69)
        assert set() == topics_of(kafka, name)

    def test_a_topic_that_breaks_promises_is_reported(self, kafka):
        topic = kafka.topic(1, {"cleanup.policy": "compact"})
        done = run("topic", "create", "--log", kafka.url(topic))
        assert 69 == done.returncode
        assert b"cleanup.policy=delete" in done.stdout


class TestCommandLine:
    def test_the_story_of_a_log_on_kafka(self, kafka, tmp_path):
        url = kafka.url(kafka.topic(3))
        lines = b"".join(record.value + b"\n" for record in generate(80, 7) if not record.broken)
        count = lines.count(b"\n")

        output = outcomes("append", "-", "--log", url, "--batch", 100, stdin=lines).stdout.decode()
        assert f"{count:,} records acknowledged" in output
        then = max(
            json.loads(line)["recorded_at"]
            for line in outcomes("tail", "--jsonl", "--log", url).stdout.splitlines()
        )
        again = tmp_path / "again.jsonl"
        again.write_bytes(lines)
        outcomes("append", again, "--log", url)

        report = ("report", "--year", 2022, "--log", url, "--json")
        (tmp_path / "now.json").write_bytes(outcomes(*report).stdout)
        (tmp_path / "then.json").write_bytes(outcomes(*report, "--as-of", then).stdout)
        now, before = (
            json.loads((tmp_path / f"{item}.json").read_bytes()) for item in ("now", "then")
        )
        assert (count, 2 * count) == (before["log"]["records"], now["log"]["records"])
        assert (before["counts"], before["rates"]) == (now["counts"], now["rates"])

        for name in ("now", "then"):
            verdict = outcomes("verify", tmp_path / f"{name}.json", "--log", url)
            assert b"no difference" in verdict.stdout

    def test_tail_follow_shows_new_records(self, kafka, opened):
        topic = kafka.topic(2)
        log = opened(topic)
        command = [*COMMAND, "tail", "--follow", "--jsonl", "--log", kafka.url(topic)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
            try:
                for number in range(3):
                    log.append([NewRecord(b"s-1", b"%d" % number)])
                    assert select.select([tail.stdout], [], [], BOUND)[0], "nothing came"
                    assert str(number) == json.loads(tail.stdout.readline())["value"]
                tail.send_signal(signal.SIGINT)
                output, trouble = tail.communicate(timeout=BOUND)
            finally:
                tail.kill()
        assert (130, b"") == (tail.returncode, output)
        assert ["outcomes: interrupted"] == without_waits(trouble.decode())

    def test_other_logs_do_not_import_a_kafka_client(self, tmp_path):
        script = "import sys; import ledger.log; print('aiokafka' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        assert b"False\n" == done.stdout


class TestOpen:
    def test_it_works_through_the_first_server_that_answers(self, kafka, monkeypatch):
        """aiokafka takes one of several at random, and waits for one that is silent."""
        given, bootstrap = [], AIOKafkaClient.bootstrap

        async def recorded(self):
            await bootstrap(self)
            given.append(self.hosts)

        monkeypatch.setattr(AIOKafkaClient, "bootstrap", recorded)
        monkeypatch.setattr(client, "REQUEST_SECONDS", AN_HOUR)
        lease = PortLease(1)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            servers = f"127.0.0.1:{lease.ports[0]},127.0.0.1:{silent.getsockname()[1]}"
            url = f"kafka://{servers},{kafka.bootstrap}/{kafka.topic(2)}"
            with closing(open_log(url)) as log:
                log.append(numbered(3))
                assert 3 == len(everything(log))
        lease.release()
        assert {1} == {len(servers) for servers in given}

    def test_it_is_a_kafka_log_named_after_its_topic(self, kafka, opened):
        topic = kafka.topic(4)
        log = opened(topic)
        assert isinstance(log, KafkaLog)
        assert (topic, 4) == (log.name, log.partitions)
