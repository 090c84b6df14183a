"""Following a log: its records, and new ones as they are appended."""

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
    """Records from a cut on, then None; with `follow` for ever, None whenever there are no more."""
    position = start
    while True:
        end = log.end()
        yield from log.read(position, end)
        yield None
        if not follow:
            return
        position = end
        while log.end() == position:
            time.sleep(_POLL_SECONDS)


def short_line(record: Record) -> bytes:
    r"""A record as one readable line: cut to 100 columns, unprintable bytes escaped.

    >>> short_line(Record(0, 7, 0, b"s-1", b"{}"))
    b'0:7  1970-01-01T00:00:00.000Z  s-1  {}\n'
    """
    position = f"{record.partition}:{record.offset}  {utc_text(record.recorded_at)}"
    line = f"{position}  {_readable(record.key)}  {_readable(record.value)}"
    return (line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…").encode() + b"\n"


def _readable(data: bytes | None) -> str:
    if data is None:
        return "null"
    text = data[:_WIDTH].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
