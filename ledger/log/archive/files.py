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
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from ledger.error_translation import Advice, translate_errors
from ledger.errors import StoreError

__all__ = [
    "LOCK",
    "PARTIAL",
    "GzipWriter",
    "PackedFile",
    "lock_archive",
    "map_in_threads",
    "rename_into_place",
    "sync_folder",
    "translate_archive_errors",
    "write_atomically",
]

PARTIAL = ".partial"
"""Ends the name of a file that is still being written; nobody reads one."""

LOCK = "archive.lock"
"""An empty file, locked by the writer of an archive."""

_LEVEL = 6
_GZIP = 31  # zlib's word for a gzip header, which it writes without a time or a name
_BLOCK_BYTES = 262_144
_BLOCKS_AHEAD = 4
_THREADS_MAX = 8
_RUN_AGAIN = "run it again: it continues where it stopped"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class PackedFile(NamedTuple):
    """A gzip file on disk.

    Attributes:
        sha256: Of the compressed bytes, hexadecimal.
        compressed_bytes: Its size.
        plain_bytes: The size of what it unpacks to.
    """

    sha256: str
    compressed_bytes: int
    plain_bytes: int


class GzipWriter:
    """One gzip file, compressed and hashed in another thread than the lines are made in.

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
        """Add some bytes; an error with earlier ones may be raised here."""
        self._lines += data
        self.plain_bytes += len(data)
        if len(self._lines) >= _BLOCK_BYTES:
            self._hand_over()

    def publish(self, path: Path) -> PackedFile:
        """Put all on disk under the final name, which appears with the whole file or not at all."""
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        self._store(self._deflate.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        rename_into_place(self._partial, path)
        return PackedFile(self._hash.hexdigest(), self._compressed_bytes, self.plain_bytes)

    def discard(self) -> None:
        """Remove the file unless it is published."""
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


def map_in_threads(check: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Check some files, several at once: hashing releases the interpreter's lock.

    Args:
        check: Checks one file; runs in a thread.
        items: What identifies the files to it.
    """
    with ThreadPoolExecutor(max_workers=min(_THREADS_MAX, os.cpu_count() or 1)) as pool:
        return list(pool.map(check, items))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under another name, put it on disk, then rename it."""
    partial = path.with_name(f"{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        rename_into_place(partial, path)
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
def lock_archive(folder: Path) -> Iterator[None]:
    """Be the only writer of an archive; the lock ends with the process at the latest.

    Raises:
        StoreError: If there is another writer.
    """
    with (folder / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{folder}: another run is writing to this archive; try again when it is done"
            ) from error
        yield


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHTS = (errno.EACCES, errno.EPERM)
_ADVICE = (
    Advice((OSError,), f"make room and {_RUN_AGAIN}", codes=_NO_ROOM),
    Advice((OSError,), f"lift the limit on file sizes and {_RUN_AGAIN}", codes=(errno.EFBIG,)),
    Advice((OSError,), "check the permissions of the folder and its files", codes=_NO_RIGHTS),
    Advice((OSError,), "name a folder on a disk that can be written to", codes=(errno.EROFS,)),
    Advice((OSError,), "name a folder", codes=(errno.ENOTDIR,)),
    Advice((OSError,), "check the disk; what was sealed before is safe"),
)


def translate_archive_errors(folder: Path) -> AbstractContextManager[None]:
    """Turn the system's errors into one line, see `translate_errors`."""
    return translate_errors(folder, "cannot be used", _ADVICE)


def rename_into_place(partial: Path, path: Path) -> None:
    """Give a file that is on disk its final name, whose file it replaces."""
    partial.replace(path)
    sync_folder(path.parent)
