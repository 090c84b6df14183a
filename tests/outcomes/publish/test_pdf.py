"""The PDF: what a validator, a screen reader and a printer need of it, whatever a school writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zlib
from datetime import date
from hashlib import sha256, shake_128
from pathlib import Path

import pypdfium2
import pytest

from ledger.errors import BadInputError, StoreError
from outcomes.presentation.charts import Bar, Bars, Month, Months, Rate, Rates
from outcomes.presentation.languages import language_of
from outcomes.publish import pdf
from outcomes.publish.content import make_document
from outcomes.publish.document import (
    Bullets,
    Cell,
    Chart,
    Column,
    Document,
    Heading,
    KeyFigure,
    KeyFigures,
    Logo,
    Paragraph,
    Row,
    Run,
    Section,
    Signatory,
    Table,
)
from outcomes.publish.edition import NO_EDITION
from outcomes.publish.pdf import render_pdf
from tests.support.publication import source_of
from tests.support.verapdf import validate

ROOT = Path(__file__).resolve().parents[3]
MARGIN = 28
LONG = "École supérieure des métiers du numérique et de la transformation sociale et solidaire " * 2
KEY = "placement_of_those_who_answered_the_survey_before_the_end_of_june_rate"
MARKUP = '#panic("x") *bold* _em_ $x^2$ <script>alert(1)</script> @ref // `code` \\ = heading'
RIGHT_TO_LEFT = (Run("שלום עולם 2022 בדף", is_foreign=True), Run(" and مدرسة", is_foreign=True))
HIDDEN = Cell("not shown", None, "not_shown")


def number(value):
    return Cell(f"{value:,}", value, "number")


def paragraph(text, role="body"):
    return Paragraph((Run(text),), role)


def table(rows, columns=3, head="Row"):
    heads = tuple(Column(f"Column {index}", "count") for index in range(columns))
    cells = [tuple(number(1_234_567 + index) for index in range(columns - 1)) for _ in range(rows)]
    roles = ("total", "complement", *["part"] * rows)
    made = (Row(f"{head} {index}", (*cells[index], HIDDEN), roles[index]) for index in range(rows))
    return Table("t", f"{rows} rows", "Group", heads, tuple(made))


CHARTS = (
    Chart(Months(tuple(Month(f"M{n}", "", n, 1, n, str(n)) for n in range(12))), table(12)),
    Chart(
        Rates(
            (
                Rate("All", "50 %", 500, (300, 700), is_base=True),
                Rate("Some", "not shown", None),
            )
        ),
        table(9),
    ),
    Chart(Bars((Bar("Public", "12", 12, 9), Bar("Other", "not shown", None))), table(2)),
)


def document(**changes):
    """A document with every kind of block."""
    inline = (
        Run("Words, "),
        Run("strong", "strong"),
        Run(" and "),
        Run("stressed", "emphasis"),
        Run(", a "),
        Run("link", href="https://example.org/a"),
        Run(" and "),
        Run("shown.json", "code", "shown.json"),
    )
    blocks = (
        paragraph("What comes first.", "lead"),
        Paragraph(inline),
        Heading("A heading"),
        Bullets((inline, (Run("Second"),))),
        KeyFigures((KeyFigure("Graduation", "40 %", "2 of 5"),)),
        *CHARTS,
        paragraph("sha256:" + "0123456789abcdef" * 4, "note"),
    )
    base = Document(
        language="en",
        direction="ltr",
        title="Impact report 2022",
        school="Riverside School",
        date="31 March 2023",
        published_on=date(2023, 3, 31),
        summary="365 career outcomes.",
        logo=None,
        figures=KeyFigures(
            (KeyFigure("Outcomes", "365", "+46.6 %", is_main=True), KeyFigure("Rate", "1 %", ""))
        ),
        sections=(
            Section("body", "The year", blocks),
            Section("annex", "All figures", (table(9),), is_annex=True),
        ),
        signatories=(Signatory("The chair", "Board"), Signatory("The head", "School")),
        labels={
            "contents": "Contents",
            "signatures": "Signatures",
            "signed": "Signed is what has the SHA-256 " + "0123456789abcdef" * 4,
            "this_year": "2022",
            "year_before": "2021",
            "rate": "Rate",
            "base": "Base",
            "bounds": "Bounds",
        },
    )
    return base._replace(**changes)


def section(*blocks, title="Section"):
    return (Section("s", title, blocks),)


def png(side):
    """A picture of noise, which does not compress."""
    noise, width = shake_128(b"noise").digest(side * side * 3), side * 3
    lines = (noise[line * width : (line + 1) * width] for line in range(side))
    rows = b"".join(b"\0" + line for line in lines)
    header = side.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        for name, data in chunks
    )


def published(code, **cells):
    """What is really published, without an edition."""
    return make_document(source_of(**cells), NO_EDITION, language_of(code))


DOCUMENTS = {
    "ordinary": document(),
    "published in English": published("en"),
    "all hidden, in French": published(
        "fr", profile="threshold-5", count=lambda *_: None, rate=lambda *_: None
    ),
    "long": document(
        logo=Logo("logo.png", "image/png", png(580)),
        school=LONG,
        title=f"Impact report 2022, {LONG}",
        sections=section(table(60), table(9, 12, LONG[:50]), table(3, 3, KEY), paragraph("x" * 99)),
        signatories=(Signatory(LONG, LONG),) * 9,
    ),
    "markup, and nothing": document(
        school=MARKUP,
        figures=KeyFigures(()),
        sections=section(paragraph(MARKUP), table(0), KeyFigures(()), Bullets(()), title=MARKUP),
    ),
    "right to left": document(
        language="he_IL",
        direction="rtl",
        school="בית ספר",
        sections=section(Paragraph(RIGHT_TO_LEFT), Bullets((RIGHT_TO_LEFT,)), table(9), *CHARTS),
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Every document as a file, by its name."""
    folder = tmp_path_factory.mktemp("pdf")
    paths = {name: folder / f"{number}.pdf" for number, name in enumerate(DOCUMENTS)}
    for name, path in paths.items():
        path.write_bytes(render_pdf(DOCUMENTS[name]))
    return paths


