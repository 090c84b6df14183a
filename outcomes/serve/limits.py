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
    """HTTP/1.1 whose headers have to arrive in time, of every request on a connection."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as in asyncio
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Stop the clock where headers are complete, start it where they have begun.

        Between two requests there is uvicorn's own for connections that are kept.
        """
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_clock()
        elif self._deadline is None:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
