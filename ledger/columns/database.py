"""DuckDB in this process: no server, no download, bounded memory; beyond it a temporary folder.

Every path goes to DuckDB through this module, and none is interpreted, see `paths`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from ledger.columns.memory import memory_limit
from ledger.columns.paths import PlainPaths
from ledger.error_translation import Advice, translate_errors
from ledger.errors import StoreError

__all__ = ["Database", "minor_version", "stop_threads"]

_ROWS = 1_000
_INTERRUPT_SECONDS = 0.05
# In a process that it takes for interactive, DuckDB draws a bar on standard output.
_NO_BAR = "set enable_progress_bar = false"
_DISK_OR_FILE = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InvalidInputException)
_NOT_PARQUET = "the file is damaged or not Parquet; rebuild it"
_ADVICE = (
    Advice(_DISK_OR_FILE, "the disk is full; free space and try again", sign="No space left"),
    Advice(
        _DISK_OR_FILE,
        "the disk failed or is full; free space and try again",
        sign="Could not write file",
    ),
    Advice(
        _DISK_OR_FILE,
        "free space in the temporary folder, to which it spills",
        sign="Out of Memory",
    ),
    Advice(_DISK_OR_FILE, _NOT_PARQUET, sign="No magic bytes"),
    Advice(_DISK_OR_FILE, _NOT_PARQUET, sign="Invalid Input Error"),
    Advice(_DISK_OR_FILE, "a file is missing; rebuild it", sign="No files found"),
    Advice(_DISK_OR_FILE, "check the disk"),
)


def minor_version() -> str:
    """DuckDB's version without its last part, such as `2.0`."""
    return ".".join(duckdb.__version__.split(".")[:2])


class Database:
    """A database in memory that spills to a folder.

    Args:
        spill: The folder; its owner removes it.
        beside: How many others are open at the same time; each has one thread, and its share of
            the memory.
    """

    def __init__(self, spill: Path, *, beside: int = 0) -> None:
        self._paths = [PlainPaths()]
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{memory_limit() // (beside + 1)}B",
                "temp_directory": self._paths[0].text(spill),
                "preserve_insertion_order": False,
                # What is not built in would be downloaded.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._connection.execute(_NO_BAR)
        if beside:
            self._connection.execute("set threads = 1")

    def run(self, statements: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements; with parameters a single one.

        Raises:
            StoreError: If the disk or a file fails it.
        """
        with self._translated_errors():
            self._connection.execute(statements, parameters)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            StoreError: As `run`.
        """
        with self._translated_errors():
            return self._connection.execute(query).fetchall()

    def set_variables(self, **variables: object) -> None:
        """Set variables, which statements read with `getvariable`."""
        for name, value in variables.items():
            self.run(f"set variable {name} = $value", {"value": value})

    def create_parquet_view(self, name: str, files: Iterable[Path]) -> None:
        """Create a view of all rows of some Parquet files.

        Raises:
            StoreError: As `run`.
        """
        self.run(f"create temp view {name} as from {self._parquet(files)}")

    def values_by_file(self, files: Sequence[Path], column: str) -> set[tuple[Path, object]]:
        """The values of a column in each of some Parquet files.

        Raises:
            StoreError: As `run`.
        """
        query = f'select distinct file_index, "{column}" from {self._parquet(files)}'  # noqa: S608 - of constants
        return {(files[number], value) for number, value in self.rows(query)}

    def create_json_view(self, name: str, file: Path, columns: Mapping[str, str]) -> None:
        """Create a view of a file of JSON lines.

        Args:
            name: Of the view.
            file: One object a line.
            columns: The type of each member; a member that is missing is null.

        Raises:
            StoreError: As `run`.
        """
        self.run(
            f"create temp view {name} as from read_json({self._quoted(file)},"
            f" format = 'newline_delimited', compression = 'none', columns = {dict(columns)},"
            " hive_partitioning = false)"
        )

    def create_text_view(
        self, name: str, file: Path, columns: Mapping[str, str], separators: tuple[str, str]
    ) -> None:
        """Create a view of a file of lines, plain or packed by gzip.

        Args:
            name: Of the view.
            file: Of valid UTF-8, with fields as they are: nothing is quoted or escaped.
            columns: The type of each field of a line.
            separators: What separates two fields and no field contains; what no field is.

        Raises:
            StoreError: As `run`.
        """
        delimiter, null = separators
        compression = "gzip" if file.suffix == ".gz" else "none"
        self.run(
            f"create temp view {name} as from read_csv({self._quoted(file)},"
            f" delim = '{delimiter}', nullstr = '{null}', new_line = '\\n', quote = '',"
            f" escape = '', header = false, auto_detect = false, columns = {dict(columns)},"
            f" compression = '{compression}', hive_partitioning = false)"
        )

    def write_parquet(self, query: str, file: Path, *, compression: str = "zstd") -> None:
        """Write the rows of a query as a Parquet file.

        Raises:
            StoreError: As `run`.
        """
        # Of texts that hardly repeat a dictionary is a waste, and nobody looks one of them up.
        options = (
            f"format parquet, compression {compression}, dictionary_size_limit 1000,"
            " write_bloom_filter false"
        )
        self.run(f"copy ({query}) to {self._quoted(file)} ({options})")

    def iterate(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, without holding all of them.

        Raises:
            StoreError: As `run`.
        """
        with self._translated_errors():
            cursor = self._connection.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                yield from rows

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Run statements by one thread, so that rows keep their order."""
        ((threads,),) = self.rows("select current_setting('threads')")
        self.run("set threads = 1")
        try:
            yield
        finally:
            self.run(f"set threads = {threads}")

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Run statements with tables and views of their own, which are gone afterwards.

        To open another database takes as long as to read some statements.
        """
        connection = self._connection
        self._paths.append(PlainPaths())
        self._connection = connection.cursor()
        try:
            self._connection.execute(_NO_BAR)
            yield
        finally:
            self._connection.close()
            self._connection = connection
            self._paths.pop().close()

    def interrupt(self) -> None:
        """Stop what another thread runs in it, if that has not just closed it."""
        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def close(self) -> None:
        """Release memory and files."""
        self._connection.close()
        self._paths[0].close()

    def _parquet(self, files: Iterable[Path]) -> str:
        """SQL for the rows of some Parquet files."""
        paths = ", ".join(self._quoted(file) for file in files)
        # A plain path has no part such as `kind=raise`, which would replace the column `kind`.
        return f"read_parquet([{paths}], hive_partitioning = false)"

    def _quoted(self, path: Path) -> str:
        """SQL for a path; it needs no escapes, since it is plain."""
        return f"'{self._paths[-1].text(path)}'"

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate DuckDB's errors about disks and files into one line that says what to do.

        Any other is an error in a statement, which is ours. DuckDB reports Ctrl-C as one of them.
        """
        try:
            with translate_errors("DuckDB", "stopped", _ADVICE):
                yield
        except StoreError as error:
            message = str(error)
            for paths in self._paths:
                message = paths.restore(message)
            raise StoreError(message) from error
        except RuntimeError as error:
            if "Query interrupted" not in str(error):
                raise
            raise KeyboardInterrupt from error


def stop_threads(running: Iterable[Future[Any]], databases: Iterable[Database]) -> None:
    """Wait for threads that take up nothing more, and stop the statements that they are at.

    Between two statements there is none to stop, so it is tried until they have ended, whatever
    keys a person presses meanwhile.
    """
    running, databases = list(running), list(databases)
    while True:
        with suppress(KeyboardInterrupt):
            if not wait(running, timeout=_INTERRUPT_SECONDS).not_done:
                return
            for database in databases:
                database.interrupt()
