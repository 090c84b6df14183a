"""The typed columns of an archive's segment, from the very bytes that were sealed.

DuckDB reads the packed lines itself. What it cannot account for, to the record, is read again by
`ledger.log.archive`, which then says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ledger.columns.admission import IS_ORDINARY_LINE, admission_stamp
from ledger.columns.database import Database
from ledger.columns.staging import FIELD_END, NO_FIELD, StagedRecords
from ledger.columns.writing import admit_columns, stage, write_staged, write_typed
from ledger.errors import StoreError
from ledger.log.archive import Segment
from ledger.log.archive.segment import records_of, sealed_bytes
from ledger.log.progress import PROGRESS_EVERY, ProgressCallback
from ledger.log.record_lines import read_record
from schemas.record import Record
from schemas.rules import VALUE_BYTES_MAX

__all__ = [
    "FEW_BYTES",
    "ManyLeftError",
    "Means",
    "Source",
    "is_for_sql",
    "write_segment_columns",
]

FEW_BYTES = 2_000_000
"""Lines that are judged one by one in less time than DuckDB needs to read the statements."""

# Partition and offset of every line as it is written, ordinary or not.
_PLACE = r'^\{"partition":(0|[1-9][0-9]{0,8}),"offset":(0|[1-9][0-9]{0,17}),'
_STRUCTURE = (
    '{"partition": "INTEGER", "offset": "BIGINT", "recorded_at": "VARCHAR", "key": "VARCHAR",'
    ' "value": "VARCHAR"}'
)
_RECORD = f"""
    create temp table record as
    with judged_line as (
        select line, {IS_ORDINARY_LINE} as is_ordinary_line from line
    ),
    read_line as (
        select
            line,
            case when is_ordinary_line then from_json(line, '{_STRUCTURE}') end as record,
            case when not is_ordinary_line
                then regexp_extract(line, '{_PLACE}', ['partition', 'offset']) end as place
        from judged_line
    ),
    timed_line as (
        select *, epoch_ms(try_cast(record.recorded_at as timestamptz)) as recorded_at
        from read_line
    )
    select
        coalesce(record.partition, try_cast(place.partition as integer)) as partition,
        coalesce(record.offset, try_cast(place.offset as bigint)) as "offset",
        recorded_at,
        record.key as key,
        record.value as value,
        recorded_at is not null and strlen(record.value) <= {VALUE_BYTES_MAX} as is_ordinary_text,
        if(is_ordinary_text, null, line) as line
    from timed_line
"""  # noqa: S608 - of constants
_IS_WHOLE = """
    select
        count(*) = {records}
        and bool_and(coalesce(
            partition = {partition} and "offset" > previous and "offset" < {end}, false
        ))
        and max("offset") = {end} - 1
    from (select *, lag("offset", 1, {start} - 1) over () as previous from record)
"""
_LEFT = """
    select partition, "offset", recorded_at, key, value, line
    from record anti join typed using (partition, "offset")
"""
_COUNT_LEFT = "select (select count(*) from record) - (select count(*) from typed)"


class Source(NamedTuple):
    """An archive whose columns are written.

    Attributes:
        folder: Of the archive.
        partitions: The log's partition count.
    """

    folder: Path
    partitions: int


class Means(NamedTuple):
    """By what the columns of a segment are made.

    Attributes:
        database: Holds nothing of it afterwards.
        left_max: How many records may be left to `schemas`.
    """

    database: Database
    left_max: int | None = None


class ManyLeftError(Exception):
    """More records of a segment are left to `schemas` than its means allow."""


class _UnaccountedError(Exception):
    """DuckDB has read other records than the manifest says, or none at all."""


def write_segment_columns(
    source: Source, segment: Segment, target: Path, advance: ProgressCallback, means: Means
) -> None:
    """Write the typed columns of a segment as one Parquet file.

    Args:
        source: The archive.
        segment: One of its segments.
        target: The file to write; a temporary folder is made beside it meanwhile.
        advance: Called with the number of records read since its last call.
        means: By what.

    Raises:
        ManyLeftError: If more records are left to `schemas` than the means allow.
        StoreError: If the disk fails or is full.
        DamagedArchiveError: If the records are not those that were sealed.
    """
    data, database = sealed_bytes(source.folder, segment), means.database
    with TemporaryDirectory(prefix="outcomes-typed-", dir=target.parent) as folder:
        if is_for_sql(segment):
            staged = StagedRecords(Path(folder), source.partitions, with_lines=False)
            with suppress(_UnaccountedError), database.fresh():
                _read_packed(means, staged, segment, data)
                advance(segment.records)
                write_typed(database, staged, target)
                return
        records = _advancing(records_of(source.folder, segment, data), advance)
        staged = stage(records, source.partitions, Path(folder))
        with database.fresh():
            write_staged(database, staged, target)


def is_for_sql(segment: Segment) -> bool:
    """Whether a segment's columns are made by column admission, but for what that leaves."""
    return segment.plain_bytes > FEW_BYTES and admission_stamp() is not None


def _read_packed(means: Means, staged: StagedRecords, segment: Segment, data: bytes) -> None:
    """Create the table `typed` of a segment's ordinary records, and judge the others.

    Raises:
        _UnaccountedError: If these are not exactly the segment's records.
        ManyLeftError: If more of them are left than the means allow.
    """
    database, packed = means.database, staged.folder / "lines.gz"
    try:
        packed.write_bytes(data)
        database.create_text_view("line", packed, {"line": "varchar"}, (FIELD_END, NO_FIELD))
        with database.in_order():
            database.run(_RECORD)
            ((is_whole,),) = database.rows(_IS_WHOLE.format(**dict(segment)))
    except (OSError, StoreError) as error:
        raise _UnaccountedError from error
    if not is_whole:
        raise _UnaccountedError
    admit_columns(database, staged.partitions)
    ((left,),) = database.rows(_COUNT_LEFT)
    if means.left_max is not None and left > means.left_max:
        raise ManyLeftError
    staged.add_rows(map(_record, database.iterate(_LEFT)))


def _record(row: tuple[int, int, int, str, str, str | None]) -> Record:
    partition, offset, recorded_at, key, value, line = row
    if line is None:
        return Record(partition, offset, recorded_at, key.encode(), value.encode())
    try:
        record = read_record(line.encode())
    except ValueError as error:
        raise _UnaccountedError from error
    if (partition, offset) != (record.partition, record.offset):
        raise _UnaccountedError
    return record


def _advancing(records: Iterable[Record], advance: ProgressCallback) -> Iterator[Record]:
    count = 0
    for count, record in enumerate(records, 1):
        if count % PROGRESS_EVERY == 0:
            advance(PROGRESS_EVERY)
        yield record
    advance(count % PROGRESS_EVERY)
