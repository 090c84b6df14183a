"""An external merge sort of lines: memory holds one chunk, whatever the number of lines."""

from __future__ import annotations

from contextlib import ExitStack
from heapq import merge
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FAN_IN: Final = 48  # runs of one level are merged to one of the next: bounds the open files


def in_order(chunks: Iterable[list[bytes]], fan_in: int = FAN_IN) -> Iterator[bytes]:
    """Yield the lines of all chunks in order of their bytes.

    Each chunk is sorted and spilled to a temporary file without a name, which the system removes
    as soon as it is closed: when the last line is read, when the consumer stops early, when the
    process is killed.

    Args:
        chunks: Lists of lines, each line with its one line end; sorted in place and emptied.
        fan_in: At least 2. At most *fan_in* files are open at each level, and there is one more
            level for every *fan_in* times as many chunks.

    Raises:
        OSError: If the disk with the temporary folder (`TMPDIR`) is full.
    """
    with ExitStack() as stack:
        levels: list[list[IO[bytes]]] = []
        for chunk in chunks:
            chunk.sort()
            _add(stack, levels, 0, _spilled(stack, chunk), fan_in)
            chunk.clear()
        yield from merge(*(run for level in levels for run in level))


def _add(
    stack: ExitStack, levels: list[list[IO[bytes]]], level: int, run: IO[bytes], fan_in: int
) -> None:
    """Put a run on its level, and merge the level into the next when it is full."""
    if level == len(levels):
        levels.append([])
    runs = levels[level]
    runs.append(run)
    if len(runs) == fan_in:
        merged = _spilled(stack, merge(*runs))
        for old in runs:
            old.close()
        runs.clear()
        _add(stack, levels, level + 1, merged, fan_in)


def _spilled(stack: ExitStack, lines: Iterable[bytes]) -> IO[bytes]:
    """Return a file that holds *lines*, to be read from its beginning."""
    run = stack.enter_context(TemporaryFile())  # noqa: SIM115, the stack closes it
    run.writelines(lines)
    run.seek(0)
    return run
