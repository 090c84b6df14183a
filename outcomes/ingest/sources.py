"""The bytes of an input: a file or a pipe as it is, or what gzip has packed in it."""

from __future__ import annotations

import select
import zlib
from typing import BinaryIO, Protocol

from ledger.errors import BadInputError
from outcomes.ingest.files import read_chunk

__all__ = ["UNPACKED_BYTES_MAX", "Peekable", "Source", "Stream", "Unpacked"]

UNPACKED_BYTES_MAX = 64 << 30
_CHUNK_BYTES = 262_144
_HEAD_BYTES = 8
_BLANK_HEAD_BYTES_MAX = 65_536
_GZIP_WINDOW = 31  # zlib's word for: with the header and the checksum of gzip


class Source(Protocol):
    """Bytes that may still be coming."""

    def read(self) -> bytes:
        """What comes next, b"" at the end.

        Raises:
            BadInputError: If it cannot be read.
        """

    def wait(self, seconds: float) -> bool:
        """Whether something can be read, or the end, before that many seconds have passed."""


class Stream:
    """A file or a pipe as it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self) -> bytes:
        """See `Source`."""
        return read_chunk(self._stream)

    def wait(self, seconds: float) -> bool:
        """See `Source`."""
        return bool(select.select([self._stream.fileno()], [], [], seconds)[0])


class Peekable:
    """A source whose beginning can be looked at."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._head = b""

    def peek(self) -> bytes:
        """How it begins: a few bytes at least, if it has as many; the next read gives them too."""
        while len(self._head.lstrip()) < _HEAD_BYTES and len(self._head) < _BLANK_HEAD_BYTES_MAX:
            chunk = self._source.read()
            if not chunk:
                break
            self._head += chunk
        return self._head

    def read(self) -> bytes:
        """See `Source`."""
        head, self._head = self._head, b""
        return head or self._source.read()

    def wait(self, seconds: float) -> bool:
        """See `Source`."""
        return bool(self._head) or self._source.wait(seconds)


class Unpacked:
    """What gzip has packed, one member or several, in bounded memory."""

    def __init__(self, source: Source, name: str, bytes_max: int = UNPACKED_BYTES_MAX) -> None:
        self._source = source
        self._name = name
        self._bytes_max = bytes_max
        self._size = 0
        self._packed = b""
        self._is_pending = False  # zlib holds more than it was asked for
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def read(self) -> bytes:
        """See `Source`."""
        data = b""
        while not data:
            if self._member.eof and not self._next_member():
                return b""
            if not self._packed and not self._is_pending:
                self._packed = self._source.read()
                if not self._packed:
                    raise BadInputError(f"{self._name} ends inside its gzip data; is it complete?")
            data = self._unpack()
        self._size += len(data)
        if self._size > self._bytes_max:
            raise BadInputError(
                f"{self._name} unpacks to more than {self._bytes_max >> 20:,} MiB; split it, or"
                " pipe what `gzip -dc` prints"
            )
        return data

    def wait(self, seconds: float) -> bool:
        """See `Source`."""
        return bool(self._packed) or self._is_pending or self._source.wait(seconds)

    def _unpack(self) -> bytes:
        try:
            data = self._member.decompress(self._packed, _CHUNK_BYTES)
        except zlib.error as error:
            raise BadInputError(
                f"{self._name}: damaged gzip data after {self._size:,} unpacked bytes; get it again"
            ) from error
        self._packed = self._member.unconsumed_tail
        self._is_pending = len(data) == _CHUNK_BYTES
        return data

    def _next_member(self) -> bool:
        """Begin the next member; False where there is none, only zeros that fill up a block."""
        self._packed = self._member.unused_data.lstrip(b"\0")
        while not self._packed:
            chunk = self._source.read()
            if not chunk:
                return False
            self._packed = chunk.lstrip(b"\0")
        self._member, self._is_pending = zlib.decompressobj(_GZIP_WINDOW), False
        return True
