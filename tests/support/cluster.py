"""Three Kafka brokers for the tests: KRaft, loopback, replication 3, min.insync.replicas 2.

Clients reach each broker through a gate, so that it can be out of their reach while the other
brokers still see it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

import deploy.broker
from deploy.ports import PortLease
from ledger.log.kafka.address import TopicAddress
from tests.support.broker import LEDGER_TOPIC, Kafka
from tests.support.broker import Broker as SingleBroker

__all__ = ["Cluster", "Gate"]

HEAP_MB = 320
READY_SECONDS = 120
_CHUNK_BYTES = 65_536

SETTINGS = """
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT
inter.broker.listener.name=INTERNAL
offsets.topic.replication.factor=3
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
min.insync.replicas=2
group.min.session.timeout.ms=1000
broker.session.timeout.ms={fencing_ms}
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=5000
auto.leader.rebalance.enable=false
"""


class Gate:
    """Passes connections of one port on to another while it is open."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._is_open = threading.Event()
        self._is_open.set()
        self._connections: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Cut every connection, and let no new one get an answer."""
        self._is_open.clear()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._is_open.set()

    def remove(self) -> None:
        self.close()
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._server.accept()
                self._connect(inner)

    def _connect(self, inner: socket.socket) -> None:
        try:
            if not self._is_open.is_set():
                raise ConnectionRefusedError
            outer = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            inner.close()
            return
        outer.settimeout(None)
        for source, sink in ((inner, outer), (outer, inner)):
            self._connections.add(source)
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                sink.sendall(data)
        for connection in (source, sink):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.discard(source)
        source.close()


class Node(deploy.broker.Broker):
    """One broker of a cluster, which can be paused."""

    pause = SingleBroker.pause
    resume = SingleBroker.resume

    def is_running(self) -> bool:
        return self._process is not None

    def seen_controller(self) -> tuple[int, int]:
        """The controller that it knows of: the epoch of its election, and its number or -1."""
        state = self.folder / "data" / "__cluster_metadata-0" / "quorum-state"
        try:
            members = json.loads(state.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there yet, or in mid writing
            return -1, -1
        return members["leaderEpoch"], members["leaderId"]


class Cluster(Kafka):
    """Three brokers.

    Attributes:
        nodes: By number, from 1.
        gates: By the number of the node that clients reach through it.
    """

    replicas = 3
    min_isr = 2

    def __init__(self, folder: Path, jars: Path, *, fencing_seconds: float = 9) -> None:
        """Start the brokers.

        Args:
            folder: For their data.
            jars: From `kafka_jars`.
            fencing_seconds: After which a silent broker is replaced; 9 by Kafka's default.
        """
        self._lease = PortLease(12)
        ports = [self._lease.ports[start : start + 4] for start in (0, 4, 8)]
        voters = ",".join(f"{number}@127.0.0.1:{own[2]}" for number, own in enumerate(ports, 1))

        def make(number: int) -> Node:
            port, internal, controller, gate = ports[number]
            own = folder / f"node-{number + 1}"
            own.mkdir()
            settings = SETTINGS.format(
                node=number + 1,
                voters=voters,
                port=port,
                internal=internal,
                controller=controller,
                advertised=gate,
                fencing_ms=round(fencing_seconds * 1_000),
            )
            return Node(
                own, jars, port=port, controller=controller, settings=settings, heap_mb=HEAP_MB
            )

        with ThreadPoolExecutor(3) as pool:
            made = list(pool.map(make, range(3)))
        self.nodes = dict(enumerate(made, 1))
        self.gates = {number: Gate(own[3], own[0]) for number, own in enumerate(ports, 1)}
        super().__init__(",".join(f"127.0.0.1:{own[3]}" for own in ports), None)
        for node in made:
            node.launch()
        self.wait_for_brokers(3)

    def stop(self) -> None:
        """Leave nothing running."""
        for gate in self.gates.values():
            gate.remove()
        for node in self.nodes.values():
            if node.is_running():
                node.kill()
        self._lease.release()

    def heal(self) -> None:
        """Bring every broker back."""
        for gate in self.gates.values():
            gate.open()
        for node in self.nodes.values():
            if node.is_running():
                node.resume()
            else:
                node.launch()
        self.wait_for_brokers(3)

    def wait_for_brokers(self, count: int) -> None:
        """Wait until so many take part in the cluster."""

        async def alive(admin) -> bool:
            return len((await admin.describe_cluster())["brokers"]) >= count

        self._wait_until(alive, f"{count} brokers")

    def wait_for_leaders(self, *, besides: int | None = None) -> None:
        """Wait until a running broker, and not `besides`, leads each partition of every topic."""
        running = {number for number, node in self.nodes.items() if node.is_running()} - {besides}

        async def led(admin) -> bool:
            return {item["leader"] for item in await _partitions(admin)} <= running

        self._wait_until(led, "leaders that run")

    def wait_for_replicas(self) -> None:
        """Wait until every replica of every partition of every topic is in sync."""

        async def in_sync(admin) -> bool:
            return all(len(item["isr"]) == 3 for item in await _partitions(admin))

        self._wait_until(in_sync, "all replicas in sync")

    def move_leaders(self, number: int) -> None:
        """Let the other brokers lead all partitions and groups, by a restart of this one."""
        self.nodes[number].stop()
        self.wait_for_leaders()
        self.nodes[number].launch()
        self.wait_for_replicas()

    def controller(self, *, besides: int | None = None) -> int:
        """The number of the broker that is the controller, once it is another one than `besides`.

        KRaft names any broker to clients; only the quorum's own files name the one.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            _, number = max(node.seen_controller() for node in self.nodes.values())
            if number not in (-1, besides):
                return number
            assert time.monotonic() < deadline, f"no controller within {READY_SECONDS} s"
            time.sleep(0.05)

    def make_log(self, address: TopicAddress, *, last: int) -> None:
        """Create the topics of a log; `last` is a broker that leads none of their partitions."""
        nodes = [*(number for number in self.nodes if number != last), last]
        settings = {**LEDGER_TOPIC, "min.insync.replicas": str(self.min_isr)}
        names = [topic.topic for topic in (address, *address.derived)]
        topics = [
            NewTopic(name, -1, -1, replica_assignments={0: nodes}, topic_configs=settings)
            for name in names
        ]

        async def made(admin) -> bool:
            await admin.create_topics(topics)
            return set(names) <= set(await admin.list_topics())

        self._wait_until(made, f"topics of {address}")

    def coordinator(self, group: str) -> int:
        """The number of the broker that coordinates a consumer group."""
        numbers: list[int] = []

        async def ask(admin) -> bool:
            numbers.append(await admin.find_coordinator(group))
            return True

        self._wait_until(ask, f"a coordinator of {group}")
        return numbers[0]

    def _wait_until(self, holds, what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not asyncio.run(self._ask(holds)):
            assert time.monotonic() < deadline, f"not within {READY_SECONDS} s: {what}"
            time.sleep(0.1)

    async def _ask(self, question) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2_000)
        try:
            await admin.start()
            return await question(admin)
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()


async def _partitions(admin) -> list[dict[str, Any]]:
    """Every partition of every topic, those of consumer groups included."""
    return [item for topic in await admin.describe_topics() for item in topic["partitions"]]
