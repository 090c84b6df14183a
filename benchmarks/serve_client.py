"""A load generator that costs little itself: HTTP/1.1 by hand on asyncio's streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import perf_counter

__all__ = ["Connection", "batch_request", "get_request", "percentile"]

_LIMIT_BYTES = 8 * 1_024 * 1_024


class Connection:
    """One connection, kept for many requests or for one stream."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        head = await self._send(request)
        assert self._reader is not None
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        length = {name.lower(): value for name, value in fields.items()}[b"content-length"]
        return int(head.split(b" ", 2)[1]), await self._reader.readexactly(int(length))

    async def events(self, request: bytes) -> AsyncIterator[tuple[str, float]]:
        """The ids of server-sent events, each with the moment at which it was there."""
        head = await self._send(request)
        assert head.split(b" ", 2)[1] == b"200", head
        assert self._reader is not None
        async for line in self._reader:
            if line.startswith(b"id: "):
                yield line[4:].strip().decode(), perf_counter()

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()

    async def _send(self, request: bytes) -> bytes:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=_LIMIT_BYTES
            )
        assert self._reader is not None
        self._writer.write(request)
        return await self._reader.readuntil(b"\r\n\r\n")


def get_request(port: int, path: str) -> bytes:
    """A request that only reads."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def batch_request(port: int, values: Sequence[bytes]) -> bytes:
    """A request that appends a batch."""
    body = b"[" + b",".join(values) + b"]"
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/cloudevents-batch+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
