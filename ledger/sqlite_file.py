"""A SQLite file of ours: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from ledger.error_translation import Advice, code_of, translate_errors

__all__ = ["BUSY_SECONDS", "connect", "is_damage", "translate_sqlite_errors"]

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
    Advice((sqlite3.Error, OSError), "see `outcomes doctor`"),
)


def connect(path: Path, mode: str, *, busy_seconds: float | None = None) -> sqlite3.Connection:
    """A connection without implicit transactions.

    Args:
        path: The file; every character in it is taken literally.
        mode: Of SQLite's URIs: `ro`, `rw` or `rwc`.
        busy_seconds: How long to wait for another process that writes; `BUSY_SECONDS` where None.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    wait = BUSY_SECONDS if busy_seconds is None else busy_seconds
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that a file is damaged, rather than locked or on a full disk."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def translate_sqlite_errors(path: Path, failure: str) -> AbstractContextManager[None]:
    """Turn errors of SQLite and of the system into one line, see `translate_errors`."""
    return translate_errors(path, failure, _ADVICE)
