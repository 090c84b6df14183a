"""A real Apache Kafka for the tests: one process, KRaft, loopback, thrown away afterwards.

Where it comes from, in this order: `OUTCOMES_TEST_KAFKA=host:port`, a broker that is there already;
Maven and Java, which copy Kafka once into `.kafka/`; else the tests are skipped, and with `CI=true`
they fail instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Path(__file__).parent / "kafka"
CACHE = ROOT / ".kafka"
SETTINGS = RECIPE / "server.properties"
LEDGER_TOPIC = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
}
_PR_SET_PDEATHSIG = 1
_READY_SECONDS = 60
_LIBC = ctypes.CDLL(None)


class NoKafkaError(Exception):
    """There is no broker to be had; the message says why in one line."""


def kafka_jars(cache: Path = CACHE) -> Path:
    """The folder of Kafka's jars, copied by Maven when it is missing."""
    if shutil.which("java") is None:
        raise NoKafkaError("no java; install a Java 17 runtime, or set OUTCOMES_TEST_KAFKA")
    recipe = RECIPE / "pom.xml"
    libs = cache / "libs"
    stamp = cache / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == recipe.read_bytes():
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafkaError("no Kafka and no mvn to fetch it; install maven")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=cache, prefix="fetching-"))
    command = [maven, "-B", "-q", "-f", str(recipe), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        shutil.rmtree(fresh)
        reason = " ".join((done.stdout + done.stderr).split())
        raise NoKafkaError(f"Maven cannot fetch Kafka: {reason[:300]}")
    shutil.rmtree(libs, ignore_errors=True)
    with contextlib.suppress(OSError):  # Another run may have been first; its jars are the same.
        fresh.rename(libs)
    shutil.copy(recipe, stamp)
    return libs


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Broker:
    """One Kafka process; its ports and its data stay the same over a restart."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self.folder = folder
        self._classes = f"{jars}/*"
        self._process: subprocess.Popen[bytes] | None = None
        plain, tls, sasl, controller = free_ports(4)
        self.bootstrap = f"127.0.0.1:{plain}"
        self.tls = f"127.0.0.1:{tls}"
        self.sasl = f"127.0.0.1:{sasl}"
        self.authority = folder / "broker.pem"
        self._properties = folder / "server.properties"
        self._properties.write_text(
            Template(SETTINGS.read_text(encoding="utf-8")).substitute(
                plain=plain, tls=tls, sasl=sasl, controller=controller, folder=folder
            ),
            encoding="utf-8",
        )
        self._make_certificate()
        self._format()

    def start(self) -> None:
        """Start, and return when clients are served."""
        flags = ["-Xmx512m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags.append(f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.xml'}")
        command = ["java", *flags, "-cp", self._classes, "kafka.Kafka", str(self._properties)]
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no locks
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not asyncio.run(_is_ready(self.bootstrap)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                told = (self.folder / "broker.log").read_text(errors="replace").splitlines()
                raise NoKafkaError(f"Kafka does not start: {' | '.join(told[-5:])}")
            time.sleep(0.1)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        self._process = None

    def _make_certificate(self) -> None:
        store = ["-keystore", str(self.folder / "broker.p12"), "-storetype", "PKCS12"]
        store += ["-storepass", "for-tests", "-alias", "broker"]
        pair = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-validity", "30"]
        quick = "-J-XX:TieredStopAtLevel=1"
        _java_tool("keytool", quick, *pair, "-ext", "SAN=IP:127.0.0.1", "-ext", "bc:c", *store)
        _java_tool("keytool", quick, "-exportcert", "-rfc", "-file", str(self.authority), *store)

    def _format(self) -> None:
        tool = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._classes]
        scram = "SCRAM-SHA-256=[name=writer,password=writer-secret]"
        wanted = ["format", "-t", "outcomesTestCluster0AA", "-c", str(self._properties)]
        _java_tool("java", *tool, "kafka.tools.StorageTool", *wanted, "--add-scram", scram)


@dataclass
class Kafka:
    """What a test is given.

    Attributes:
        bootstrap: `host:port`.
        broker: The process, None where the broker is somebody else's.
    """

    bootstrap: str
    broker: Broker | None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def own(self) -> Broker:
        """The broker's process, for a test that kills it or needs its other listeners."""
        if self.broker is None:
            pytest.skip("OUTCOMES_TEST_KAFKA names a broker that is not the tests' own")
        return self.broker

    def name(self) -> str:
        """A topic name that is not taken."""
        return f"test-{os.getpid()}-{next(self._numbers)}"

    def topic(self, partitions: int = 1, configs: dict[str, str] | None = None) -> str:
        """A fresh topic as the ledger wants it, but for the settings given."""
        name = self.name()
        wanted = NewTopic(name, partitions, 1, topic_configs={**LEDGER_TOPIC, **(configs or {})})
        asyncio.run(_create(self.bootstrap, wanted))
        return name

    def url(self, topic: str) -> str:
        return f"kafka://{self.bootstrap}/{topic}"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker for the whole run."""
    given = os.environ.get("OUTCOMES_TEST_KAFKA")
    if given:
        if not asyncio.run(_is_ready(given)):
            pytest.fail(f"OUTCOMES_TEST_KAFKA {given}: no Kafka answers there", pytrace=False)
        yield Kafka(given, None)
        return
    try:
        broker = Broker(tmp_path_factory.mktemp("kafka"), kafka_jars())
        broker.start()
    except NoKafkaError as error:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(str(error))
    try:
        yield Kafka(broker.bootstrap, broker)
    finally:
        broker.kill()


def _java_tool(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise NoKafkaError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        raise NoKafkaError(f"{command[0]}: {' '.join((done.stdout + done.stderr).split())[:300]}")


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _is_ready(bootstrap: str) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])


async def _create(bootstrap: str, wanted: NewTopic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        response = await admin.create_topics([wanted])
        for _, code, message in response.topic_errors:
            if code:
                raise for_code(code)(message)
        # The controller knows it, the broker learns of it a moment later.
        while wanted.name not in await admin.list_topics():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
