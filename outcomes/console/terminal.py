"""Standard output and error, a terminal or a pipe: data on one, diagnostics on the other.

Colour and progress bars appear only on a terminal; `NO_COLOR` is honoured.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ledger.errors import StoreError
from schemas.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ledger.log.progress import ProgressCallback

__all__ = [
    "WIDTH",
    "PipeClosed",
    "columns",
    "discard_output",
    "drop_output",
    "finish",
    "is_screen",
    "line",
    "lines",
    "pages",
    "print_json",
    "progress",
    "write",
]

WIDTH = 100


class PipeClosed(Exception):  # noqa: N818 - not an error: the reader has seen enough
    """Whoever read standard output went away."""


def write(data: bytes) -> None:
    """Write data to standard output.

    Raises:
        PipeClosed: If the reader went away.
        StoreError: If the output cannot take it, a full disk for example.
    """
    if sys.stdout is None:
        raise StoreError("standard output is closed; there is nowhere to print to")
    with _failures_of_output():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def finish() -> None:
    """See to it that all that was printed has been taken.

    Raises:
        PipeClosed: If the reader went away.
        StoreError: If the output cannot take it.
    """
    if sys.stdout is None:
        return
    with _failures_of_output():
        sys.stdout.flush()
        # A network file system may say only when a file is closed that there was no room for it.
        os.close(os.dup(sys.stdout.fileno()))


@contextmanager
def _failures_of_output() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        drop_output()
        if isinstance(error, BrokenPipeError):
            raise PipeClosed from error
        raise StoreError(f"standard output: {error.strerror}; is the disk full?") from error


def drop_output() -> None:
    """Discard what cannot be written, so that it does not fail once more when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                _discard(stream)


def discard_output() -> None:
    """Discard what is still buffered: a person who interrupts a command waits for no reader."""
    if sys.stdout is not None:
        _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    stream.flush()


def print_json(value: object) -> None:
    """One JSON document, indented, with a line end; bytes that are not UTF-8 are escaped."""
    import orjson  # noqa: PLC0415 - not for every command

    try:
        data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Paths may have such bytes, which orjson refuses.
        text = json.dumps(value, indent=2, ensure_ascii=False)
        data = f"{text}\n".encode(errors="backslashreplace")
    write(data)


def line(text: str) -> None:
    """One line; what cannot be printed is escaped."""
    write(f"{one_line(text)}\n".encode())


def is_screen() -> bool:
    """Whether standard output is a terminal, on which a person reads."""
    return sys.stdout is not None and sys.stdout.isatty()


def lines(texts: Iterable[str]) -> None:
    """Lines with their indentation; what cannot be printed is escaped."""
    for text in texts:
        write(f"{printable(text)}\n".encode())


def columns() -> int:
    """The width of the terminal, or of a page where standard output is none."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if is_screen() else WIDTH


def pages(*renderables: RenderableType) -> None:
    """Print what rich can render to standard output, text in lines of 100 columns.

    A narrower terminal breaks the lines itself: a figure is never cut off.
    """
    from rich.console import Console  # noqa: PLC0415 - rich takes a while

    text = io.StringIO()
    colour = sys.stdout is not None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    screen = Console(
        file=text, width=WIDTH, force_terminal=colour, color_system="auto" if colour else None
    )
    for renderable in renderables:
        screen.print(renderable, highlight=False, crop=False)
    lines = (line.rstrip() for line in text.getvalue().splitlines())
    write(("\n".join(lines) + "\n").encode(errors="backslashreplace"))


@contextmanager
def progress(what: str, total: int | None) -> Iterator[ProgressCallback]:
    """A progress bar on standard error where that is a terminal, a no-op elsewhere.

    It shows how many of how many, how many a second and the time left.

    Args:
        what: Label, two or three words.
        total: The last number that the yielded function will get; None when unknown.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from outcomes.console.progress_bar import progress_bar  # noqa: PLC0415 - rich takes a while

    with progress_bar(what, total) as advance:
        yield advance
