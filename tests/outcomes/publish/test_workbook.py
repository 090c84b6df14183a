"""The workbook: one marked table a sheet, words where nothing is shown, always the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date

import openpyxl
import pytest
from xlsxwriter.utility import quote_sheetname

from outcomes.presentation.languages import language_of
from outcomes.publish.content import make_document
from outcomes.publish.document import (
    Cell,
    Column,
    Document,
    KeyFigure,
    KeyFigures,
    Paragraph,
    Row,
    Run,
    Section,
    Table,
)
from outcomes.publish.edition import NO_EDITION
from outcomes.publish.workbook import sheet_names, workbook_of
from tests.support.publication import source_of

COLUMNS = (
    Column("2022", "count"),
    Column("Growth", "growth"),
    Column("growth", "rate"),
    Column("Words"),
)
HIDDEN = Cell("not shown", None, "not_shown")
TABLE = Table(
    "groups",
    "Outcomes by group",
    "Group",
    COLUMNS,
    (
        Row(
            "All",
            (Cell("1,234", 1234, "number"), Cell("−46.6 %", -466, "number"), HIDDEN, Cell("a")),
        ),
        Row(
            "=SUM(A1)",
            (Cell("fewer than 5", None, "fewer_than"), HIDDEN, Cell("12.5 %", 125, "number"),
             Cell("=HYPERLINK(1)")),
        ),
    ),
)  # fmt: skip


def document(*tables, direction="ltr"):
    figures = KeyFigures((KeyFigure("Outcomes", "1,234", "fewer than before", is_main=True),))
    section = Section("outcomes", "The year", (Paragraph((Run("What was counted."),)), *tables))
    return Document(
        "en", direction, "Impact report 2022", "A school", "", "1,234 outcomes", None, figures,
        (section,), (), {},
    )  # fmt: skip


def made(content, created=None):
    return workbook_of(content, language_of(content.language), created)


def opened(data):
    return openpyxl.load_workbook(io.BytesIO(data))


@pytest.fixture(scope="module")
def sheets():
    """The sheets of a publication with every table that there is, in French."""
    content = make_document(source_of(profile="round-5"), NO_EDITION, language_of("fr"))
    return content, opened(made(content))


class TestSheets:
    def test_there_is_a_sheet_for_each_table_behind_cover_contents_and_notes(self, sheets):
        content, book = sheets
        tables = list(content.tables())
        assert len(tables) > 5
        assert len(tables) == len(book.sheetnames[3:])
        assert [table.caption for table in tables] == [
            book[name]["A1"].value for name in book.sheetnames[3:]
        ]

    def test_each_holds_one_marked_table_and_no_merged_cells(self, sheets):
        content, book = sheets
        for table, name in zip(content.tables(), book.sheetnames[3:], strict=True):
            sheet = book[name]
            (area,) = [marked.ref for marked in sheet.tables.values()]
            rows = [[cell.value for cell in row] for row in sheet[area]]
            assert not sheet.merged_cells.ranges
            assert [row.head for row in table.rows] == [row[0] for row in rows[1:]]
            assert all(value not in (None, "") for row in rows for value in row), name

    def test_the_contents_lead_to_every_sheet(self, sheets):
        _, book = sheets
        links = {
            cell.hyperlink.location for (cell,) in book.worksheets[1]["A5:A500"] if cell.hyperlink
        }
        assert {f"{quote_sheetname(name)}!A1" for name in book.sheetnames[3:]} == links

    def test_a_sheet_is_named_by_what_it_holds(self, sheets):
        _, book = sheets
        assert {"Réussites par mois", "Emploi par catégorie", "Candidats"} <= set(book.sheetnames)

    @pytest.mark.parametrize("code", ["en", "fr"])
    def test_no_name_is_cut_off(self, code):
        content = make_document(source_of(profile="round-5"), NO_EDITION, language_of(code))
        names = [table.name or table.caption for table in content.tables()]
        assert not [name for name in sheet_names(names) if name.endswith(("…", ")"))]

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("a" * 31, "a" * 31),
            ("a" * 32, "a" * 30 + "…"),
            ("Students who were expected to graduate", "Students who were expected to…"),
            ("Rates: [2022] a/b", "Rates 2022 ab"),
            ("'s", "s"),
            ("😀" * 20, "😀" * 15 + "…"),
            ("/", "–"),
            ("History", "History (2)"),
        ],
    )
    def test_a_name_is_one_that_a_workbook_takes(self, name, given):
        assert [given] == sheet_names([name])
        made = sheet_names([name, name.upper()] * 6)
        assert len({each.casefold() for each in made}) == 12
        assert all(len(each.encode("utf-16-le")) <= 62 for each in made)

    def test_the_key_figures_are_written_as_french_is(self, sheets):
        _, book = sheets
        lines = [row[0].value for row in book.worksheets[0].iter_rows() if row[0].value]
        figures = [line for line in lines if line.startswith(("Réussites", "Taux"))]
        assert len(figures) == 5
        assert not [line for line in figures if not re.search("[^\\s]\u00a0: ", line)]

    def test_the_notes_say_what_the_pages_say(self, sheets):
        content, book = sheets
        notes = {row[0].value for row in book.worksheets[2].iter_rows()}
        assert {section.title for section in content.sections} <= notes


class TestCells:
    """Numbers are numbers, with the format of their column; everything else is text."""

    def test_numbers_are_numbers_and_the_rest_is_said_in_words(self):
        rows = [
            [cell.value for cell in row]
            for row in opened(made(document(TABLE))).worksheets[3]["A5:E6"]
        ]
        assert rows == [
            ["All", 1234, -0.466, "not shown", "a"],
            ["=SUM(A1)", "fewer than 5", "not shown", 0.125, "=HYPERLINK(1)"],
        ]

    def test_nothing_is_a_formula_or_a_link_outwards(self):
        data = made(document(TABLE))
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sheets = [parts.read(name) for name in parts.namelist() if "worksheets/sheet" in name]
        assert len(sheets) == 4
        assert not [sheet for sheet in sheets if b"<f>" in sheet or b"<f " in sheet]

    def test_columns_of_one_name_get_names_of_their_own(self):
        heads = [cell.value for cell in opened(made(document(TABLE))).worksheets[3][4]]
        assert heads == ["Group", "2022", "Growth", "growth (2)", "Words"]

    def test_a_language_from_right_to_left_turns_its_sheets(self):
        book = opened(made(document(TABLE, direction="rtl")))
        assert all(sheet.sheet_view.rightToLeft for sheet in book)


class TestBytes:
    def test_the_same_document_gives_the_same_bytes_with_the_day_of_the_edition(self):
        day = date(2023, 6, 30)
        data = made(document(TABLE), day)
        assert data == made(document(TABLE), day) != made(document(TABLE))
        assert day == opened(data).properties.created.date()

    def test_nothing_is_compressed_and_no_clock_is_in_it(self):
        with zipfile.ZipFile(io.BytesIO(made(document(TABLE)))) as parts:
            assert {zipfile.ZIP_STORED} == {part.compress_type for part in parts.infolist()}
            assert {(1980, 1, 1, 0, 0, 0)} == {part.date_time for part in parts.infolist()}
