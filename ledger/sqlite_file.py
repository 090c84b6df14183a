"""A SQLite file of ours: how it is opened, and what its errors mean."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ledger.error_translation import Advice, code_of, translate_errors

__all__ = [
    "BUSY_SECONDS",
    "checkpoint",
    "connect",
    "is_damage",
    "journal_path",
    "translate_sqlite_errors",
    "waiting_at_most",
    "wal_path",
    "without_waiting",
]

BUSY_SECONDS = 30
"""How long a connection waits for another process that writes."""

_SQLITE = (sqlite3.Error,)
_RIGHTS = "check the permissions of the file and its folder"
_ADVICE = (
    Advice(
        _SQLITE,
        "another process is writing to it; try again when it is done",
        codes=(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
    ),
    Advice(_SQLITE, "the disk is full; make room and try again", codes=(sqlite3.SQLITE_FULL,)),
    Advice(
        _SQLITE, "it is not a log; name another file with --log", codes=(sqlite3.SQLITE_NOTADB,)
    ),
    Advice(
        _SQLITE,
        "it is damaged; restore it from a copy, see `outcomes doctor`",
        codes=(sqlite3.SQLITE_CORRUPT,),
    ),
    Advice(
        _SQLITE,
        f"it cannot be written to; {_RIGHTS}",
        codes=(sqlite3.SQLITE_READONLY,),
    ),
    Advice(
        _SQLITE,
        _RIGHTS,
        codes=(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
    ),
    Advice(
        _SQLITE,
        "the disk failed; is it full, or a limit on file sizes reached?",
        codes=(sqlite3.SQLITE_IOERR,),
    ),
    Advice((OSError,), "make room and try again", codes=(errno.ENOSPC, errno.EDQUOT)),
    Advice((OSError,), _RIGHTS, codes=(errno.EACCES, errno.EPERM, errno.EROFS)),
    Advice((sqlite3.Error, OSError), "see `outcomes doctor`"),
)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection without implicit transactions.

    Args:
        path: The file; every character in it is taken literally.
        mode: Of SQLite's URIs: `ro`, `rw` or `rwc`.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def wal_path(path: Path) -> Path:
    """The write-ahead log of a file, which lies beside the file that a link leads to."""
    return _beside(path, "-wal")


def journal_path(path: Path) -> Path:
    """The rollback journal of a file without a write-ahead log, see `wal_path`."""
    return _beside(path, "-journal")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move the write-ahead log into the file, as far as open readers allow.

    It waits for nobody and raises nothing: what is in the write-ahead log is durable there. When
    all has been moved, the write-ahead log is emptied, so that the file alone is the database.
    """
    with suppress(sqlite3.Error):
        busy, frames, moved = connection.execute("pragma wal_checkpoint(passive)").fetchone()
        if busy or frames <= 0 or frames != moved:
            return
        # Beside a reader of the end, emptying would hold the write lock for the whole timeout.
        with without_waiting(connection):
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()


def without_waiting(connection: sqlite3.Connection) -> AbstractContextManager[None]:
    """Let statements fail at once where another connection holds a lock."""
    return waiting_at_most(connection, 0)


@contextmanager
def waiting_at_most(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Let statements wait so long where another connection holds a lock."""
    (timeout,) = connection.execute("pragma busy_timeout").fetchone()
    connection.execute(f"pragma busy_timeout = {round(seconds * 1_000)}")
    try:
        yield
    finally:
        connection.execute(f"pragma busy_timeout = {timeout}")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that a file is damaged, rather than locked or on a full disk."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def translate_sqlite_errors(path: Path, failure: str) -> AbstractContextManager[None]:
    """Turn errors of SQLite and of the system into one line, see `translate_errors`."""
    return translate_errors(path, failure, _ADVICE)


def _beside(path: Path, suffix: str) -> Path:
    file = path.resolve()
    return file.with_name(f"{file.name}{suffix}")
