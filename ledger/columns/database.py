"""DuckDB in this process: no server, no download, bounded memory; beyond it a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ledger.errors import StoreError

__all__ = ["MEMORY_LIMIT", "Database"]

MEMORY_LIMIT = "2GB"
_ADVICE = (
    ("No space left", "the disk is full; free space and try again"),
    ("Could not write file", "the disk refuses; is it full?"),
    ("Out of Memory", "free space in the temporary folder, to which it spills"),
    ("No magic bytes", "the file is damaged or not Parquet; rebuild it"),
    ("Invalid Input Error", "the file is damaged or not Parquet; rebuild it"),
    ("No files found", "a file is missing; rebuild it"),
)


class Database:
    """A database in memory that spills to a folder.

    Args:
        spill: The folder; its owner removes it.
    """

    def __init__(self, spill: Path) -> None:
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(spill),
                "preserve_insertion_order": False,
                # What is not built in would be downloaded.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        # In a process that it takes for interactive, DuckDB draws a bar on standard output.
        self._connection.execute("set enable_progress_bar = false")

    def run(self, statements: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements; with parameters a single one.

        Raises:
            StoreError: If the disk or a file fails it.
        """
        with _translated_errors():
            self._connection.execute(statements, parameters)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            StoreError: As `run`.
        """
        with _translated_errors():
            return self._connection.execute(query).fetchall()

    def set_variables(self, **variables: object) -> None:
        """Set variables, which statements read with `getvariable`."""
        for name, value in variables.items():
            self.run(f"set variable {name} = $value", {"value": value})

    def close(self) -> None:
        """Release memory and files."""
        self._connection.close()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate DuckDB's errors about disks and files into one line that says what to do.

    Any other is an error in a statement, which is ours. DuckDB reports Ctrl-C as one of its errors.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InvalidInputException) as error:
        text = str(error)
        advice = next((advice for sign, advice in _ADVICE if sign in text), "check the disk")
        raise StoreError(f"DuckDB stopped ({text.splitlines()[0]}): {advice}") from error
    except RuntimeError as error:
        if "Query interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from error
