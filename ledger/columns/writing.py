"""Writing typed columns: what column admission accepts comes from SQL, the rest from `schemas`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.columns.admission import ADMITTED, IS_ORDINARY_TEXT, admission_stamp
from ledger.columns.database import Database
from ledger.columns.keys import known_keys
from ledger.columns.schema import EMPTY, ROW, typed
from ledger.columns.staging import FIELD_END, NO_FIELD, StagedRecords
from schemas.record import Record

__all__ = [
    "admit_columns",
    "stage",
    "write_column_files",
    "write_columns",
    "write_staged",
    "write_typed",
]

FILE_RECORDS = 250_000
CHUNK_RECORDS = 1_000
FEW_RECORDS = 5_000
"""Fewer are judged one by one in less time than DuckDB needs to read the statements."""

_FIELDS = {
    "partition": "integer",
    "offset": "bigint",
    "recorded_at": "bigint",
    "key": "varchar",
    "value": "varchar",
}
_RECORD = f"create temp table record as select *, {IS_ORDINARY_TEXT} as is_ordinary_text from line"  # noqa: S608 - of constants
_LEFT = """
    select partition, "offset", recorded_at, key, value
    from record anti join typed using (partition, "offset")
"""


def write_columns(records: Iterable[Record], partitions: int, target: Path) -> None:
    """Write the typed columns of some records as one Parquet file.

    Args:
        records: Any, in any order; those of one segment for example.
        partitions: The log's partition count, which admission asks for.
        target: The file to write; a temporary folder is made beside it meanwhile.

    Raises:
        StoreError: If the disk fails or is full.
    """
    with TemporaryDirectory(prefix="outcomes-typed-", dir=target.parent) as folder:
        staged = stage(records, partitions, Path(folder))
        with closing(Database(Path(folder))) as database:
            write_staged(database, staged, target)


def write_column_files(records: Iterable[Record], partitions: int, folder: Path) -> list[Path]:
    """Write the typed columns of any number of records, in files of 250,000 records.

    Several files are written at a time, while the next records are read.

    Args:
        records: Any, in any order.
        partitions: The log's partition count.
        folder: Where the files go; there is at least one, even without a record.

    Raises:
        StoreError: If the disk fails or is full.
    """
    writers = os.cpu_count() or 1
    files, running = list[Path](), deque[tuple[Future[None], Database]]()
    remaining = iter(records)
    with ThreadPoolExecutor(writers) as pool:
        try:
            while (first := list(islice(remaining, 1))) or not files:
                target = folder / f"{len(files):06}.parquet"
                batch = chain(first, islice(remaining, FILE_RECORDS - 1))
                staged = stage(batch, partitions, _made(target.with_suffix(".partial")))
                database = Database(staged.folder, beside=writers)
                running.append((pool.submit(_write_file, database, staged, target), database))
                files.append(target)
                if len(running) > writers:
                    running.popleft()[0].result()
            for future, _ in running:
                future.result()
        except BaseException:
            for future, database in running:
                future.cancel()
                database.interrupt()
            raise
    return files


def stage(records: Iterable[Record], partitions: int, folder: Path) -> StagedRecords:
    """Put records where DuckDB reads them; few are judged by `schemas` at once."""
    iterator = iter(records)
    first = list(islice(iterator, max(FEW_RECORDS, CHUNK_RECORDS)))
    with_lines = len(first) >= FEW_RECORDS and admission_stamp() is not None
    staged = StagedRecords(folder, partitions, with_lines=with_lines)
    staged.write(_chunks(chain(first, iterator)))
    return staged


def write_staged(database: Database, staged: StagedRecords, target: Path) -> None:
    """Write the typed columns of staged records.

    Raises:
        StoreError: If the disk fails or is full.
    """
    if staged.has_lines:
        database.create_text_view("line", staged.lines, _FIELDS, (FIELD_END, NO_FIELD))
        database.run(_RECORD)
        admit_columns(database, staged.partitions)
        left = database.iterate(_LEFT)
        staged.add_rows(
            Record(partition, offset, recorded_at, key.encode(), value.encode())
            for partition, offset, recorded_at, key, value in left
        )
    else:
        database.run(f"create temp table typed as {typed(EMPTY)}")
    write_typed(database, staged, target)


def admit_columns(database: Database, partitions: int) -> None:
    """Create the table `typed` of those records of the table `record` that surely are events."""
    # Otherwise DuckDB works out a text that it reads from a value for each condition on it,
    # and before the condition that the value is JSON.
    database.run("set disabled_optimizers = 'filter_pushdown'")
    database.run(f"create temp table known_key as {known_keys(partitions)}")
    database.run(f"create temp table typed as {typed(f'({ADMITTED})', student='student')}")
    database.run("set disabled_optimizers = ''")


def write_typed(database: Database, staged: StagedRecords, target: Path) -> None:
    """Write the table `typed` and the rows that `schemas` has judged."""
    if staged.has_rows:
        database.create_json_view("judged", staged.rows, ROW)
        database.run(f"insert into typed {typed('judged')}")
    database.write_parquet("from typed", target)


def _write_file(database: Database, staged: StagedRecords, target: Path) -> None:
    with closing(database):
        write_staged(database, staged, target)
    staged.remove()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _chunks(records: Iterator[Record]) -> Iterator[Sequence[Record]]:
    while chunk := list(islice(records, CHUNK_RECORDS)):
        yield chunk
