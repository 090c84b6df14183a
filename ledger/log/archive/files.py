"""Files that are there whole or not at all, whenever the machine stops."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from ledger.errors import StoreError

__all__ = [
    "LOCK",
    "PARTIAL",
    "GzipWriter",
    "Packed",
    "into_place",
    "one_line",
    "one_writer",
    "side_by_side",
    "sync_folder",
    "write_whole",
]

PARTIAL = ".partial"
"""Ends the name of a file that is still being written; nobody reads one."""

LOCK = "archive.lock"
"""Held by whoever writes to an archive; it holds nothing."""

_LEVEL = 6
_GZIP = 31  # zlib's word for a gzip header, which it writes without a time or a name
_BLOCK_BYTES = 262_144
_BLOCKS_AHEAD = 4
_THREADS_MAX = 8

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class Packed(NamedTuple):
    """A file as it lies on the disk.

    Attributes:
        sha256: Of the compressed bytes, hexadecimal.
        compressed_bytes: Its size.
        plain_bytes: The size of what it unpacks to.
    """

    sha256: str
    compressed_bytes: int
    plain_bytes: int


class GzipWriter:
    """One gzip file, packed and hashed by a thread beside whoever makes the lines.

    The same bytes in give the same file on any machine with the same zlib.
    """

    def __init__(self, partial: Path, pool: Executor) -> None:
        assert partial.name.endswith(PARTIAL)
        self.plain_bytes = 0
        self._partial = partial
        self._pool = pool
        self._lines = bytearray()
        self._waiting = deque[Future[None]]()
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()
        self._compressed_bytes = 0
        self._file = partial.open("wb")

    def write(self, data: bytes) -> None:
        """Take some bytes; trouble with earlier ones may show up here."""
        self._lines += data
        self.plain_bytes += len(data)
        if len(self._lines) >= _BLOCK_BYTES:
            self._hand_over()

    def publish(self, path: Path) -> Packed:
        """Put all on disk under the final name, which appears with the whole file or not at all."""
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        self._store(self._deflate.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        into_place(self._partial, path)
        return Packed(self._hash.hexdigest(), self._compressed_bytes, self.plain_bytes)

    def discard(self) -> None:
        """Forget the file; of no effect on one that is published."""
        while self._waiting:
            with suppress(OSError):
                self._waiting.popleft().result()
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def _hand_over(self) -> None:
        while len(self._waiting) >= _BLOCKS_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._pack, bytes(self._lines)))
        self._lines.clear()

    def _pack(self, block: bytes) -> None:
        self._store(self._deflate.compress(block))

    def _store(self, packed: bytes) -> None:
        self._hash.update(packed)
        self._compressed_bytes += len(packed)
        self._file.write(packed)


def side_by_side(look: Callable[[_Item], _Found], items: Iterable[_Item]) -> list[_Found]:
    """Look at some files, several at once; hashing leaves the interpreter to the others.

    Args:
        look: Looks at one; runs in a thread.
        items: What stands for the files.
    """
    with ThreadPoolExecutor(max_workers=min(_THREADS_MAX, os.cpu_count() or 1)) as pool:
        return list(pool.map(look, items))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, put it on disk, then under its name."""
    partial = path.with_name(f"{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        into_place(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder holds."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Be the only one who writes to an archive; the lock ends with the process at the latest.

    Raises:
        StoreError: If another process is.
    """
    with (folder / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{folder}: another run is writing to this archive; try again when it is done"
            ) from error
        yield


_ADVICE = {
    errno.ENOSPC: "make room and run it again: it goes on where it stopped",
    errno.EDQUOT: "make room and run it again: it goes on where it stopped",
    errno.EFBIG: "lift the limit on file sizes and run it again: it goes on where it stopped",
    errno.EACCES: "mind the rights of the folder and its files",
    errno.EPERM: "mind the rights of the folder and its files",
    errno.EROFS: "name a folder on a disk that can be written to",
    errno.ENOTDIR: "name a folder",
}


@contextmanager
def one_line(folder: Path) -> Iterator[None]:
    """Turn the system's errors into one line that says what to do."""
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        advice = _ADVICE.get(error.errno or 0, "is the disk well? what was sealed before stands")
        raise StoreError(f"{place}: {error.strerror or error}; {advice}") from error


def into_place(partial: Path, path: Path) -> None:
    """Give a file that is on disk its name, in the place of one before it."""
    partial.replace(path)
    sync_folder(path.parent)
