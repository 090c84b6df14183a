"""The shown report as one table, a row for each cell, with what two standards say of a table.

No cell begins with a sign of a formula, but a negative number: a spreadsheet runs nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import orjson

from ledger.disclosure.shown import FewerThan, ShownCell, ShownReport
from schemas.canonical import sha256_hex

__all__ = ["NOT_SHOWN", "TABLE", "CellRow", "cell_rows", "data_table_files", "status_of"]

TABLE = "data.csv"
NOT_SHOWN = "not_shown"
_STATUSES = f"shown|{NOT_SHOWN}|fewer_than_[0-9]+"
_QUANTITIES = ("count", "growth", "rate")


class CellRow(NamedTuple):
    """One cell of the publication.

    Attributes:
        measure: Such as `applicants`.
        group: Such as `refugee`.
        year: The year that the cell is about.
        quantity: `count`; `growth` on the year before, or `rate`, both in percent.
        value: The number, percentages with one decimal; empty where none is shown.
        status: `shown`, `fewer_than_5` or `not_shown`.
        provisional_until: The last date on which it is not final yet; empty where it is final.
    """

    measure: str
    group: str
    year: int
    quantity: Literal["count", "growth", "rate"]
    value: str
    status: str
    provisional_until: str


class _Column(NamedTuple):
    """What the metadata say of a column: its title, type and meaning."""

    title: str
    csvw_type: object
    package_type: dict[str, object]
    about: str


_COLUMNS = {
    "measure": _Column(
        "Measure", "string", {"type": "string"}, "What is counted, or which rate it is."
    ),
    "group": _Column(
        "Group",
        "string",
        {"type": "string"},
        "All, a category, or a kind, population, month or funding group.",
    ),
    "year": _Column("Year", "gYear", {"type": "year"}, "The year that the cell is about."),
    "quantity": _Column(
        "Quantity",
        {"base": "string", "format": "|".join(_QUANTITIES)},
        {"type": "string", "constraints": {"enum": list(_QUANTITIES)}},
        "A count; or growth on the year before, or a rate, both in percent.",
    ),
    "value": _Column(
        "Value", "decimal", {"type": "number"}, "The number; empty where none is shown."
    ),
    "status": _Column(
        "Status",
        {"base": "string", "format": _STATUSES},
        {"type": "string", "constraints": {"pattern": _STATUSES}},
        "Whether a number is shown; fewer_than_5 stands for a count from 1 to 4.",
    ),
    "provisional_until": _Column(
        "Provisional until",
        "date",
        {"type": "date"},
        "The last date on which the measure is not final yet; empty where it is final.",
    ),
}
_MAY_BE_EMPTY = ("value", "provisional_until")
_KEY = ("measure", "group", "year", "quantity")


def data_table_files(shown: ShownReport) -> dict[str, bytes]:
    """The table as CSV of RFC 4180, and its metadata: CSV on the Web, and a data package."""
    table = _csv(shown)
    return {
        TABLE: table,
        f"{TABLE}-metadata.json": _encode(_csvw(shown)),
        "datapackage.json": _encode(_data_package(shown, table)),
    }


def cell_rows(shown: ShownReport) -> Iterator[CellRow]:
    """Every cell: counts with the year before and growth, then rates, in the report's order."""
    year = shown.reference_year
    for count in shown.counts:
        cell = count.measure, count.group
        until = shown.provisional.get(count.measure, "")
        yield CellRow(*cell, year, "count", *_of_count(count.count), until)
        yield CellRow(*cell, year - 1, "count", *_of_count(count.previous), "")
        yield CellRow(*cell, year, "growth", *_of_tenths(count.growth), until)
    for rate in shown.rates:
        until = shown.provisional.get(rate.measure, "")
        yield CellRow(rate.measure, rate.group, year, "rate", *_of_tenths(rate.tenths), until)


def status_of(cell: ShownCell) -> str:
    """How a cell is shown, as a word of the table."""
    if cell is None:
        return NOT_SHOWN
    return f"fewer_than_{cell.threshold}" if isinstance(cell, FewerThan) else "shown"


def _of_count(cell: ShownCell) -> tuple[str, str]:
    return str(cell) if isinstance(cell, int) else "", status_of(cell)


def _of_tenths(tenths: int | None) -> tuple[str, str]:
    if tenths is None:
        return "", status_of(None)
    whole, tenth = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}.{tenth}", "shown"


def _csv(shown: ShownReport) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CellRow._fields)
    writer.writerows(cell_rows(shown))
    return text.getvalue().encode()


def _title(shown: ShownReport) -> str:
    return (
        f"Student outcomes {shown.reference_year}, policy {shown.policy.id}"
        f" version {shown.policy.version}, disclosure {shown.disclosure.id}"
        f" version {shown.disclosure.version}"
    )


def _csvw(shown: ShownReport) -> dict[str, Any]:
    columns = [
        {
            "name": name,
            "titles": name,
            "dc:title": column.title,
            "dc:description": column.about,
            "datatype": column.csvw_type,
            "required": name not in _MAY_BE_EMPTY,
        }
        for name, column in _COLUMNS.items()
    ]
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": TABLE,
        "dc:title": _title(shown),
        "dialect": {"encoding": "utf-8", "header": True, "lineTerminators": ["\r\n"]},
        "tableSchema": {"columns": columns, "primaryKey": list(_KEY)},
    }


def _data_package(shown: ShownReport, table: bytes) -> dict[str, Any]:
    fields = [
        {"name": name, "title": column.title, "description": column.about, **_field(name, column)}
        for name, column in _COLUMNS.items()
    ]
    resource = {
        "name": "data",
        "path": TABLE,
        "type": "table",
        "scheme": "file",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(table),
        "hash": f"sha256:{sha256_hex(table)}",
        "schema": {"fields": fields, "primaryKey": list(_KEY), "missingValues": [""]},
    }
    return {
        "name": f"student-outcomes-{shown.reference_year}",
        "title": _title(shown),
        "resources": [resource],
    }


def _field(name: str, column: _Column) -> dict[str, Any]:
    if name in _MAY_BE_EMPTY:
        return dict(column.package_type)
    constraints = column.package_type.get("constraints", {})
    assert isinstance(constraints, dict)
    return {**column.package_type, "constraints": {"required": True, **constraints}}


def _encode(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
