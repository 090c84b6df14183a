"""Files of typed columns, built several at a time beside each other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.columns.cache import column_path
from ledger.columns.jobs import run_column_job
from ledger.columns.segments import Means, Source, write_segment_columns
from ledger.log.archive import Segment
from ledger.log.progress import ProgressCallback

__all__ = ["BuiltFile", "Job", "build_files"]


class BuiltFile(NamedTuple):
    """A file in the folder of the run, on disk.

    Attributes:
        segment: The segment whose typed columns it holds.
        sha256: Of the file, hexadecimal.
        size: Of the file, in bytes.
    """

    segment: Segment
    sha256: str
    size: int


class Job(NamedTuple):
    """The columns of an archive's segments, see `ledger.columns.jobs.ColumnJob`.

    Attributes:
        source: The archive.
        run_folder: Where files are until they are complete.
    """

    source: Source
    run_folder: Path

    @property
    def folder(self) -> Path:
        """The archive."""
        return self.source.folder

    def make(self, segment: Segment, advance: ProgressCallback, means: Means) -> BuiltFile:
        """Write the typed columns of a segment, and put them on disk."""
        target = self.run_folder / column_path(self.folder, segment).name
        write_segment_columns(self.source, segment, target, advance, means)
        with target.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
            return BuiltFile(segment, hashlib.file_digest(file, "sha256").hexdigest(), size)


def build_files(
    job: Job, segments: Sequence[Segment], advance: ProgressCallback
) -> Generator[BuiltFile]:
    """Build the typed columns of some segments.

    Args:
        job: Where.
        segments: Any of the archive's segments.
        advance: Called with the number of records read since its last call.

    Yields:
        Files as they are complete; see `ledger.columns.jobs.run_column_job`.

    Raises:
        StoreError: If a file cannot be built, or a process has ended.
        DamagedArchiveError: If records are not those that were sealed.
    """
    return run_column_job(job, segments, advance)
