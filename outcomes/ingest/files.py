"""Input that a person names: a file, or standard input for `-`."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ledger.errors import BadInputError

__all__ = ["STDIN", "name_of", "open_input", "read_chunk", "read_file"]

STDIN = "-"
_CHUNK_BYTES = 262_144


def name_of(path: str) -> str:
    """What an input is called in messages."""
    return "standard input" if path == STDIN else path


@contextmanager
def open_input(path: str, hint: str) -> Iterator[BinaryIO]:
    """A file to read, or standard input for `-`.

    Args:
        path: As a person typed it.
        hint: What to name instead of what is not there.

    Raises:
        BadInputError: If there is no such file, or it is a folder.
    """
    if path == STDIN:
        if sys.stdin is None:
            raise BadInputError("standard input is closed; name a file, or pipe data into it")
        yield sys.stdin.buffer
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}; {hint}") from error
    with stream:
        yield stream


def read_file(path: str, hint: str) -> bytes:
    """All of a file, or of standard input for `-`.

    Raises:
        BadInputError: If it cannot be read.
    """
    with open_input(path, hint) as stream:
        return b"".join(iter(partial(read_chunk, stream), b""))


def read_chunk(stream: BinaryIO) -> bytes:
    """What comes next, b"" at the end; waits for it even if the stream is in non-blocking mode.

    Raises:
        BadInputError: If it cannot be read.
    """
    descriptor = stream.fileno()
    while True:
        try:
            return os.read(descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            select.select([descriptor], [], [])
        except OSError as error:
            name = name_of(STDIN) if descriptor == 0 else stream.name
            raise BadInputError(f"{name} cannot be read: {error.strerror}") from error
