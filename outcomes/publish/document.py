"""A publication's content as data, whatever its form: the page, the PDF and the workbook show it.

All text is in the language of the document already, and is text: a form escapes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal, NamedTuple

from outcomes.presentation.charts import Drawing

__all__ = [
    "Block",
    "Bullets",
    "Cell",
    "Chart",
    "Column",
    "Document",
    "Heading",
    "Inline",
    "KeyFigure",
    "KeyFigures",
    "Logo",
    "Paragraph",
    "Role",
    "Row",
    "Run",
    "Section",
    "Signatory",
    "Status",
    "Table",
    "Unit",
    "plain",
]

Status = Literal["number", "fewer_than", "not_shown", "text"]
"""`number`: `value` holds what is shown; `text`: the cell is no figure."""
Role = Literal["part", "total", "complement"]
"""Of a row: `complement` for the group that others are compared with."""
Unit = Literal["count", "rate", "growth", "text"]
"""Of a column; rates and growth are in tenths of a point."""


class Run(NamedTuple):
    """A stretch of text within a line.

    Attributes:
        text: As it is.
        style: How it is set; `code` for names that a machine reads.
        href: Where it leads: an address, or a file of the publication; empty for nowhere.
        is_foreign: Whether the school wrote it: its direction may be another.
    """

    text: str
    style: Literal["plain", "emphasis", "strong", "code"] = "plain"
    href: str = ""
    is_foreign: bool = False


Inline = tuple[Run, ...]


def plain(runs: Inline) -> str:
    """The text alone."""
    return "".join(run.text for run in runs)


class Heading(NamedTuple):
    """A heading below that of its section."""

    text: str


class Paragraph(NamedTuple):
    """A paragraph.

    Attributes:
        runs: Its text.
        role: `lead` for the sentence that a section begins with, `note` for what qualifies.
    """

    runs: Inline
    role: Literal["body", "lead", "note"] = "body"


class Bullets(NamedTuple):
    """A list."""

    items: tuple[Inline, ...]


class KeyFigure(NamedTuple):
    """A figure to look at.

    Attributes:
        label: What it counts.
        value: As it is shown.
        note: The line below it, such as its growth; may be empty.
        is_main: Whether it is the main figure of the publication.
    """

    label: str
    value: str
    note: str
    is_main: bool = False


class KeyFigures(NamedTuple):
    """Some figures beside each other."""

    figures: tuple[KeyFigure, ...]


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: As it is read; never empty.
        value: The number that is shown, in the unit of its column; None where none is.
        status: What the cell holds.
    """

    text: str
    value: int | None = None
    status: Status = "text"


class Column(NamedTuple):
    """A column of a table, without that of the row heads."""

    head: str
    unit: Unit = "text"


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        head: What it is about.
        cells: One for each column.
        role: How it is set apart.
    """

    head: str
    cells: tuple[Cell, ...]
    role: Role = "part"


class Table(NamedTuple):
    """A table.

    Attributes:
        id: Of the table in the document; ASCII letters, digits and hyphens.
        caption: What it shows.
        corner: The head of the column of row heads.
        columns: The others.
        rows: In order.
        name: Where there is room for a few words only; empty if the caption is no longer.
    """

    id: str
    caption: str
    corner: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    name: str = ""


class Chart(NamedTuple):
    """A chart, and the table that says the same.

    Attributes:
        drawing: What is drawn; see `outcomes.presentation.charts.draw`.
        table: With the same figures; its caption is that of both.
    """

    drawing: Drawing
    table: Table


Block = Heading | Paragraph | Bullets | KeyFigures | Table | Chart


class Section(NamedTuple):
    """A section.

    Attributes:
        id: In the document, such as `method`.
        title: Its heading.
        blocks: In order.
        is_annex: Whether it is for looking things up, behind the signatures.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]
    is_annex: bool = False


class Logo(NamedTuple):
    """The school's logo.

    Attributes:
        name: Of its file.
        media_type: `image/png`, `image/jpeg` or `image/svg+xml`.
        data: The file.
    """

    name: str
    media_type: str
    data: bytes


class Signatory(NamedTuple):
    """Who signs; as the school wrote it."""

    name: str
    role: str


class Document(NamedTuple):
    """A publication in one language.

    Attributes:
        language: Its code, such as `fr`.
        direction: Of its text.
        title: Such as `Impact report 2022`.
        school: The school's name; empty without an edition.
        date: Of the edition, in words; empty without one.
        summary: One sentence with the main figure.
        logo: The school's.
        figures: Those of the title page, the main one first.
        sections: In order.
        signatories: In order.
        labels: Words that the forms themselves need, by key.
        published_on: The date of the edition, for what is read by a machine.
    """

    language: str
    direction: Literal["ltr", "rtl"]
    title: str
    school: str
    date: str
    summary: str
    logo: Logo | None
    figures: KeyFigures
    sections: tuple[Section, ...]
    signatories: tuple[Signatory, ...]
    labels: dict[str, str]
    published_on: dt.date | None = None

    def tables(self) -> Iterator[Table]:
        """Every table, those beside charts included, in order."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield block
                elif isinstance(block, Chart):
                    yield block.table