def squeezed(text):
    """A text without what a line break adds or takes; PDFium writes a hyphen there as U+0002."""
    return re.sub(r"[\s\u200b\u2068\u2069\u00ad\ufffe\x02-]+", "", text)


def body_of(path):
    """The text of a file between the running head and foot, as a screen reader meets it."""
    parts = []
    with pypdfium2.PdfDocument(path) as opened:
        for page in opened:
            width, height = page.get_size()
            parts.append(
                page.get_textpage().get_text_bounded(0, 62, width, height - 62)
                if parts
                else page.get_textpage().get_text_bounded()
            )
    return squeezed("".join(parts))


def strings(item):
    """The texts of a part of a document, in order."""
    if isinstance(item, Paragraph | Bullets):
        lines = item.items if isinstance(item, Bullets) else (item.runs,)
        return ["".join(run.text for run in line) for line in lines]
    if isinstance(item, Chart):
        return strings(item.table)
    if isinstance(item, Table):
        cells = [text for row in item.rows for text in (row.head, *(c.text for c in row.cells))]
        return [item.caption, item.corner, *(column.head for column in item.columns), *cells]
    if isinstance(item, KeyFigures):
        return [text for each in item.figures for text in (each.label, each.value, each.note)]
    if isinstance(item, Section):
        return [item.title, *(text for block in item.blocks for text in strings(block))]
    return [item.text]


def words_of(document):
    """What a document says, in the order in which it is to be read."""
    body = [text for each in document.sections if not each.is_annex for text in strings(each)]
    annex = [text for each in document.sections if each.is_annex for text in strings(each)]
    signed = [text for each in document.signatories for text in each]
    signed[:0] = [document.labels["signed"]] if signed else []
    return [
        document.school,
        document.title,
        document.summary,
        *strings(document.figures),
        document.date,
        *(each.title for each in document.sections if not each.is_annex),
        *body,
        *signed,
        *annex,
    ]


def first_missing(path, document):
    """The first text that does not follow those before it."""
    rest = body_of(path)
    for each in filter(None, map(squeezed, words_of(document))):
        _, match, rest = rest.partition(each)
        if match != each:
            return each
    return None


def boxes_outside(path):
    """The boxes of text that stand outside the margins of their page."""
    boxes = []
    with pypdfium2.PdfDocument(path) as opened:
        for number, page in enumerate(opened, start=1):
            (width, height), text = page.get_size(), page.get_textpage()
            for index in range(text.count_rects()):
                left, bottom, right, top = box = text.get_rect(index)
                if min(left, bottom, width - right, height - top) < MARGIN:
                    boxes.append((number, box))
    return boxes


