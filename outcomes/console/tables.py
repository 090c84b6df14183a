"""Rows of any number to standard output: one JSON document, JSON lines, or CSV.

Nothing that reaches a terminal can steer it: in JSON every control character is escaped, and a
reader of JSON gets it back.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from outcomes.console import terminal

__all__ = [
    "Nested",
    "csv_lines",
    "document",
    "json_lines",
    "print_csv",
    "print_document",
    "print_lines",
]


class Nested(NamedTuple):
    """An object of a document with a last member that is an array of any length.

    Attributes:
        head: The other members.
        name: Of the array.
        items: Of the array, an item a line.
    """

    head: Mapping[str, Any]
    name: str
    items: Iterable[Any]


_CHUNK_BYTES = 262_144
_FIRST_BYTES = 1_024
"""A reader waits for the first rows: at most an eighth of what was printed is held back."""
# What JSON allows as it is, and a terminal may obey: U+007F to U+009F.
_CONTROL = re.compile(rb"\x7f|\xc2[\x80-\x9f]")
# What a spreadsheet takes for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def print_document(head: Mapping[str, Any], arrays: Mapping[str, Iterable[Any]]) -> None:
    """One JSON object: the members of the head, then arrays of any length, an item a line.

    An item may be a `Nested`.
    """
    _print(document(head, arrays))


def print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Each row as JSON on a line of its own."""
    _print(json_lines(rows))


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows as CSV (RFC 4180) with a head line, safe to open in a spreadsheet.

    A text that a spreadsheet would take for a formula is written behind an apostrophe. What a row
    lacks is empty.
    """
    _print(csv_lines(columns, rows))


def document(head: Mapping[str, Any], arrays: Mapping[str, Iterable[Any]]) -> Iterator[bytes]:
    """See `print_document`."""
    yield b"{"
    separator = b"\n"
    for name, value in head.items():
        indented = orjson.dumps({name: value}, option=orjson.OPT_INDENT_2)
        yield separator + _escaped(indented.removeprefix(b"{\n").removesuffix(b"\n}"))
        separator = b",\n"
    for name, items in arrays.items():
        yield separator + b"  " + _json(name) + b": ["
        comma = b"\n"
        for item in items:
            yield comma + b"    "
            yield from _nested(item) if isinstance(item, Nested) else [_json(item)]
            comma = b",\n"
        yield b"]" if comma == b"\n" else b"\n  ]"
        separator = b",\n"
    yield b"\n}\n"


def _nested(item: Nested) -> Iterator[bytes]:
    yield _json(item.head)[:-1] + (b"," if item.head else b"") + _json(item.name) + b":["
    comma = b"\n"
    for inner in item.items:
        yield comma + b"      " + _json(inner)
        comma = b",\n"
    yield b"]}"


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """See `print_lines`."""
    for row in rows:
        yield _json(row) + b"\n"


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """See `print_csv`."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(columns)
    for row in rows:
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
        writer.writerow([_cell(row.get(name)) for name in columns])
    yield line.getvalue().encode()


def _cell(value: object) -> str | int:
    if value is None:
        return ""
    if type(value) is int:
        return value
    text = value if isinstance(value, str) else _json(value).decode()
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: object) -> bytes:
    return _escaped(orjson.dumps(value))


def _escaped(data: bytes) -> bytes:
    return _CONTROL.sub(lambda match: b"\\u%04x" % match[0][-1], data)


def _print(pieces: Iterable[bytes]) -> None:
    waiting, printed = bytearray(), 0
    for piece in pieces:
        waiting += piece
        if len(waiting) >= min(max(_FIRST_BYTES, printed // 8), _CHUNK_BYTES):
            terminal.write(bytes(waiting))
            printed += len(waiting)
            waiting.clear()
    terminal.write(bytes(waiting))
