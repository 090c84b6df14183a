"""Questions that every broker of a cluster can answer, asked of one after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from ledger.log.kafka.bootstrap import first_answer, server_of
from ledger.log.kafka.client import KAFKA_ERRORS, Link, Loop, translate_errors
from ledger.log.kafka.waiting import ask_patiently

__all__ = ["Cluster", "ask_cluster", "ask_once"]

_BROKER_SECONDS = 2.5
"""How long one broker may take before the next one is asked."""

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

    async def is_silent(self, node: int) -> bool:
        """Whether a broker does not answer in time, or is not in the cluster."""
        server = self.brokers().get(node)
        if server is None:
            return True
        try:
            await asyncio.wait_for(first_answer(self._client, server), _BROKER_SECONDS)
        except KAFKA_ERRORS:
            return True
        return False

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
    client = AIOKafkaClient(**link.options)
    try:
        await client.bootstrap()
        first = server_of(client)
        # Later clients try that one first.
        servers: list[str] = link.options["bootstrap_servers"]
        servers.sort(key=lambda server: server != first)
        return await question(Cluster(client, first))
    finally:
        await client.close()
