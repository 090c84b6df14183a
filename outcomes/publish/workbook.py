"""The publication as a workbook: a cover, its contents, notes, and a sheet for each table.

Each sheet holds one marked table from its first column on and no merged cells, so that a screen
reader and a program find their way; a figure that is not shown says so in words.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import quote_sheetname
from xlsxwriter.worksheet import Worksheet

from outcomes.presentation.languages import Language
from outcomes.publish.document import (
    Bullets,
    Cell,
    Column,
    Document,
    Heading,
    KeyFigure,
    KeyFigures,
    Paragraph,
    Table,
    plain,
)

__all__ = ["sheet_names", "workbook_of"]

_CREATED = date(2000, 1, 1)
"""Where no edition has a date: the clock must not be seen in the file."""
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that an archive of this kind knows."""
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
_NUMBER_FORMATS = {"count": "#,##0", "rate": "0.0%", "growth": "+0.0%;\u22120.0%;0.0%"}
_TENTHS = 1_000  # of a point in a whole
_HEAD_ROW = 3
_TEXT_WIDTH = 100
_WIDTHS = (12, 48)
_CHARACTERS_MAX = 32_767
_NAME_UNITS_MAX = 31
_UNNAMEABLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


class _Book(NamedTuple):
    """A workbook that is being written, and what it is written with."""

    document: Document
    say: Callable[[str], str]
    add_sheet: Callable[[str], Worksheet]
    formats: dict[str, Format]


def workbook_of(document: Document, language: Language, created: date | None) -> bytes:
    """The file, the same bytes whenever and wherever it is made.

    Args:
        document: What it says.
        language: That of the document, for the words of the sheets themselves.
        created: The day that it is dated; the same one for all without it.
    """
    packed = io.BytesIO()
    workbook = xlsxwriter.Workbook(packed, _OPTIONS)
    day = datetime.combine(created or _CREATED, time.min)
    workbook.set_properties({"title": document.title, "author": document.school, "created": day})
    formats = {
        name: workbook.add_format(members)
        for name, members in {
            "title": {"bold": True, "font_size": 18, "text_wrap": True, "valign": "top"},
            "heading": {"bold": True, "font_size": 13, "text_wrap": True, "valign": "top"},
            "text": {"text_wrap": True, "valign": "top"},
            "head": {"bold": True, "text_wrap": True, "valign": "top"},
            "words": {"align": "right"},
            **{unit: {"num_format": form} for unit, form in _NUMBER_FORMATS.items()},
        }.items()
    }

    def add_sheet(name: str) -> Worksheet:
        sheet = workbook.add_worksheet(name)
        if document.direction == "rtl":
            sheet.right_to_left()
        return sheet

    _write_sheets(_Book(document, language.gettext, add_sheet, formats))
    workbook.close()
    return _stored(packed.getvalue())


def _write_sheets(book: _Book) -> None:
    tables = list(book.document.tables())
    say = book.say
    cover, contents, notes, *names = sheet_names(
        [
            *(say("Cover"), say("Contents"), say("Notes")),
            *(table.name or table.caption for table in tables),
        ]
    )
    _write_lines(book, cover, _cover(book))
    _write_contents(book, contents, dict(zip(names, tables, strict=True)))
    _write_lines(book, notes, _notes(book))
    for number, (name, table) in enumerate(zip(names, tables, strict=True), 1):
        _write_table(book, name, table, number)


def _cover(book: _Book) -> Iterator[tuple[str, str]]:
    document, say = book.document, book.say
    yield document.title, "title"
    yield from ((text, "text") for text in (document.school, document.date) if text)
    yield document.summary, "text"
    yield say("Key figures"), "heading"
    for figure in document.figures.figures:
        yield _sentence(book, figure), "text"
    yield say("This workbook"), "heading"
    yield say("Each table has a sheet of its own."), "text"
    yield say("A figure that is not shown says so in words; no cell is empty."), "text"


def _sentence(book: _Book, figure: KeyFigure) -> str:
    """A key figure in one line, with the punctuation of the language."""
    say = book.say
    message = say("{label}: {value}")
    if figure.note:
        is_main = figure.is_main  # its note has brackets of its own
        message = say("{label}: {value}, {note}") if is_main else say("{label}: {value} ({note})")
    return message.format(label=figure.label, value=figure.value, note=figure.note)


def _notes(book: _Book) -> Iterator[tuple[str, str]]:
    """All that the publication says, but its tables."""
    yield book.say("Notes"), "title"
    for section in book.document.sections:
        yield section.title, "heading"
        for block in section.blocks:
            if isinstance(block, Heading):
                yield block.text, "head"
            elif isinstance(block, Paragraph):
                yield plain(block.runs), "text"
            elif isinstance(block, Bullets):
                yield from ((f"• {plain(item)}", "text") for item in block.items)
            elif isinstance(block, KeyFigures):
                bare = (each._replace(note="") for each in block.figures)
                yield from ((_sentence(book, each), "text") for each in bare)


