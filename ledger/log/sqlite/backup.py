"""A backup of an embedded log: a copy made while others append, compared before it has its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log.cut import Cut
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from ledger.log.sqlite.log import SqliteLog
from ledger.sqlite_file import connect, translate_sqlite_errors, wal_path
from ledger.temporary import owned_folder

__all__ = ["BackupResult", "back_up"]

_PREFIX = "outcomes-backup-"


class BackupResult(NamedTuple):
    """A backup that was made.

    Attributes:
        records: How many it holds.
        end: How far it reaches.
        size: Of the file, in bytes.
    """

    records: int
    end: Cut
    size: int


def back_up(
    log: SqliteLog, target: Path, *, progress: ProgressCallback = no_progress
) -> BackupResult:
    """Copy a log to a new file, compare every record, and give the file its name.

    Others may append meanwhile. The copy holds at least what was acknowledged before it began, and
    all of it lies in the one file.

    Args:
        log: Open for reading.
        target: A file that does not exist.
        progress: Called now and then with the number of records copied and of those compared.

    Raises:
        StoreError: If the target exists or cannot be written, or the copy differs from the log.
    """
    _refuse_existing(target)
    acknowledged = log.end()
    with (
        translate_sqlite_errors(target, f"cannot be made of {log.path}"),
        _partial_file(target) as partial,
    ):
        total = sum(acknowledged.values())
        log.copy_to(partial, lambda: progress(_records_copied(log.path, partial, total)))
        end = _compare(log, partial, acknowledged, lambda compared: progress(total + compared))
        _use_write_ahead_log(partial)
        shutil.copymode(log.path, partial)
        _publish(partial, target)
    return BackupResult(sum(end.values()), end, target.stat().st_size)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise StoreError(f"{target} exists, and a backup replaces no file; name a new one")
    if not target.parent.is_dir():
        raise StoreError(f"{target}: there is no folder {target.parent}; create it first")
    if wal_path(target).exists():
        raise StoreError(
            f"{wal_path(target)} is left over from another log and would be read as a part of the"
            " backup; move it away, or name another file"
        )


@contextmanager
def _partial_file(target: Path) -> Iterator[Path]:
    """An empty file in a folder beside the target, which only this user can open."""
    with owned_folder(_PREFIX, target.parent) as folder:
        partial = folder / "partial.db"
        partial.touch()
        yield partial


def _records_copied(source: Path, partial: Path, total: int) -> int:
    """How many records are copied by now, as far as the sizes of the files tell."""
    return (
        total * min(partial.stat().st_size, source.stat().st_size) // max(1, source.stat().st_size)
    )


def _compare(log: SqliteLog, partial: Path, least: Cut, progress: ProgressCallback) -> Cut:
    """Compare every record of a copy with the log; the copy's end.

    Raises:
        StoreError: If they differ, or the copy reaches less far than the log did.
    """
    with closing(SqliteLog.open(partial)) as copy:
        end, start = copy.end(), dict.fromkeys(copy.end(), 0)
        copied = with_progress(copy.read(start, end), progress)
        pairs = zip_longest(log.read(start, end), copied)
        same = all(original == record for original, record in pairs)
        broken = [check.detail for check in copy.examine() if check.severity == "broken"]
    if broken or not same or any(end[partition] < least[partition] for partition in least):
        raise StoreError(
            f"the copy of {log.path} differs from it ({broken[0] if broken else 'other records'})"
            " and was removed; check the disk, and the log with `outcomes doctor`"
        )
    return end


def _use_write_ahead_log(partial: Path) -> None:
    """Switch a copy to the mode of a log, and put all of it on disk."""
    with closing(connect(partial, "rw")) as connection:
        connection.execute("pragma synchronous = full")
        connection.execute("pragma journal_mode = wal")
    with partial.open("rb") as file:
        os.fsync(file.fileno())


def _publish(partial: Path, target: Path) -> None:
    """Give a file its name; one that appeared meanwhile is not replaced."""
    try:
        target.hardlink_to(partial)
    except FileExistsError:
        _refuse_existing(target)
        raise
    except OSError:
        # Not every file system has hard links.
        _refuse_existing(target)
        partial.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
