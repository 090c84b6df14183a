"""Reading typed columns: fresh files of an archive as they are, all others built for one read.

Nothing is written into the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ledger.columns.cache import Found, file_state, find_typed
from ledger.columns.schema import typed_files
from ledger.errors import StoreError
from ledger.log import Cut, Log
from ledger.log.archive import ArchiveLog, Segment, as_archive
from ledger.log.progress import with_progress
from ledger.numbers import pluralise
from ledger.temporary import scratch
from schemas import Record

__all__ = ["Columns", "ColumnsChangedError", "open_columns"]


class ColumnsChangedError(StoreError):
    """An archive was written to while its typed columns were read; what was read is void."""


class Columns(NamedTuple):
    """Parquet files that hold every record below a cut, once each.

    Attributes:
        files: At least one; some may hold records at or above the cut as well.
        remark: What a person may want to know of where they come from.
    """

    files: list[Path]
    remark: str | None


@contextmanager
def open_columns(
    log: Log, end: Cut, *, progress: Callable[[int], None] = lambda _: None
) -> Iterator[Columns]:
    """The typed columns of a log up to a cut, for as long as the context lasts.

    An archive's files are used where they are fresh; the columns of all other records are built in
    a temporary folder first.

    Args:
        log: Any log.
        end: The cut, in its normal form.
        progress: Called now and then with the number of records whose columns are there.

    Raises:
        ColumnsChangedError: If a file that was checked has been replaced or removed by the end of
            the context; the caller reads again.
        StoreError: If the log cannot be read, or the temporary folder is full.
    """
    with scratch("outcomes-replay-") as folder:
        archive = as_archive(log)
        if archive is not None:
            with _archive_columns(archive, end, folder, progress) as columns:
                yield columns
        else:
            records = with_progress(log.read(dict.fromkeys(end, 0), end), progress)
            yield Columns(typed_files(records, log.partitions, folder), remark=None)


@contextmanager
def _archive_columns(
    log: ArchiveLog, end: Cut, folder: Path, progress: Callable[[int], None]
) -> Iterator[Columns]:
    log.end()  # Looks whether it was merged.
    wanted = [one for one in log.manifest.segments if one.start < end[one.partition]]
    checked = find_typed(log.folder, wanted)
    fresh = [one for one in checked if one.fault is None]
    stale = [one.segment for one in checked if one.fault is not None]
    files = [one.path for one in fresh]
    if stale or not files:
        there = sum(one.segment.records for one in fresh)
        progress(there)
        records = with_progress(_records(log, stale, end), progress, there=there)
        files += typed_files(records, log.partitions, folder)
    try:
        yield Columns(files, _remark(log, len(stale), len(wanted)))
    except StoreError as error:
        if _are_as_checked(fresh):
            raise
        raise ColumnsChangedError(str(log.folder)) from error
    if not _are_as_checked(fresh):
        raise ColumnsChangedError(str(log.folder))


def _are_as_checked(files: Iterable[Found]) -> bool:
    """Whether every file is still the one that was hashed, so that no other was read."""
    try:
        return all(file_state(one.path.stat()) == one.state for one in files)
    except OSError:
        return False


def _records(log: ArchiveLog, segments: Iterable[Segment], end: Cut) -> Iterator[Record]:
    """The verified records of some segments as far as they lie below a cut."""
    parts = (
        log.read({one.partition: one.start}, {one.partition: min(one.end, end[one.partition])})
        for one in segments
    )
    return chain.from_iterable(parts)


def _remark(log: ArchiveLog, built: int, wanted: int) -> str | None:
    if not built:
        return None
    return (
        f"typed columns of {built:,} of {pluralise(wanted, 'segment')} were made for this replay"
        " only;"
        f" `outcomes archive {log.folder}` keeps them"
    )