def _write_lines(book: _Book, name: str, lines: Iterator[tuple[str, str]]) -> None:
    sheet = book.add_sheet(name)
    sheet.set_column(0, 0, _TEXT_WIDTH)
    for row, (text, form) in enumerate(lines):
        sheet.write_string(row, 0, text[:_CHARACTERS_MAX], book.formats[form])


def _write_contents(book: _Book, own: str, tables: Mapping[str, Table]) -> None:
    sheet = book.add_sheet(own)
    sheet.set_column(0, 0, _WIDTHS[1])
    sheet.set_column(1, 1, _TEXT_WIDTH)
    sheet.write_string(0, 0, own, book.formats["title"])
    _mark(sheet, (len(tables), 1), "contents", [book.say("Sheet"), book.say("Table")])
    for row, (name, table) in enumerate(tables.items(), _HEAD_ROW + 1):
        sheet.write_url(row, 0, f"internal:{quote_sheetname(name)}!A1", string=name)
        sheet.write_string(row, 1, table.caption)


def sheet_names(names: Iterable[str]) -> list[str]:
    """Names as a workbook takes them: of at most 31 characters, none twice.

    >>> sheet_names(["Rates: a/b", "rates ab", "History"])
    ['Rates ab', 'rates ab (2)', 'History (2)']
    """
    result: list[str] = []
    taken = {"history"}  # Excel keeps it for itself.
    for name in names:
        plain = " ".join(_UNNAMEABLE.sub("", name).split()).strip("'") or "–"
        number, short = 1, _shortened(plain, _NAME_UNITS_MAX)
        while short.casefold() in taken:
            number += 1
            end = f" ({number})"
            short = _shortened(plain, _NAME_UNITS_MAX - len(end)) + end
        taken.add(short.casefold())
        result.append(short)
    return result


def _shortened(text: str, units: int) -> str:
    """A text of at most so many units of UTF-16, in which Excel counts."""
    if len(text.encode("utf-16-le")) <= 2 * units:
        return text
    kept = text.encode("utf-16-le")[: 2 * (units - 1)].decode("utf-16-le", "ignore")
    return f"{kept.rpartition(' ')[0] or kept}…"


def _write_table(book: _Book, name: str, table: Table, number: int) -> None:
    sheet = book.add_sheet(name)
    sheet.set_column(0, 0, _WIDTHS[1])
    sheet.set_column(1, len(table.columns), _WIDTHS[0] + 4)
    sheet.write_string(0, 0, table.caption, book.formats["heading"])
    sheet.write_string(1, 0, book.document.title)
    heads = _distinct([table.corner, *(column.head for column in table.columns)])
    _mark(sheet, (len(table.rows), len(table.columns)), f"table_{number}", heads)
    sheet.freeze_panes(_HEAD_ROW + 1, 1)
    for row, line in enumerate(table.rows, _HEAD_ROW + 1):
        sheet.write_string(row, 0, line.head)
        for place, (column, cell) in enumerate(zip(table.columns, line.cells, strict=True), 1):
            _write_cell(book, sheet, (row, place), column, cell)


def _mark(sheet: Worksheet, size: tuple[int, int], name: str, heads: list[str]) -> None:
    """Mark a table of so many rows and columns beside that of the row heads."""
    rows, columns = size
    options: dict[str, Any] = {
        "name": name,
        "autofilter": False,
        "first_column": True,
        "banded_rows": False,
        "style": "Table Style Light 1",
        "columns": [{"header": head} for head in heads],
    }
    done = sheet.add_table(_HEAD_ROW, 0, _HEAD_ROW + max(rows, 1), columns, options)
    assert done == 0, name


def _write_cell(
    book: _Book, sheet: Worksheet, place: tuple[int, int], column: Column, cell: Cell
) -> None:
    if cell.value is None:
        form = book.formats["words"] if column.unit != "text" else None
        sheet.write_string(*place, cell.text, form)
        return
    value = cell.value if column.unit == "count" else cell.value / _TENTHS
    sheet.write_number(*place, value, book.formats[column.unit])


def _distinct(heads: list[str]) -> list[str]:
    """Heads as a marked table needs them: none twice, whatever its letters' size."""
    seen: dict[str, int] = {}
    result = []
    for head in heads:
        times = seen[head.casefold()] = seen.get(head.casefold(), 0) + 1
        result.append(head if times == 1 else f"{head} ({times})")
    return result


def _stored(packed: bytes) -> bytes:
    """The same archive without compression: builds of zlib compress differently."""
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as before, zipfile.ZipFile(stored, "w") as after:
        for name in before.namelist():
            after.writestr(zipfile.ZipInfo(name, _EARLIEST), before.read(name))
    return stored.getvalue()
