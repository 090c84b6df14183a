"""Writing typed columns: what column admission accepts comes from SQL, the rest from `schemas`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.columns.admission import ADMITTED, IS_ORDINARY_TEXT, admission_stamp
from ledger.columns.database import Database, stop_threads
from ledger.columns.keys import known_keys
from ledger.columns.schema import EMPTY, REPLAYED, ROW, typed
from ledger.columns.staging import FIELD_END, NO_FIELD, StagedRecords
from schemas.record import Record

__all__ = [
    "admit_columns",
    "read_lines",
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
_KNOWN = {"student": "student"}
# Answers are more than half of all events. Apart from the others they fill groups of rows that who
# looks for another type need not read, and to write them so takes no longer.
_ANSWERS_APART = """
    from typed where type = 'ledger.survey.answered.v1'
    union all
    from typed where type is distinct from 'ledger.survey.answered.v1'
"""
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
    """Write what a replay needs of the typed columns of any number of records, in several files.

    Several files are written at a time, while the next records are read.

    Args:
        records: Any, in any order.
        partitions: The log's partition count.
        folder: Where the files go; there is at least one, even without a record.

    Raises:
        StoreError: If the disk fails or is full.
    """
    writers = os.cpu_count() or 1
    files, running = list[Path](), deque[tuple[Future[list[Path]], Database]]()
    remaining = iter(records)
    with ThreadPoolExecutor(writers) as pool:
        try:
            for number in count():
                first = list(islice(remaining, 1))
                if not first and number:
                    break
                batch = chain(first, islice(remaining, FILE_RECORDS - 1))
                staged = stage(batch, partitions, _made(folder / f"{number:06}"))
                database = Database(staged.folder, beside=writers)
                running.append((pool.submit(_write_needed, database, staged), database))
                if len(running) > writers:
                    files += running[0][0].result()
                    running.popleft()
            for future, _ in running:
                files += future.result()
        except BaseException:
            for future, _ in running:
                future.cancel()
            stop_threads([future for future, _ in running], [each for _, each in running])
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
        read_lines(database, staged)
        admit_columns(database, staged.partitions)
        _judge_left(database, staged)
    else:
        database.run(f"create temp table typed as {typed(EMPTY)}")
    write_typed(database, staged, target)


def read_lines(database: Database, staged: StagedRecords) -> None:
    """Create the table `record` of staged lines.

    Raises:
        StoreError: If the disk fails or is full.
    """
    database.create_text_view("line", staged.lines, _FIELDS, (FIELD_END, NO_FIELD))
    database.run(_RECORD)


def admit_columns(database: Database, partitions: int, file: Path | None = None) -> None:
    """Create the table `typed` of those records of the table `record` that surely are events.

    Args:
        database: With the table.
        partitions: The log's partition count.
        file: For what a replay needs of the columns, in place of memory.
    """
    # Otherwise DuckDB works out a text that it reads from a value for each condition on it,
    # and before the condition that the value is JSON.
    database.run("set disabled_optimizers = 'filter_pushdown'")
    database.run(f"create temp table known_key as {known_keys(partitions)}")
    query = typed(f"({ADMITTED})", _KNOWN)
    if file is None:
        database.run(f"create temp table typed as {query}")
    else:
        database.write_parquet(f"select {', '.join(REPLAYED)} from ({query})", file)  # noqa: S608 - of constants
        database.create_parquet_view("typed", [file])
    database.run("set disabled_optimizers = ''")


def write_typed(database: Database, staged: StagedRecords, target: Path) -> None:
    """Write the table `typed` and the rows that `schemas` has judged."""
    if staged.has_rows:
        database.create_json_view("judged", staged.rows, ROW)
        database.run(f"insert into typed {typed('judged')}")
    database.write_parquet(_ANSWERS_APART, target)


def _write_needed(database: Database, staged: StagedRecords) -> list[Path]:
    """Write what a replay needs of the columns of staged records, beside their folder.

    Rows are not put together with what column admission has written: that would be written twice.
    """
    admitted, judged = (staged.folder.with_suffix(f".{part}.parquet") for part in ("sql", "rules"))
    files = []
    with closing(database):
        if staged.has_lines:
            read_lines(database, staged)
            admit_columns(database, staged.partitions, admitted)
            _judge_left(database, staged)
            files.append(admitted)
        if staged.has_rows or not files:
            database.create_json_view("judged", staged.rows, ROW)
            needed = f"select {', '.join(REPLAYED)} from ({typed('judged')})"  # noqa: S608 - of constants
            database.write_parquet(needed, judged)
            files.append(judged)
    staged.remove()
    return files


def _judge_left(database: Database, staged: StagedRecords) -> None:
    """Let `schemas` judge what column admission has not accepted."""
    staged.add_rows(
        Record(partition, offset, recorded_at, key.encode(), value.encode())
        for partition, offset, recorded_at, key, value in database.iterate(_LEFT)
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _chunks(records: Iterator[Record]) -> Iterator[Sequence[Record]]:
    while chunk := list(islice(records, CHUNK_RECORDS)):
        yield chunk
