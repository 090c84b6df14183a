"""A real Apache Kafka for the tests: one process, KRaft, loopback, removed afterwards.

Its source is, in this order: `OUTCOMES_TEST_KAFKA=host:port`, a running broker; Maven and Java,
which download Kafka once into `.kafka/`; else the tests are skipped, and with `CI=true` they fail.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import ClassVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

import deploy.broker
from deploy.broker import NoKafkaError, is_ready, kafka_jars
from deploy.ports import PortLease
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.log import KafkaLog

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).with_name("broker.properties")
LEDGER_TOPIC = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
}


SETTLE_SECONDS = 120


class Broker(deploy.broker.Broker):
    """The broker of `make kafka`, with two more listeners and signals to pause and resume."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self._lease = PortLease(4)
        plain, tls, sasl, controller = self._lease.ports
        self.tls = f"127.0.0.1:{tls}"
        self.sasl = f"127.0.0.1:{sasl}"
        self.authority = folder / "broker.pem"
        settings = Template(SETTINGS.read_text(encoding="utf-8")).substitute(
            plain=plain, tls=tls, sasl=sasl, controller=controller, folder=folder
        )
        user = "SCRAM-SHA-256=[name=writer,password=writer-secret]"
        super().__init__(
            folder,
            jars,
            port=plain,
            controller=controller,
            settings=settings,
            format_with=("--add-scram", user),
        )
        self._make_certificate()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _make_certificate(self) -> None:
        store = ["-keystore", str(self.folder / "broker.p12"), "-storetype", "PKCS12"]
        store += ["-storepass", "for-tests", "-alias", "broker"]
        pair = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-validity", "30"]
        quick = "-J-XX:TieredStopAtLevel=1"
        _keytool(quick, *pair, "-ext", "SAN=IP:127.0.0.1", "-ext", "bc:c", *store)
        _keytool(quick, "-exportcert", "-rfc", "-file", str(self.authority), *store)


@dataclass
class Kafka:
    """The broker of a test run.

    Attributes:
        bootstrap: `host:port`.
        broker: The process; None for a broker that the tests did not start.
        replicas: Copies of each record in a new topic.
        min_isr: Copies before a record is acknowledged.
    """

    bootstrap: str
    broker: Broker | None
    replicas: ClassVar[int] = 1
    min_isr: ClassVar[int] = 1
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def own(self) -> Broker:
        """The broker's process, for a test that kills it or needs its other listeners."""
        if self.broker is None:
            pytest.skip("OUTCOMES_TEST_KAFKA names a broker that the tests did not start")
        return self.broker

    def name(self) -> str:
        """An unused topic name."""
        return f"test-{os.getpid()}-{next(self._numbers)}"

    def topic(self, partitions: int = 1, configs: dict[str, str] | None = None) -> str:
        """A new topic with the ledger's settings, except for those given."""
        name = self.name()
        settings = {**LEDGER_TOPIC, "min.insync.replicas": str(self.min_isr), **(configs or {})}
        new = NewTopic(name, partitions, self.replicas, topic_configs=settings)
        asyncio.run(_create(self.bootstrap, new))
        return name

    def resolve(self, topic: str) -> None:
        """Wait until no transaction is open: a broker answers before it writes the end marker."""
        deadline = time.monotonic() + SETTLE_SECONDS
        with closing(KafkaLog.open(parse_topic_address(self.url(topic)))) as log:
            while any("open transaction" in check.detail for check in log.examine()):
                assert time.monotonic() < deadline, f"a transaction in {topic} does not end"
                time.sleep(0.02)

    def url(self, topic: str) -> str:
        return f"kafka://{self.bootstrap}/{topic}"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker for the whole run."""
    given = os.environ.get("OUTCOMES_TEST_KAFKA")
    if given:
        if not asyncio.run(is_ready(given)):
            pytest.fail(f"OUTCOMES_TEST_KAFKA {given}: no Kafka answers there", pytrace=False)
        yield Kafka(given, None)
        return
    try:
        broker = Broker(tmp_path_factory.mktemp("kafka"), kafka_jars())
        broker.start()
    except NoKafkaError as error:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{error}, or set OUTCOMES_TEST_KAFKA")
    try:
        yield Kafka(broker.bootstrap, broker)
    finally:
        broker.kill()


def _keytool(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["keytool", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        raise NoKafkaError(f"keytool: {error.strerror}") from error
    if done.returncode:
        raise NoKafkaError(f"keytool: {' '.join((done.stdout + done.stderr).split())[:300]}")


async def _create(bootstrap: str, topic: NewTopic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        response = await admin.create_topics([topic])
        for _, code, message in response.topic_errors:
            if code:
                raise for_code(code)(message)
        # The controller knows it, the broker learns of it a moment later.
        while topic.name not in await admin.list_topics():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
