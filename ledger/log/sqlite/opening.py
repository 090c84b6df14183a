"""Opening a log's file: only what is a log is opened, and nothing beside it is overlooked."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

from ledger.error_translation import code_of
from ledger.errors import NoLogError, StoreError
from ledger.log.sqlite.foreign_wal import refuse_foreign_wal
from ledger.log.sqlite.text_view import CREATE_TEXT_VIEW, TEXT_VIEW
from ledger.sqlite_file import BUSY_SECONDS, connect, journal_path, wal_path, without_waiting

__all__ = ["APPLICATION_ID", "DEFAULT_NAME", "UnlockedFile", "open_to_read", "open_to_write"]

DEFAULT_NAME = "student-lifecycle"
APPLICATION_ID = 0x4F4C4F47
SCHEMA_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_PAUSE_SECONDS = 0.01
_TABLES = (
    "create table log (name text not null, partitions integer not null)",
    """
    create table records (
        partition integer not null,
        "offset" integer not null,
        recorded_at integer not null,
        key blob,
        value blob,
        primary key (partition, "offset")
    )
    """,
    'create index records_by_key on records (key, partition, "offset")',
)


class UnlockedFile:
    """A file that is read without locks, since its folder allows none.

    Nobody had it open for writing when it was opened. Whoever does so later is not seen by SQLite,
    which may then read half of a change.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = self._look()

    def refuse_change(self) -> None:
        """Refuse what was read if the file has changed since it was opened.

        Raises:
            StoreError: If it has.
        """
        if self._look() != self._state:
            raise StoreError(
                f"{self._path} changed while it was read without locks, which its folder does not"
                " allow to this user; run the command again"
            )

    def _look(self) -> tuple[object, ...]:
        status = self._path.stat()
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return (*identity, _size(wal_path(self._path)), _size(journal_path(self._path)))


def open_to_write(file: Path, partitions: int) -> sqlite3.Connection:
    """A connection to a log, made with so many partitions where there is none.

    Raises:
        StoreError: If the file is not a log of this schema, or no log can be made there.
    """
    _refuse_other_kinds(file)
    # SQLite takes a file of a byte or two for an empty database.
    if file.exists() and 0 < file.stat().st_size < len(_MAGIC):
        raise StoreError(f"{file} is not a log of this ledger; name another file with --log")
    if not file.parent.is_dir():
        raise StoreError(f"{file}: there is no folder {file.parent}; create it first")
    if not _size(file) and _size(wal_path(file)):
        raise StoreError(
            f"{file} cannot be created: {wal_path(file)} holds records of a log that was moved"
            " away; move that beside its log, or delete it"
        )
    if file.exists():
        # Before this connection, which would move a foreign write-ahead log into the file.
        refuse_foreign_wal(file)
    connection = connect(file, "rwc")
    try:
        _prepare(file, connection, partitions)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(file: Path) -> tuple[sqlite3.Connection, UnlockedFile | None]:
    """A connection to a log that exists; with the file to watch where it can take no locks.

    Raises:
        StoreError: If the file is missing, not a log of this schema, or cannot be read whole.
    """
    _refuse_other_kinds(file)
    if not file.exists():
        lost = wal_path(file)
        hint = f"; {lost} holds records of one that was moved away" if _size(lost) else ""
        raise NoLogError(
            f"no log at {file}{hint}; name another with --log, or `outcomes append` creates one"
        )
    refuse_foreign_wal(file)
    unlocked: UnlockedFile | None = None
    connection = connect(file, "ro")
    try:
        try:
            connection.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            connection.close()
            _refuse_half(file)
            unlocked = UnlockedFile(file)
            connection = connect(file, "ro&immutable=1")
        _check(file, connection)
    except BaseException:
        connection.close()
        raise
    return connection, unlocked


def _refuse_half(file: Path) -> None:
    """Refuse to read a file alone where SQLite could not read what is beside it.

    A reader needs a `-shm` file, which a read-only folder refuses. Without a write-ahead log
    or a journal nobody is writing, and the file alone is the whole log.
    """
    for beside in (wal_path(file), journal_path(file)):
        if _size(beside):
            raise StoreError(
                f"{file} cannot be read: {beside} belongs to it, and reading both needs the"
                " permission to write to their folder; copy both to another folder, or let their"
                " owner run `outcomes backup`"
            )


def _refuse_other_kinds(file: Path) -> None:
    if file.is_dir():
        raise StoreError(f"{file} is a folder; name the file of a log")
    if (file.exists() and not file.is_file()) or _is_loop(file):
        raise StoreError(f"{file} is not a regular file; name the file of a log")


def _is_loop(file: Path) -> bool:
    try:
        file.resolve()
    except (OSError, RuntimeError):
        return True
    return False


def _size(file: Path) -> int:
    """The size of a file; 0 where there is none."""
    try:
        return file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _prepare(file: Path, connection: sqlite3.Connection, partitions: int) -> None:
    """Make the tables in an empty file; any other file is left unchanged."""
    if _pragma(connection, "application_id") == 0 and not _tables(connection):
        _write_ahead(connection)
        # Whatever is appended later is put on disk together with what is made here.
        connection.execute("pragma synchronous = normal")
        connection.execute("begin immediate")
        try:
            if not _tables(connection):
                _create(connection, partitions)
            connection.execute("commit")
        except BaseException:
            connection.rollback()
            raise
    _check(file, connection)
    # A backup, or a copy made by another program, has another mode. One that somebody reads right
    # now is as durable without, and the next append tries again.
    with suppress(sqlite3.OperationalError), without_waiting(connection):
        connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    _add_text_view(connection)


def _add_text_view(connection: sqlite3.Connection) -> None:
    """Give a log of an older ledger its view; without one, the next append tries again."""
    known = "select 1 from sqlite_master where name = ?"
    if connection.execute(known, (TEXT_VIEW,)).fetchone() is None:
        with suppress(sqlite3.OperationalError), without_waiting(connection):
            connection.execute(CREATE_TEXT_VIEW)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait for another process that does so now."""
    if _pragma(connection, "page_count") == 0:
        # The only page is written whole or not at all, so its journal need not be on disk.
        connection.execute("pragma journal_mode = memory")
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _create(connection: sqlite3.Connection, partitions: int) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("insert into log values (?, ?)", (DEFAULT_NAME, partitions))
    connection.execute(CREATE_TEXT_VIEW)
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _check(file: Path, connection: sqlite3.Connection) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{file} is not a log of this ledger; name another file with --log")
    version = _pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{file} is a log of schema {version}, and this ledger reads up to {SCHEMA_VERSION};"
            " upgrade the ledger"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return cast("int", connection.execute(f"pragma {name}").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> int:
    return cast("int", connection.execute("select count(*) from sqlite_master").fetchone()[0])
