"""Clients of a cluster with hung servers: whichever answers first is the one that is used."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from deploy.ports import PortLease
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.client import link_to
from ledger.log.kafka.cluster import Cluster, ask_cluster

BOUND = 60
TOO_LONG_MS = 10 * BOUND * 1_000


@contextmanager
def hung_server():
    """`host:port` of a server that accepts connections and never answers, as a frozen broker."""
    with ExitStack() as connections:
        server = connections.enter_context(socket.create_server(("127.0.0.1", 0)))

        def accept():
            try:
                while True:
                    connections.enter_context(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


async def start_and_stop(make, servers):
    client = make(bootstrap_servers=servers, request_timeout_ms=TOO_LONG_MS)
    try:
        await asyncio.wait_for(client.start(), BOUND)
    finally:
        await client.stop()


@pytest.mark.kafka
class TestAHungServer:
    @pytest.mark.parametrize("make", [AIOKafkaConsumer, AIOKafkaProducer])
    def test_no_client_waits_for_it(self, kafka, make):
        async def run():
            with hung_server() as first, hung_server() as second, hung_server() as third:
                servers = [first, second, third, kafka.bootstrap]
                await start_and_stop(make, servers)

        asyncio.run(run())

    def test_it_does_not_make_the_others_silent(self, kafka, monkeypatch):
        link = link_to(parse_topic_address(kafka.url(kafka.topic())))

        with hung_server() as hung:
            brokers = Cluster.brokers
            monkeypatch.setattr(Cluster, "brokers", lambda self: {0: hung, **brokers(self)})
            link.options["request_timeout_ms"] = TOO_LONG_MS

            async def question(cluster):
                (node,) = brokers(cluster)
                return await asyncio.gather(*map(cluster.is_silent, (0, node, 99)))

            assert [True, False, True] == ask_cluster(link, question)


def test_where_no_server_answers_the_client_says_so():
    lease = PortLease(2)
    servers = [f"127.0.0.1:{port}" for port in lease.ports]
    try:
        with pytest.raises(KafkaConnectionError, match="Unable to bootstrap"):
            asyncio.run(start_and_stop(AIOKafkaProducer, servers))
    finally:
        lease.release()
