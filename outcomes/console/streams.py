"""Standard output and error on which a write is whole or fails, in every buffering mode.

Python's own streams promise less: an unbuffered one drops what the system did not take at once, and
on a descriptor that another process has set non-blocking both fail where they should wait.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

__all__ = ["whole_streams"]


class _WholeFile(io.RawIOBase):
    """A file descriptor; the end of the process closes it, this does not."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
        return size


@contextmanager
def whole_streams() -> Iterator[None]:
    """Replace `sys.stdout` and `sys.stderr`, so that what other packages print is whole too."""
    replaced = sys.stdout, sys.stderr
    by_line = sys.stdout is not None and sys.stdout.isatty()
    sys.stdout, sys.stderr = _whole(sys.stdout, by_line=by_line), _whole(sys.stderr, by_line=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = replaced


def _whole(stream: TextIO, *, by_line: bool) -> TextIO:
    """The same stream; one that is closed or in memory stays as it is."""
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (AttributeError, OSError, ValueError):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_WholeFile(descriptor)),
        encoding=stream.encoding,
        # A character that the encoding lacks is no reason to fail.
        errors="backslashreplace",
        line_buffering=by_line,
    )
