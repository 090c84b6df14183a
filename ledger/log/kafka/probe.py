"""Why a cluster is out of reach: try its ports as an administrator would."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.errors import StoreError, UnreachableError, UnresolvedHostError

__all__ = ["Problem", "probe"]

_PROBE_SECONDS = 1.0
_PROTOCOL = "OUTCOMES_KAFKA_SECURITY_PROTOCOL"


class Problem(NamedTuple):
    """What is wrong with a server.

    Attributes:
        error: How it is raised; an `UnreachableError` may be over in a moment.
        reason: What is wrong and what to do.
    """

    error: type[StoreError]
    reason: str


def probe(servers: Sequence[str], options: Mapping[str, Any], protocol: str) -> Problem | None:
    """What is wrong with the servers of a cluster.

    Args:
        servers: `host:port`; as many are tried as a second or two allow.
        options: Options of the client; its `ssl_context` is used if it has one.
        protocol: The security protocol that the client speaks.

    Returns:
        None if every server answers as it should. What waiting cannot cure is returned only if it
        is so with every server that was tried.
    """
    context = options.get("ssl_context")
    started = time.monotonic()
    problems: list[Problem | None] = []
    for server in servers:
        if time.monotonic() - started > _PROBE_SECONDS:
            break
        host, _, port = server.rpartition(":")
        problems.append(_probe_server(server, (host.strip("[]"), int(port)), context, protocol))
    certain = [problem for problem in problems if problem is not None]
    curable = [problem for problem in certain if problem.error is UnreachableError]
    if curable or len(certain) < len(problems):
        return next(iter(curable), None)
    return certain[0]


def _probe_server(
    server: str, address: tuple[str, int], context: ssl.SSLContext | None, protocol: str
) -> Problem | None:
    try:
        socket.create_connection(address, _PROBE_SECONDS).close()
    except socket.gaierror:
        reason = f"no host is called {address[0]}; check the spelling in --log"
        return Problem(UnresolvedHostError, reason)
    except TimeoutError:
        reason = f"{server} does not answer; is the broker running, is a firewall in between?"
        return Problem(UnreachableError, reason)
    except OSError as error:
        reason = f"{server}: {error.strerror or error}; is the broker running there?"
        return Problem(UnreachableError, reason)
    tls_error = None if context is None else _tls_error(address, context)
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        reason = (
            f"the certificate of {server} is not trusted ({tls_error.verify_message});"
            " name its authority's file in OUTCOMES_KAFKA_SSL_CAFILE"
        )
        return Problem(StoreError, reason)
    return _protocol_problem(server, address, protocol)


def _protocol_problem(server: str, address: tuple[str, int], protocol: str) -> Problem | None:
    tls_error = _tls_error(address, _trusting_context())
    if isinstance(tls_error, TimeoutError):
        reason = f"{server} accepts connections and does not answer; is the broker healthy?"
        return Problem(UnreachableError, reason)
    speaks_tls = tls_error is None
    if speaks_tls and not protocol.endswith("SSL"):
        matching = protocol.replace("PLAINTEXT", "SSL")
        reason = f"{server} speaks TLS and {protocol} does not; set {_PROTOCOL}={matching}"
        return Problem(StoreError, reason)
    if protocol.endswith("SSL") and not speaks_tls:
        matching = "SASL_PLAINTEXT" if protocol.startswith("SASL") else "PLAINTEXT"
        reason = f"{server} does not speak TLS and {protocol} does; set {_PROTOCOL}={matching}"
        return Problem(StoreError, reason)
    return None


def _trusting_context() -> ssl.SSLContext:
    """A context that only tells whether a port speaks TLS; nothing is sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _tls_error(address: tuple[str, int], context: ssl.SSLContext) -> OSError | None:
    try:
        with (
            socket.create_connection(address, _PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address[0]),
        ):
            return None
    except OSError as error:
        return error
