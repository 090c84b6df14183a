"""Lines of a file or a live pipe, or the items of a JSON array in it, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, cast

__all__ = ["Line", "LineSplitter"]


class Line(NamedTuple):
    """A line of input without its line end, or an item of an array; an overlong one is cut."""

    number: int
    text: bytes


_as_line = cast("Callable[[tuple[int, bytes]], Line]", partial(tuple.__new__, Line))
"""What `Line._make` comes to, several times as fast."""


class LineSplitter:
    """Cuts an input into lines; blank ones are left out, CRLF ends a line like LF.

    Args:
        bytes_max: An overlong line keeps one byte more than this, enough to be refused.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._number = 0
        self._pending = b""

    def split(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in the next bytes; b"" is the end of the input."""
        *whole, pending = (self._pending + chunk).split(b"\n")
        if not chunk and pending:
            whole, pending = [pending], b""
        self._pending = pending[: self._bytes_max + 2]
        for number, text in enumerate(whole, self._number + 1):
            cut = text.removesuffix(b"\r")[: self._bytes_max + 1]
            if cut and not cut.isspace():
                yield _as_line((number, cut))
        self._number += len(whole)
