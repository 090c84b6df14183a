"""Comparing the typed columns that an archive keeps with those that its sealed records give.

A stamp tells accidents, not forgery. Two engines notice a forged column that moves a figure, but
columns also say where the records of a student are, and a record that is left out there need not
move one. So every row is made again and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ledger.columns.cache import ColumnFile, check_columns, column_path, refuse_replaced
from ledger.columns.database import Database
from ledger.columns.jobs import run_column_job
from ledger.columns.segments import Means, Source, write_segment_columns
from ledger.log.archive import ArchiveLog, Segment
from ledger.log.progress import ProgressCallback, advancing, no_progress
from ledger.temporary import temporary_folder

__all__ = ["forged_columns"]

_SCHEMA = "select column_name, column_type from (describe {})"
_DIFFERENT = """
    select coalesce(made.partition, kept.partition) as partition, "offset"
    from kept full join made using ("offset") where kept is distinct from made
    union all
    select partition, "offset" from kept group by all having count(*) > 1
    order by all limit 1
"""


def forged_columns(log: ArchiveLog, progress: ProgressCallback = no_progress) -> Iterator[str]:
    """What an archive's fresh typed columns say that its sealed records do not, a sentence a file.

    Args:
        log: An archive; columns that are not fresh are used by nobody and not compared.
        progress: Called with the number of records whose columns were made again.

    Raises:
        StoreError: If the temporary folder is full, or a file is replaced meanwhile.
        DamagedArchiveError: If records are not those that were sealed.
    """
    checked = check_columns(log.folder, log.manifest.segments)
    fresh = {file.segment.file: file for file in checked if file.fault is None}
    with temporary_folder("outcomes-compare-") as folder:
        job = _Comparison(Source(log.folder, log.partitions), folder)
        segments = [file.segment for file in fresh.values()]
        with closing(run_column_job(job, segments, advancing(progress, 0))) as compared:
            faults = dict(compared)
    refuse_replaced(fresh.values())
    for name, file in fresh.items():
        fault = faults[name]
        if fault is not None:
            yield _sentence(log, file, fault)


def _sentence(log: ArchiveLog, file: ColumnFile, fault: str) -> str:
    return (
        f"{file.path}: typed columns are forged, {fault}; figures by the fold and sealed records do"
        f" not rest on them; `outcomes archive {log.folder} --refresh` makes them again"
    )


class _Comparison(NamedTuple):
    """See `ledger.columns.jobs.ColumnJob`."""

    source: Source
    run_folder: Path

    @property
    def folder(self) -> Path:
        return self.source.folder

    def make(
        self, segment: Segment, advance: ProgressCallback, means: Means
    ) -> tuple[str, str | None]:
        """The file of a segment, and how its columns differ from those of its records."""
        kept = column_path(self.folder, segment)
        made = self.run_folder / kept.name
        write_segment_columns(self.source, segment, made, advance, means)
        with means.database.fresh():
            means.database.create_parquet_view("kept", [kept])
            means.database.create_parquet_view("made", [made])
            fault = _difference(means.database)
        made.unlink()
        return segment.file, fault


def _difference(database: Database) -> str | None:
    kept, made = (database.rows(_SCHEMA.format(view)) for view in ("kept", "made"))
    if kept != made:
        return "they have other columns"
    for partition, offset in database.rows(_DIFFERENT):
        return f"their row of record {partition}:{offset} is not what it says"
    return None
