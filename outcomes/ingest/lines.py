"""Lines of a file or a live pipe, in batches."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from outcomes.ingest.files import read_chunk
from schemas.rules import VALUE_BYTES_MAX

__all__ = ["Line", "read_lines"]

_IDLE_SECONDS = 1.0
_BATCH_BYTES = 16_777_216


class Line(NamedTuple):
    """A line of input, without its line end; of an overlong one only the beginning is kept."""

    number: int
    text: bytes


def read_lines(
    stream: BinaryIO, size: int, *, bytes_max: int = VALUE_BYTES_MAX
) -> Iterator[list[Line]]:
    """Lines in batches; blank ones are left out, CRLF ends a line like LF.

    Args:
        stream: Backed by a file descriptor.
        size: Lines a batch at most. A batch closes early when it holds 16 MiB, and when nothing
            comes for a second, so that a live source is never kept waiting.
        bytes_max: An overlong line keeps one byte more than this, enough to be refused.

    Raises:
        BadInputError: If the stream cannot be read.
    """
    descriptor = stream.fileno()
    pending, number, batch, room = b"", 0, list[Line](), _BATCH_BYTES
    while True:
        if batch and not select.select([descriptor], [], [], _IDLE_SECONDS)[0]:
            yield batch
            batch, room = [], _BATCH_BYTES
        chunk = read_chunk(stream)
        *whole, pending = (pending + chunk).split(b"\n")
        if not chunk and pending:
            whole, pending = [pending], b""
        pending = pending[: bytes_max + 2]
        for text in whole:
            number += 1
            line = Line(number, text.removesuffix(b"\r")[: bytes_max + 1])
            if line.text.strip():
                batch.append(line)
                room -= len(line.text)
            if len(batch) >= size or room <= 0:
                yield batch
                batch, room = [], _BATCH_BYTES
        if not chunk:
            break
    if batch:
        yield batch
