"""Questions that every broker of a cluster can answer, asked of one after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from ledger.log.kafka.client import KAFKA_ERRORS, Link, Loop, translate_errors
from ledger.log.kafka.waiting import ask_patiently

__all__ = ["Cluster", "answering_options", "ask_cluster", "ask_once"]

_BROKER_SECONDS = 2.5
"""How long one broker may take before the next one is asked."""

_STAGGER_SECONDS = 0.3

_Answer = TypeVar("_Answer")
_Question = Callable[["Cluster"], Coroutine[Any, Any, _Answer]]


def ask_cluster(link: Link, question: _Question[_Answer]) -> _Answer:
    """Ask a cluster, waiting for brokers as long as the link allows.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    return ask_patiently(
        link.address,
        lambda: ask_once(link, question, "is out of reach"),
        seconds=link.wait_seconds,
        waits_for_names=link.waits_for_names,
    )


def ask_once(link: Link, question: _Question[_Answer], failure: str) -> _Answer:
    """Ask a cluster without waiting for brokers that are away.

    Raises:
        StoreError: If the cluster is out of reach or refuses.
    """
    loop = Loop()
    try:
        with translate_errors(link, failure):
            return loop.run(_connect_and_ask(link, question))
    finally:
        loop.close()


async def answering_options(link: Link) -> dict[str, Any]:
    """The options of a link for a client that connects through a server that answers.

    Of several servers aiokafka would try one after another in random order, and wait for each that
    is silent.

    Raises:
        KafkaConnectionError: If none answers.
    """
    servers: list[str] = link.options["bootstrap_servers"]
    if len(servers) > 1:
        await (await _connect(link)).close()
    return {**link.options, "bootstrap_servers": servers[:1]}


class Cluster:
    """A connected client."""

    def __init__(self, client: AIOKafkaClient, first: str) -> None:
        self._client = client
        self._first = first

    def brokers(self) -> dict[int, str]:
        """Node → `host:port` of every broker that takes part in the cluster now."""
        return {
            broker.nodeId: f"{broker.host}:{broker.port}"
            for broker in self._client.cluster.brokers()
        }

    async def ask(self, request: Any, *, seconds: float = _BROKER_SECONDS) -> Any:  # noqa: ANN401
        """The response of the first broker that gives one, each within some seconds.

        Raises:
            KafkaError: If none does.
        """
        brokers = self.brokers()
        nodes = random.sample(sorted(brokers), len(brokers))
        # The one that has just answered comes first, if it is known by the same name.
        nodes.sort(key=lambda node: brokers[node] != self._first)
        last_error: BaseException = KafkaConnectionError("no broker is known")
        for node in nodes:
            try:
                return await self.ask_node(node, request, seconds=seconds)
            except KAFKA_ERRORS as error:
                last_error = error
        raise last_error

    async def ask_node(
        self,
        node: int,
        request: Any,  # noqa: ANN401 - aiokafka is untyped
        *,
        seconds: float = _BROKER_SECONDS,
    ) -> Any:  # noqa: ANN401
        """The response of one broker.

        Raises:
            KafkaError: If it does not answer.
            TimeoutError: If it does not answer in time.
        """
        return await asyncio.wait_for(self._client.send(node, request), seconds)


async def _connect_and_ask(link: Link, question: _Question[_Answer]) -> _Answer:
    client = await _connect(link)
    try:
        return await question(Cluster(client, link.options["bootstrap_servers"][0]))
    finally:
        await client.close()


async def _connect(link: Link) -> AIOKafkaClient:
    """A client of whichever bootstrap server answers first; later clients try that one first.

    Raises:
        KafkaConnectionError: If none does.
    """
    servers: list[str] = link.options["bootstrap_servers"]
    waiting = list(servers)
    pending: set[asyncio.Task[tuple[str, AIOKafkaClient]]] = set()
    last_error: BaseException | None = None
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.ensure_future(_bootstrap(link, waiting.pop(0))))
            done, pending = await asyncio.wait(
                pending,
                timeout=_STAGGER_SECONDS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            connected = [task.result() for task in done if task.exception() is None]
            for _, spare in connected[1:]:
                await spare.close()
            if connected:
                server, client = connected[0]
                servers.remove(server)
                servers.insert(0, server)
                return client
            last_error = next((task.exception() for task in done), last_error)
    finally:
        for task in pending:
            task.cancel()
    assert last_error is not None, "an address names at least one server"
    raise last_error


async def _bootstrap(link: Link, server: str) -> tuple[str, AIOKafkaClient]:
    client = AIOKafkaClient(**{**link.options, "bootstrap_servers": [server]})
    try:
        await client.bootstrap()
    except BaseException:
        await client.close()
        raise
    return server, client
