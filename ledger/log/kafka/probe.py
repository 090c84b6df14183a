"""Why a cluster cannot be reached: look at its ports the way a person would."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["probe"]

_SECONDS = 1.0
_PROTOCOL = "OUTCOMES_KAFKA_SECURITY_PROTOCOL"


def probe(servers: Sequence[str], options: Mapping[str, Any], protocol: str) -> str | None:
    """What is wrong with the first server that something is wrong with, and what to do.

    Args:
        servers: As `host:port`; as many are tried as a second or two allow.
        options: Of the client; its `ssl_context` is used where there is one.
        protocol: The security protocol that the client speaks.

    Returns:
        None when every port answers as it should.
    """
    context = options.get("ssl_context")
    begun = time.monotonic()
    for server in servers:
        if time.monotonic() - begun > _SECONDS:
            break
        host, _, port = server.rpartition(":")
        found = _look(server, (host.strip("[]"), int(port)), context, protocol)
        if found is not None:
            return found
    return None


def _look(
    server: str, address: tuple[str, int], context: ssl.SSLContext | None, protocol: str
) -> str | None:
    try:
        socket.create_connection(address, _SECONDS).close()
    except socket.gaierror:
        return f"no host is called {address[0]}; mind the spelling in --log"
    except TimeoutError:
        return f"{server} does not answer; is the broker running, does a firewall stand between?"
    except OSError as error:
        return f"{server}: {error.strerror or error}; is the broker running there?"
    refusal = None if context is None else _refusal(address, context)
    if isinstance(refusal, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {server} is not trusted ({refusal.verify_message});"
            " name its authority's file in OUTCOMES_KAFKA_SSL_CAFILE"
        )
    return _other_language(server, address, protocol)


def _other_language(server: str, address: tuple[str, int], protocol: str) -> str | None:
    speaks_tls = _refusal(address, _trusting()) is None
    if speaks_tls and not protocol.endswith("SSL"):
        better = protocol.replace("PLAINTEXT", "SSL")
        return f"{server} speaks TLS and {protocol} does not; set {_PROTOCOL}={better}"
    if protocol.endswith("SSL") and not speaks_tls:
        better = "SASL_PLAINTEXT" if protocol.startswith("SASL") else "PLAINTEXT"
        return f"{server} does not speak TLS and {protocol} does; set {_PROTOCOL}={better}"
    return None


def _trusting() -> ssl.SSLContext:
    """Only to learn whether a port speaks TLS; nothing is sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _refusal(address: tuple[str, int], context: ssl.SSLContext) -> OSError | None:
    try:
        with (
            socket.create_connection(address, _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address[0]),
        ):
            return None
    except OSError as error:
        return error
