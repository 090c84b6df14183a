"""Finding a server that answers, for every client of aiokafka, Faust's included.

aiokafka asks the servers of an address one after another, in random order, and waits for one that
is hung as long as any request may take: 4 s for a command, 10 s for a worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

__all__ = ["first_answer", "guard_clients", "server_of"]

_STAGGER_SECONDS = 0.3
"""How long a server may take before the next one is asked too."""

_OPTIONS = (
    "client_id",
    "request_timeout_ms",
    "ssl_context",
    "security_protocol",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "sasl_kerberos_service_name",
    "sasl_kerberos_domain_name",
    "sasl_oauth_token_provider",
)
_ERRORS = (KafkaError, OSError, TimeoutError)

_logger = logging.getLogger("aiokafka.client")
_bootstrap = AIOKafkaClient.bootstrap


def guard_clients() -> None:
    """From now on every client starts with the server that answers first."""
    AIOKafkaClient.bootstrap = _bootstrap_from_first


def server_of(client: AIOKafkaClient) -> str:
    """The server that a started client was started from."""
    (server,) = client._bootstrap_servers  # noqa: SLF001 - no public way
    return str(server)


async def _bootstrap_from_first(client: AIOKafkaClient) -> None:
    servers = client._bootstrap_servers  # noqa: SLF001 - no public way
    if isinstance(servers, str):
        servers = servers.split(",")
    if len(servers) > 1:
        servers = [await _first_answering(client, list(servers))]
    client._bootstrap_servers = servers  # noqa: SLF001 - no public way
    await _bootstrap(client)


async def _first_answering(client: AIOKafkaClient, servers: Sequence[str]) -> str:
    """The server that answers first; each is given a moment before the next one is asked too.

    Raises:
        KafkaError: The last one, if none answers.
    """
    waiting = list(servers)
    pending: set[asyncio.Task[str]] = set()
    last_error: BaseException | None = None
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.ensure_future(first_answer(client, waiting.pop(0))))
            done, pending = await asyncio.wait(
                pending,
                timeout=_STAGGER_SECONDS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                last_error = task.exception()
                if last_error is None:
                    return task.result()
    finally:
        for task in pending:
            task.cancel()
    if isinstance(last_error, KafkaError):
        raise last_error
    raise KafkaConnectionError(f"Unable to bootstrap from {servers}") from last_error


async def first_answer(client: AIOKafkaClient, server: str) -> str:
    """A server, once it has answered a connection of its own.

    aiokafka's own connections wait for one another: one hung broker makes all of them silent.

    Raises:
        KafkaError: If it does not answer.
        OSError: If it does not answer.
    """
    ((host, port, _),) = collect_hosts([server])
    options: dict[str, Any] = {name: getattr(client, f"_{name}") for name in _OPTIONS}
    try:
        connection: AIOKafkaConnection = await create_conn(host, port, **options)
    except _ERRORS as error:
        _logger.error('Unable connect to "%s": %s', server, error)  # noqa: TRY400 - as aiokafka does
        raise
    connection.close()
    return server
