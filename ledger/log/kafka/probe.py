"""Why a cluster is out of reach: try its ports as an administrator would."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["probe"]

_PROBE_SECONDS = 1.0
_PROTOCOL = "OUTCOMES_KAFKA_SECURITY_PROTOCOL"


def probe(servers: Sequence[str], options: Mapping[str, Any], protocol: str) -> str | None:
    """The first thing wrong with a server, and what to do.

    Args:
        servers: `host:port`; as many are tried as a second or two allow.
        options: Options of the client; its `ssl_context` is used if it has one.
        protocol: The security protocol that the client speaks.

    Returns:
        None if every port answers as it should.
    """
    context = options.get("ssl_context")
    started = time.monotonic()
    for server in servers:
        if time.monotonic() - started > _PROBE_SECONDS:
            break
        host, _, port = server.rpartition(":")
        problem = _probe_server(server, (host.strip("[]"), int(port)), context, protocol)
        if problem is not None:
            return problem
    return None


def _probe_server(
    server: str, address: tuple[str, int], context: ssl.SSLContext | None, protocol: str
) -> str | None:
    try:
        socket.create_connection(address, _PROBE_SECONDS).close()
    except socket.gaierror:
        return f"no host is called {address[0]}; check the spelling in --log"
    except TimeoutError:
        return f"{server} does not answer; is the broker running, is a firewall in between?"
    except OSError as error:
        return f"{server}: {error.strerror or error}; is the broker running there?"
    tls_error = None if context is None else _tls_error(address, context)
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {server} is not trusted ({tls_error.verify_message});"
            " name its authority's file in OUTCOMES_KAFKA_SSL_CAFILE"
        )
    return _protocol_mismatch(server, address, protocol)


def _protocol_mismatch(server: str, address: tuple[str, int], protocol: str) -> str | None:
    speaks_tls = _tls_error(address, _trusting_context()) is None
    if speaks_tls and not protocol.endswith("SSL"):
        matching = protocol.replace("PLAINTEXT", "SSL")
        return f"{server} speaks TLS and {protocol} does not; set {_PROTOCOL}={matching}"
    if protocol.endswith("SSL") and not speaks_tls:
        matching = "SASL_PLAINTEXT" if protocol.startswith("SASL") else "PLAINTEXT"
        return f"{server} does not speak TLS and {protocol} does; set {_PROTOCOL}={matching}"
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
