"""Records on their way to DuckDB: one line each, of bytes that nobody has decoded.

A line holds partition, offset, `recorded_at`, key and value. What a line cannot hold never reaches
DuckDB and is judged by `schemas.admission` at once: a missing key or value, a line end, a control
character that separates, bytes that are not UTF-8. None of these is in the value of an ordinary
event as emitters write it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from ledger.columns.schema import row_line
from schemas.record import Record

__all__ = ["FIELD_END", "NO_FIELD", "StagedRecords"]

FIELD_END, NO_FIELD = "\x1f", "\x00"
"""What separates two fields, and what no field is: in DuckDB's words its null."""

_LINE = b"%d\x1f%d\x1f%d\x1f%b\x1f%b\n"
_SEPARATORS = _LINE.count(FIELD_END.encode())
_LINE_BYTES_MAX = 100_000  # more than the largest ordinary value takes
_CHUNK = 1_000


class StagedRecords:
    """Two files: lines for DuckDB, and rows of the records that are no line.

    Args:
        folder: Where the files are.
        partitions: The log's partition count.
        with_lines: Whether there is column admission; otherwise every record is judged at once.

    Attributes:
        folder: See above.
        partitions: See above.
        lines: The file of lines.
        rows: The file of rows, see `schema.row_line`.
        has_lines: Whether there are lines.
        has_rows: Whether there are rows.
    """

    def __init__(self, folder: Path, partitions: int, *, with_lines: bool) -> None:
        self.folder, self.partitions = folder, partitions
        self.lines, self.rows = folder / "lines.txt", folder / "rows.jsonl"
        self.has_lines = self.has_rows = False
        self._with_lines = with_lines

    def write(self, chunks: Iterable[Sequence[Record]]) -> None:
        """Write the files, of some records."""
        with self.lines.open("wb") as lines, self.rows.open("wb") as rows:
            for chunk in chunks:
                self._write_chunk(chunk, lines, rows)
            self.has_lines, self.has_rows = lines.tell() > 0, rows.tell() > 0

    def add_rows(self, records: Iterable[Record]) -> None:
        """Judge more records, and add their rows."""
        with self.rows.open("ab") as rows:
            rows.writelines(row_line(record, self.partitions) for record in records)
            self.has_rows = rows.tell() > 0

    def remove(self) -> None:
        """Remove the folder and its files."""
        shutil.rmtree(self.folder)

    def _write_chunk(self, chunk: Sequence[Record], lines: BinaryIO, rows: BinaryIO) -> None:
        text = _framed(chunk) if self._with_lines else None
        if text is not None:
            lines.write(text)
        elif len(chunk) == 1 or not self._with_lines:
            rows.writelines(row_line(record, self.partitions) for record in chunk)
        else:
            half = len(chunk) // 2
            self._write_chunk(chunk[:half], lines, rows)
            self._write_chunk(chunk[half:], lines, rows)


def _framed(records: Sequence[Record]) -> bytes | None:
    """Records as lines; None where one of them cannot be a line."""
    try:
        lines = [_LINE % record for record in records]
    except TypeError:  # No key, or no value.
        return None
    text = b"".join(lines)
    count = len(lines)
    if (
        text.count(b"\n") != count
        or text.count(b"\x1f") != _SEPARATORS * count
        or b"\r" in text
        or b"\x00" in text
        or max(map(len, lines)) > _LINE_BYTES_MAX
    ):
        return None
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text
