"""Standard output and error as a person's terminal or a pipe: data on one, narration on the other.

Colour and progress bars appear only on a terminal; `NO_COLOR` is honoured.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from ledger.errors import StoreError

__all__ = ["WIDTH", "console", "narrating", "pages", "print_json", "progress", "write"]

WIDTH = 100


class PipeClosed(Exception):  # noqa: N818 - not an error: the reader has seen enough
    """Whoever read standard output went away."""


def write(data: bytes) -> None:
    """Write data to standard output.

    Raises:
        PipeClosed: If the reader went away.
        StoreError: If the output cannot take it, a full disk for example.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        # What is still buffered must not fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise PipeClosed from error
    except OSError as error:
        raise StoreError(f"standard output: {error.strerror}; is the disk full?") from error


def print_json(value: object) -> None:
    """One JSON document, indented, with a line end."""
    write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def pages(*renderables: object) -> None:
    """Print what rich can render to standard output, at most 100 columns wide."""
    screen = console()
    with screen.capture() as captured:
        for renderable in renderables:
            screen.print(renderable)
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    write(f"{text}\n".encode())


def console() -> Console:
    """Standard output, as wide as the terminal but no wider than 100 columns."""
    screen = Console(highlight=False, soft_wrap=False)
    screen.width = min(screen.width, WIDTH) if screen.is_terminal else WIDTH
    return screen


def narrating() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error where that is a terminal; a no-op elsewhere.

    Args:
        what: Two or three words.
        total: Of the numbers that the yielded function will be told, None when unknown.
    """
    screen = narrating()
    if not screen.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
