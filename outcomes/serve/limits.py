"""What one client may cost: bytes, time, connections."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from fastapi import Request
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from outcomes.serve.problems import Problem

__all__ = ["HEADER_BYTES_MAX", "BoundedProtocol", "read_body"]

HEADER_BYTES_MAX = 32_768
_HEADER_SECONDS = 10.0
_BODY_SECONDS = 15.0

_DRAINED_BYTES = 67_108_864
"""What is read and thrown away of a body that is too large, so that its sender hears why."""


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The whole body of a request, as it was sent.

    Raises:
        Problem: 408 if it comes too slowly, 413 if it is too large, 415 if it is compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body without a content encoding")
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= bytes_max:
                    body += chunk
                elif size > bytes_max + _DRAINED_BYTES:
                    break
    except TimeoutError as error:
        detail = f"the body did not arrive within {_BODY_SECONDS:.0f} s"
        raise Problem(408, detail, headers={"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise Problem(400, "the connection was closed inside the body") from error
    if size > bytes_max:
        detail = f"the body is over {bytes_max // 1_048_576} MiB; send smaller batches"
        raise Problem(413, detail, headers={"Connection": "close"})
    return bytes(body)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 whose headers have to arrive in time, from the first byte of a connection on."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as in asyncio
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_HEADER_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        """Close a connection on which the headers of a request have not arrived."""
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
        else:
            self._deadline = self.loop.call_later(_HEADER_SECONDS, self._close_if_silent)
