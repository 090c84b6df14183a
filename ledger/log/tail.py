"""Following a log: what it holds, and what comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ledger.log.cut import Cut
from ledger.log.port import Log
from schemas.moments import utc_text
from schemas.record import Record

__all__ = ["follow_log", "short_line"]

_POLL_SECONDS = 0.25
_WIDTH = 100


def follow_log(log: Log, start: Cut, *, follow: bool) -> Iterator[Record | None]:
    """Records from a cut on; with `follow` for ever, None where there is no more for now."""
    at = start
    while True:
        end = log.end()
        yield from log.read(at, end)
        yield None
        if not follow:
            return
        at = end
        while log.end() == at:
            time.sleep(_POLL_SECONDS)


def short_line(record: Record) -> bytes:
    r"""A record as one line for a person: cut to 100 columns, odd bytes escaped.

    >>> short_line(Record(0, 7, 0, b"s-1", b"{}"))
    b'0:7  1970-01-01T00:00:00.000Z  s-1  {}\n'
    """
    place = f"{record.partition}:{record.offset}  {utc_text(record.recorded_at)}"
    line = f"{place}  {_readable(record.key)}  {_readable(record.value)}"
    return (line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…").encode() + b"\n"


def _readable(data: bytes | None) -> str:
    if data is None:
        return "null"
    text = data[:_WIDTH].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
