"""The read model as a file: one writer at a time, and a damaged file is told from a foreign one."""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path
from typing import IO

from ledger.errors import StoreError

__all__ = ["APPLICATION_ID", "connect", "is_damaged", "locked", "remove"]

APPLICATION_ID = 0x4F4C5354
BUSY_SECONDS = 30
_HEAD_BYTES = 100
_APPLICATION_ID_AT = 68


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in a mode of SQLite's URIs: `ro`, `rw` or `rwc`."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def locked(path: Path) -> IO[str]:
    """Be the only writer, until what is returned is closed or the process ends.

    Raises:
        StoreError: If another process is.
    """
    lock = path.with_name(f"{path.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreError(
            f"{path} has a worker already; stop it, or name another file with --state"
        ) from error
    return lock


def is_damaged(path: Path) -> bool:
    """Whether a file of ours can no longer be read whole; what is not ours is left alone."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4] != APPLICATION_ID.to_bytes(4):
        return False
    connection = connect(path, "rw")
    try:
        return bool(connection.execute("pragma quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        # A file that is locked, or a disk that is full, says nothing of what is in it.
        return "malformed" in str(error) or "not a database" in str(error)
    finally:
        connection.close()


def remove(path: Path) -> None:
    """Remove a file with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