class TestAccessible:
    """A validator of the standard finds nothing."""

    def test_every_file_is_pdf_ua(self, files):
        lines = validate(files.values())

        assert [f"{path}: compliant" for path in files.values()] == [
            line.partition(",")[0] for line in lines
        ]

    @pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "right to left"])
    def test_its_text_reads_in_order(self, files, name):
        assert first_missing(files[name], DOCUMENTS[name]) is None

    def test_words_of_another_direction_are_there(self, files):
        assert all(word in body_of(files["right to left"]) for word in ("שלום", "مدرسة", "בית"))

    @pytest.mark.parametrize("name", ["published in English", "long", "right to left"])
    def test_every_row_and_every_column_has_its_head(self, files, name):
        data = files[name].read_bytes()
        tables = list(DOCUMENTS[name].tables())
        assert sum(len(table.rows) for table in tables) == data.count(b"/Scope/Row")
        assert sum(1 + len(table.columns) for table in tables) == data.count(b"/Scope/Column")

    def test_who_signs_stands_on_the_page_that_says_what_is_signed(self):
        for rows in range(24, 48, 3):
            data = render_pdf(document(sections=section(table(rows))))
            with pypdfium2.PdfDocument(data) as opened:
                pages = [page.get_textpage().get_text_range() for page in opened]
            (page,) = [text for text in pages if "Signed is" in text]
            assert "The chair" in page, rows

    def test_it_names_title_school_and_language(self, files):
        with pypdfium2.PdfDocument(files["ordinary"]) as opened:
            known = opened.get_metadata_dict(skip_empty=True)
        assert ("Impact report 2022", "Riverside School") == (known["Title"], known["Author"])
        assert "D:20230331" == known["CreationDate"][:10]
        assert b"/Lang(he-IL)" in files["right to left"].read_bytes()


class TestInsideThePage:
    """A printer loses nothing: a validator does not see what is cut off."""

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_every_word_is_inside(self, files, name):
        assert [] == boxes_outside(files[name])

    def test_a_table_that_runs_off_the_page_is_seen(self, tmp_path, monkeypatch):
        text = (pdf._FOLDER / "report.typ").read_text(encoding="utf-8")
        cut = text.replace("(default: 0) > 28", "(default: 0) < 0")
        (tmp_path / "report.typ").write_text(cut, encoding="utf-8")
        (tmp_path / "style").symlink_to(pdf._FOLDER / "style")
        monkeypatch.setattr(pdf, "_FOLDER", tmp_path)
        path = tmp_path / "cut.pdf"
        path.write_bytes(render_pdf(DOCUMENTS["long"]))

        assert first_missing(path, DOCUMENTS["long"]) or boxes_outside(path)


class TestSameBytes:
    """Neither clock nor machine is in it."""

    def test_another_locale_zone_folder_and_hash_seed(self, files, tmp_path):
        settings = {
            "LC_ALL": "fr_FR.UTF-8",
            "TZ": "Pacific/Auckland",
            "PYTHONHASHSEED": "7",
            "SOURCE_DATE_EPOCH": "86400",
            "TYPST_FONT_PATHS": "/usr/share/fonts",
            "PYTHONPATH": str(ROOT),
        }
        program = (
            "import sys; from tests.outcomes.publish.test_pdf import document, render_pdf;"
            "sys.stdout.buffer.write(render_pdf(document()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, **settings},
            capture_output=True,
            timeout=60,
            check=True,
        )
        # The bytes themselves would fill the screen.
        assert sha256(files["ordinary"].read_bytes()).digest() == sha256(done.stdout).digest()


class TestRefusals:
    """One line that says what is wrong, where, and what to do."""

    def test_a_temporary_folder_that_cannot_be_used_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        with pytest.raises(StoreError, match="set TMPDIR to another one"):
            render_pdf(document())

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"sections": section(paragraph("Well done 😀"), title="Letter")},
                "report.en.pdf cannot show U+1F600 GRINNING FACE, in “Letter”; leave it out",
            ),
            (
                {"school": "School 𓀀"},
                "report.en.pdf cannot show U+13000 EGYPTIAN HIEROGLYPH A001, in the school's",
            ),
            (
                {"sections": section(paragraph("\ufeff\u03d6"), title="Letter")},
                "report.en.pdf cannot show U+FEFF ZERO WIDTH NO-BREAK SPACE, in “Letter”",
            ),
            (
                {"logo": Logo("l.png", "image/png", b"no picture")},
                "l.png: failed to decode image",
            ),
            (
                {"logo": Logo("l.svg", "image/svg+xml", b"<svg")},
                "l.svg: failed to parse SVG",
            ),
            (
                {
                    "logo": Logo(
                        "l.svg",
                        "image/svg+xml",
                        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
                        b'<image href="file:///etc/hostname" width="9" height="9"/></svg>',
                    )
                },
                "l.svg: failed to load linked image file:///etc/hostname",
            ),
        ],
        ids=["emoji", "title page", "control", "no picture", "broken SVG", "outside reference"],
    )
    def test_it_is_one_line(self, changes, message):
        with pytest.raises(BadInputError) as raised:
            render_pdf(document(**changes))
        assert str(raised.value).startswith(message)

    def test_a_mark_that_stops_typst_is_one_line(self, capfd):
        with pytest.raises(
            BadInputError, match=r"report\.en\.pdf: a mark stands on a letter that no"
        ):
            render_pdf(document(sections=section(paragraph("\u0632\u0616"))))
        assert ("", "") == capfd.readouterr()
