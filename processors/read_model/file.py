"""The read model's file: created when missing, rebuilt when damaged, refused when foreign."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlite_utils import Database

from ledger.errors import NoFiguresError, StoreError
from ledger.sqlite_file import connect, is_damage
from processors.read_model.lock import lock_for_writing
from processors.read_model.place import (
    APPLICATION_ID,
    application_id_of,
    foreign_file_error,
    refuse_foreign_place,
)
from processors.read_model.tables import MIGRATIONS

__all__ = ["APPLICATION_ID", "delete_file", "is_damaged", "open_file"]


@contextmanager
def open_file(
    path: Path, *, read_only: bool, owner: int | None = None
) -> Iterator[sqlite3.Connection]:
    """The read model as a connection, opened by its only writer or by a reader.

    To a writer a missing file is created; a damaged one is created again, since it is a cache.

    Args:
        path: The file.
        read_only: Whether it is opened by a reader.
        owner: See `lock_for_writing`.

    Raises:
        NoFiguresError: If a reader finds no file, or no tables in it yet.
        StoreError: If it cannot be opened, is not a read model, or has a writer already.
    """
    if read_only and not path.exists():
        raise NoFiguresError(f"no figures at {path}; `outcomes worker` keeps them")
    # Before anything is written, its lock beside it included.
    refuse_foreign_place(path)
    with ExitStack() as resources:
        try:
            if not read_only:
                resources.enter_context(lock_for_writing(path, owner))
                if is_damaged(path):
                    delete_file(path)
            connection = connect(path, "ro" if read_only else "rwc")
            resources.callback(connection.close)
            tables = _refuse_foreign(path, connection)
            if not read_only:
                _prepare(connection)
            elif "about" not in tables:
                raise NoFiguresError(f"no figures at {path} yet; a worker has just created it")
        except (sqlite3.Error, OSError) as error:
            rebuild = ", or delete the file: it is rebuilt from the log" if _is_ours(path) else ""
            raise StoreError(
                f"{path} cannot be opened ({error}): make room or check the permissions of its"
                f" folder{rebuild}"
            ) from error
        yield connection


def is_damaged(path: Path) -> bool:
    """Whether a read model can no longer be read whole; False for any other file, or none."""
    if not _is_ours(path):
        return False
    connection = connect(path, "rw")
    try:
        return bool(connection.execute("pragma quick_check(1)").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        # A locked file or a full disk is no evidence of damage.
        return is_damage(error)
    finally:
        connection.close()


def delete_file(path: Path) -> None:
    """Delete a database with the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _refuse_foreign(path: Path, connection: sqlite3.Connection) -> set[str]:
    """The tables of a read model; what is none is refused."""
    application_id = connection.execute("pragma application_id").fetchone()[0]
    tables = {name for (name,) in connection.execute("select name from sqlite_master")}
    if application_id != APPLICATION_ID and tables:
        raise foreign_file_error(path)
    return tables


def _is_ours(path: Path) -> bool:
    return application_id_of(path) == APPLICATION_ID


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    MIGRATIONS.apply(Database(connection))
