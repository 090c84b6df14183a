"""Building typed columns: an archive's are brought up to date beside its evidence.

The records are sealed before, and nothing here writes to them. Files are built in the folder of the
run, and the run alone gives them their names: what a killed run leaves is in a folder that nobody
reads and that the next run removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ledger.columns.cache import FOLDER, check_columns, column_path, stamp, stamp_path
from ledger.columns.files import Job, build_files
from ledger.columns.segments import Source
from ledger.errors import DamagedArchiveError, InterruptError, StoreError
from ledger.log.archive import MANIFEST, Manifest, Segment
from ledger.log.archive.files import (
    PARTIAL,
    lock_archive,
    rename_into_place,
    sync_folder,
    translate_archive_errors,
    write_atomically,
)
from ledger.log.archive.manifest import parse_segment_name, read_manifest
from ledger.log.progress import ProgressCallback, advancing, no_progress
from ledger.numbers import pluralise

__all__ = ["BuildResult", "build_columns"]


class BuildResult(NamedTuple):
    """What a run has done.

    Attributes:
        built: The number of segments whose typed columns it built.
        segments: The number that the archive has; all of them have typed columns now.
    """

    built: int
    segments: int


def build_columns(
    folder: Path, *, rebuild: bool = False, progress: ProgressCallback = no_progress
) -> BuildResult:
    """Bring the typed columns of an archive up to date, and remove those of no segment.

    Args:
        folder: The archive.
        rebuild: Build also those that are fresh.
        progress: Called with the number of records whose columns are ready.

    Raises:
        StoreError: If there is no archive, another run writes to it, or the disk fails or is full.
        DamagedArchiveError: If records are not those that were sealed.
        InterruptError: If a person stops it; what was finished is kept.
    """
    if not (folder / MANIFEST).exists():
        raise StoreError(f"no archive at {folder}; `outcomes archive` creates one")
    finished = list[Segment]()
    try:
        with _evidence_is_safe(), translate_archive_errors(folder), lock_archive(folder):
            manifest = read_manifest(folder)[0]
            _remove_leftovers(folder, manifest)
            stale = list(manifest.segments)
            if not rebuild:
                checked = check_columns(folder, stale)
                stale = [file.segment for file in checked if file.fault is not None]
            if stale:
                _build(folder, manifest, stale, finished, progress)
    except KeyboardInterrupt as error:
        built = pluralise(len(finished), "segment")
        raise InterruptError(
            f"interrupted, the records are sealed, typed columns of {built} built;"
            f" `outcomes archive {folder}` builds the others"
        ) from error
    return BuildResult(len(finished), len(manifest.segments))


@contextmanager
def _evidence_is_safe() -> Iterator[None]:
    """Say with any trouble that the records are sealed, unless they are what is damaged."""
    try:
        yield
    except DamagedArchiveError:
        raise
    except StoreError as error:
        raise StoreError(
            f"the records are sealed, but not all of their typed columns are built: {error}"
        ) from error


def _remove_leftovers(folder: Path, manifest: Manifest) -> None:
    """Remove what an interrupted run has left, and what belongs to no segment any more."""
    if not (folder / FOLDER).exists():
        return
    known = {column_path(folder, segment) for segment in manifest.segments}
    known |= {stamp_path(path) for path in known}
    for path in sorted((folder / FOLDER).iterdir()):
        if path.name.endswith(PARTIAL) and path.is_dir():
            # The last process of a killed run may still be in it.
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.endswith(PARTIAL) or (path not in known and _has_our_name(path)):
            path.unlink()


def _has_our_name(path: Path) -> bool:
    """Whether a file is named as typed columns or a stamp are."""
    return (
        path.suffix in (".parquet", ".json")
        and parse_segment_name(f"{path.stem}.jsonl.gz") is not None
    )


def _build(
    folder: Path,
    manifest: Manifest,
    stale: Sequence[Segment],
    finished: list[Segment],
    progress: ProgressCallback,
) -> None:
    (folder / FOLDER).mkdir(exist_ok=True)
    sync_folder(folder)
    ready = sum(segment.records for segment in manifest.segments)
    ready -= sum(segment.records for segment in stale)
    advance = advancing(progress, ready)
    # Processes that were killed a moment ago may still be writing when it is removed.
    with TemporaryDirectory(suffix=PARTIAL, dir=folder / FOLDER, ignore_cleanup_errors=True) as run:
        job = Job(Source(folder, manifest.log.partitions), Path(run))
        with closing(build_files(job, stale, advance)) as files:
            for file in files:
                path = column_path(folder, file.segment)
                rename_into_place(job.run_folder / path.name, path)
                write_atomically(stamp_path(path), stamp(*file))
                finished.append(file.segment)
