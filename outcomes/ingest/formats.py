"""Formats that are no JSON lines: how each is recognised, and the command that converts it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["GZIP", "Format", "recognise"]

GZIP = b"\x1f\x8b"
_TAR_MARK, _TAR_POSITION = b"ustar", 257
_CELL = r'(?:"[^"{}]*"|[\w .:/@+-]+)'
_CSV = rf"{_CELL}(?:([,;\t]){_CELL})(?:\1{_CELL}?)*\r?"
_INDENTED = re.compile(rb'\s*\{[ \t]*\r?\n\s*"')
_ROWS = "; each row has to become an event, see docs/events.md"
_DUCKDB = "duckdb -c {sql}"
_QUERY = "COPY (FROM {reader}('{literal}')) TO '/dev/stdout' (FORMAT json)"


class Format(NamedTuple):
    """A format that is refused.

    Attributes:
        name: What it is called.
        template: A command that prints its content; `{file}` is the file's quoted name, `{sql}` a
            query that DuckDB reads it with.
        remark: What else is to be done.
        reader: The function of DuckDB that reads it.
    """

    name: str
    template: str
    remark: str = ""
    reader: str = ""

    def command(self, file: str) -> str:
        """The command that converts a file."""
        literal = file.replace("'", "''")
        sql = _QUERY.format(reader=self.reader, literal=literal)
        return self.template.format(file=_word(file), sql=shlex.quote(sql))


_XLSX = Format("an Excel workbook", _DUCKDB, _ROWS, "read_xlsx")
_ZIP = Format("a ZIP archive", "unzip -p {file}")
_MAGIC = {
    b"\xff\xfe\x00\x00": Format("UTF-32", "iconv -f UTF-32 -t UTF-8 {file}"),
    b"\x00\x00\xfe\xff": Format("UTF-32", "iconv -f UTF-32 -t UTF-8 {file}"),
    b"\xff\xfe": Format("UTF-16", "iconv -f UTF-16 -t UTF-8 {file}"),
    b"\xfe\xff": Format("UTF-16", "iconv -f UTF-16 -t UTF-8 {file}"),
    b"{\x00": Format("UTF-16", "iconv -f UTF-16LE -t UTF-8 {file}"),
    b"[\x00": Format("UTF-16", "iconv -f UTF-16LE -t UTF-8 {file}"),
    b"\x00{": Format("UTF-16", "iconv -f UTF-16BE -t UTF-8 {file}"),
    b"\x00[": Format("UTF-16", "iconv -f UTF-16BE -t UTF-8 {file}"),
    GZIP: Format("gzip", "gzip -dc {file}"),
    b"\x28\xb5\x2f\xfd": Format("zstd", "zstd -dc {file}"),
    b"BZh": Format("bzip2", "bzip2 -dc {file}"),
    b"\xfd7zXZ\x00": Format("xz", "xz -dc {file}"),
    b"\x04\x22\x4d\x18": Format("lz4", "lz4 -dc {file}"),
    b"7z\xbc\xaf\x27\x1c": Format("a 7z archive", "7z x -so {file}"),
    b"PK\x03\x04": _ZIP,
    b"PAR1": Format("Parquet", _DUCKDB, _ROWS, "read_parquet"),
    b"Obj\x01": Format("Avro", "avro-tools tojson {file}"),
    b"SQLite format 3\x00": Format(
        "an SQLite file", "outcomes tail --jsonl --log sqlite:{file}", "; for --records"
    ),
    b"\xd0\xcf\x11\xe0": Format(
        "an Excel workbook", "libreoffice --headless --convert-to csv {file}", _ROWS
    ),
    b"---": Format("YAML", "yq -o=json -I=0 . {file}"),
    b"\x1e": Format("a JSON text sequence", "tr -d '\\036' < {file}"),
}
_XML = Format("XML", "yq -p=xml -o=json -I=0 . {file}", _ROWS)
_TAR = Format("a tar archive", "tar -xOf {file}")
_JSON = Format("JSON over several lines", "jq -c . {file}")


def recognise(head: bytes) -> Format | None:
    """The format of an input that is surely no JSON lines; None for all else.

    Args:
        head: How it begins, some hundred bytes or more.
    """
    for magic in sorted(_MAGIC, key=len, reverse=True):
        if head.startswith(magic):
            return _XLSX if magic == b"PK\x03\x04" and _is_workbook(head) else _MAGIC[magic]
    if head[_TAR_POSITION:].startswith(_TAR_MARK):
        return _TAR
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _XML
    if _INDENTED.match(head):
        return _JSON
    return _csv(head)


def _is_workbook(head: bytes) -> bool:
    return b"[Content_Types].xml" in head or b"xl/" in head


def _csv(head: bytes) -> Format | None:
    """Cells in the first line, and no JSON in the second."""
    lines = list(_text_lines(head))
    match = re.fullmatch(_CSV, lines[0]) if lines and "{" not in lines[0] else None
    if match is None or any(line.startswith("{") for line in lines[1:]):
        return None
    name, option = {",": ("CSV", ""), ";": ("CSV with semicolons", ", delimiter=';'")}.get(
        match[1], ("tab-separated values", ", delimiter='\\t'")
    )
    program = (
        "import csv, json, sys; [print(json.dumps(row)) for row in"
        f" csv.DictReader(open(sys.argv[1], encoding='utf-8-sig'){option})]"
    )
    return Format(name, f'python3 -c "{program}" {{file}}', _ROWS)


def _text_lines(head: bytes) -> Iterator[str]:
    for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:20]:
        yield line.decode("utf-8", errors="replace")


def _word(file: str) -> str:
    return shlex.quote(f"./{file}" if file.startswith("-") else file)
