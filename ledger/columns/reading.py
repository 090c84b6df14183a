"""Opening typed columns: an archive's where they are fresh, all others built for one replay.

Nothing is written into the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.columns.cache import ColumnFile, check_columns, column_path, file_state
from ledger.columns.files import Job, build_files
from ledger.columns.segments import Source
from ledger.columns.writing import write_column_files
from ledger.errors import DamagedArchiveError, StoreError
from ledger.log import Cut, Log
from ledger.log.archive import ArchiveLog, Segment, as_archive
from ledger.log.progress import (
    ProgressCallback,
    advancing,
    no_progress,
    with_progress,
)
from ledger.numbers import pluralise
from ledger.temporary import temporary_folder

__all__ = ["Columns", "ColumnsChangedError", "open_columns"]


class ColumnsChangedError(StoreError):
    """Another run wrote to an archive while its typed columns were read: the result is void."""


class Columns(NamedTuple):
    """Parquet files that hold every record below a cut, once each.

    Attributes:
        files: At least one; a file may hold records at or above the cut as well.
        remark: What a user should know of where they come from.
    """

    files: list[Path]
    remark: str | None


@contextmanager
def open_columns(
    log: Log, end: Cut, *, progress: ProgressCallback = no_progress
) -> Iterator[Columns]:
    """Open the typed columns of a log up to a cut, for as long as the context lasts.

    An archive's files are used where they are fresh; the columns of all other records are built in
    a temporary folder first.

    Args:
        log: Any log.
        end: The cut, in its normal form.
        progress: Called with the number of records whose columns are ready.

    Raises:
        ColumnsChangedError: On leaving the context, if a file that was checked has been replaced or
            removed meanwhile; the caller discards what it read, and reads again.
        StoreError: If the log cannot be read, or the temporary folder is full.
    """
    with temporary_folder("outcomes-replay-") as folder:
        archive = as_archive(log)
        if archive is not None:
            with _archive_columns(archive, end, folder, progress) as columns:
                yield columns
        else:
            records = with_progress(log.read(dict.fromkeys(end, 0), end), progress)
            yield Columns(write_column_files(records, log.partitions, folder), remark=None)


@contextmanager
def _archive_columns(
    log: ArchiveLog, end: Cut, folder: Path, progress: ProgressCallback
) -> Iterator[Columns]:
    log.end()  # A merge may have replaced segments since the archive was opened.
    segments = [
        segment for segment in log.manifest.segments if segment.start < end[segment.partition]
    ]
    checked = check_columns(log.folder, segments)
    fresh = [file for file in checked if file.fault is None]
    stale = [file.segment for file in checked if file.fault is not None]
    files = [file.path for file in fresh]
    before = sum(file.segment.records for file in fresh)
    if stale:
        files += _build(log, stale, folder, advancing(progress, before))
    if not files:
        files += write_column_files([], log.partitions, folder)
    try:
        yield Columns(files, _remark(log, len(stale), len(segments)))
    except StoreError as error:
        if _are_as_checked(fresh):
            raise
        raise ColumnsChangedError(str(log.folder)) from error
    if not _are_as_checked(fresh):
        raise ColumnsChangedError(str(log.folder))


def _are_as_checked(files: Iterable[ColumnFile]) -> bool:
    """Whether every file is still the one that was hashed, so that no other was read."""
    try:
        return all(file_state(file.path.stat()) == file.state for file in files)
    except OSError:
        return False


def _build(
    log: ArchiveLog, stale: Sequence[Segment], folder: Path, advance: ProgressCallback
) -> list[Path]:
    """Build the typed columns of some segments in a folder.

    Raises:
        ColumnsChangedError: If a merge has replaced some of them meanwhile.
    """
    job = Job(Source(log.folder, log.partitions), folder)
    before = log.manifest
    try:
        with closing(build_files(job, stale, advance)) as built:
            return [folder / column_path(log.folder, file.segment).name for file in built]
    except DamagedArchiveError as error:
        log.end()
        if log.manifest == before:
            raise
        raise ColumnsChangedError(str(log.folder)) from error


def _remark(log: ArchiveLog, built: int, segments: int) -> str | None:
    if not built:
        return None
    return (
        f"typed columns of {built:,} of {pluralise(segments, 'segment')} were built for this"
        f" replay only; `outcomes archive {log.folder}` keeps them"
    )
