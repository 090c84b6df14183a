"""The school's own words: a good page, or one line that names the line at fault."""

from __future__ import annotations

import base64
import re

import pytest

from ledger.disclosure.shown import FewerThan
from ledger.errors import BadInputError
from outcomes.presentation.languages import language_of
from outcomes.publish.content import make_document
from outcomes.publish.document import Bullets, Paragraph, plain
from outcomes.publish.edition import EDITION_FILE, WORDED, load_edition, read_edition
from outcomes.publish.material import Material
from tests.support.publication import source_of
from tests.support.repository import ROOT

SOURCE = source_of(count=lambda measure, group, year: 365 if year else 250)
EN, FR = language_of("en"), language_of("fr")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'


def edition(text, logo=None, name="edition"):
    files = {EDITION_FILE: text.encode() if isinstance(text, str) else text}
    return read_edition(files | (logo or {}), name)


def foreword(text, source=SOURCE, language=EN):
    """The blocks that a foreword becomes."""
    indented = "\n".join(f"    {line}" for line in text.splitlines())
    read = edition(f"words:\n  foreword: |\n{indented}\n")
    return make_document(source, read, language).sections[0].blocks


def refusal(text, source=SOURCE, language=EN, **files):
    """The one line of an edition that is refused."""
    with pytest.raises(BadInputError) as caught:
        make_document(source, edition(text, **files), language)
    line = str(caught.value)
    assert line.isprintable()
    return line


class TestWords:
    """Paragraphs, lists, emphasis and links; everything else is text."""

    def test_paragraphs_and_lists(self):
        blocks = foreword("One,\nstill one.\n\nTwo:\n- a\n  and b\n- c\n\nThree.")
        assert ["One, still one.", "Two:", "Three."] == [
            plain(block.runs) for block in blocks if isinstance(block, Paragraph)
        ]
        (items,) = (block.items for block in blocks if isinstance(block, Bullets))
        assert ["a and b", "c"] == list(map(plain, items))

    def test_emphasis_and_links(self):
        (block,) = foreword("An *important* and **strong** [link](https://example.org/a?b=1).")
        styled = [(run.text, run.style, run.href) for run in block.runs if run.style != "plain"]
        assert [("important", "emphasis", ""), ("strong", "strong", "")] == styled
        assert ("link", "https://example.org/a?b=1") == next(
            (run.text, run.href) for run in block.runs if run.href
        )

    @pytest.mark.parametrize(
        "text",
        ["<script>alert(1)</script>", "=1+1", "2 * 3 * 4", "# no heading", "مرحبا 👩🏽‍🎓", "{{x}}"],
    )
    def test_everything_else_is_text(self, text):
        (block,) = foreword(text)
        assert text.replace("{{", "{").replace("}}", "}") == plain(block.runs)
        assert all(run.is_foreign for run in block.runs)

    def test_a_text_for_each_language(self):
        read = edition("school: {en: School, fr: École}\nwords: {limits: {en: Hello, fr: Bonjour}}")
        for language, school, word in ((EN, "School", "Hello"), (FR, "École", "Bonjour")):
            document = make_document(SOURCE, read, language)
            limits = next(each for each in document.sections if each.id == "limits")
            assert (school, word) == (document.school, plain(limits.blocks[0].runs))

    def test_they_come_after_what_says_what_the_section_is_about(self):
        read = edition("words: {funding: We paid.}")
        funding = make_document(SOURCE, read, EN).sections[3]
        assert "funding" == funding.id
        assert ["lead", "We paid."] == [funding.blocks[0].role, plain(funding.blocks[1].runs)]

    def test_name_date_and_signatories(self):
        read = edition(
            "school: Example School\npublished_on: 2023-06-30\n"
            "signatories:\n- name: A\n  role: {en: Chair, fr: Présidence}\n- role: B\n"
        )
        document = make_document(SOURCE, read, FR)
        assert ("Example School", "30 juin 2023") == (document.school, document.date)
        assert [("A", "Présidence"), ("", "B")] == [tuple(each) for each in document.signatories]


class TestFigures:
    """A figure is named, not typed: it is filled in as it is shown."""

    @pytest.mark.parametrize(
        ("field", "english", "french"),
        [
            ("{career_outcomes/all}", "365", "365"),
            ("{career_outcomes/all/previous}", "250", "250"),
            ("{career_outcomes/kind:new_job/growth}", "+46%", "+46\u00a0%"),
            ("{placement_rate/refugee}", "40%", "40\u00a0%"),
        ],
    )
    def test_it_is_filled_in(self, field, english, french):
        for language, text in ((EN, english), (FR, french)):
            (block,) = foreword(f"We count *{field}*.", language=language)
            assert f"We count {text}." == plain(block.runs)

    def test_fewer_than_is_said_in_words(self):
        source = source_of(count=lambda *_: FewerThan(5))
        assert "fewer than 5" == plain(foreword("{applicants/all}", source)[0].runs)

    @pytest.mark.parametrize(
        ("field", "fault"),
        [
            ("{applicants/refugee}", "is not shown"),
            ("{applicants/all/growth}", "is not shown"),
            ("{outcomes_declared/all}", "is not published"),
            ("{aplicants/all}", "applicants"),
            ("{applicants/refugees}", "refugee"),
            ("{applicants}", "is no figure"),
            ("{applicants/all/last}", "is no figure"),
            ("{orientation_rate/all/growth}", "a rate has no growth"),
            ("{}", "is no figure"),
        ],
    )
    def test_one_that_is_not_there_is_named_with_its_line(self, field, fault):
        source = source_of(count=lambda measure, group, year: 0 if group == "all" else None)
        line = refusal(f"words:\n  limits: |\n    One.\n\n    And {field}.\n", source)
        assert line.startswith("edition/edition.yaml:5: ")
        assert fault in line

    @pytest.mark.parametrize(
        ("lines", "field"),
        [("See {applicants/\nall}.", "{applicants/ all}"), ("- An {\n  open} end", "{ open}")],
    )
    def test_one_that_a_line_s_end_breaks_is_named_with_its_line(self, lines, field):
        indented = lines.replace("\n", "\n    ")
        line = refusal(f"words:\n  limits: |\n    One.\n\n    {indented}\n", SOURCE)
        assert f"edition/edition.yaml:5: {field} is broken by a line's end; write it on one" == line

    def test_a_number_typed_by_hand_is_warned_of(self):
        read = edition(
            "words:\n  foreword: |\n    In 2022 it was {career_outcomes/all}.\n\n"
            "    We are proud of 365 people, [40%](https://example.org/77) and 1,234 others.\n"
        )
        place = "edition/edition.yaml:5:"
        any_ = "a figure such as {career_outcomes/all}"
        assert [
            f"{place} 365 is typed by hand; {{career_outcomes/all}} is filled in",
            f"{place} 40% is typed by hand; {{graduation_rate/all}} is filled in",
            f"{place} 1,234 is typed by hand; {any_} is filled in",
        ] == read.warnings(Material(SOURCE, EN))


class TestFaults:
    """Every error is one line with the file and its line."""

    @pytest.mark.parametrize(
        ("text", "line", "fault"),
        [
            ("school: [", 1, "not YAML"),
            ("school: a\n\tb: c", 2, "not YAML"),
            ("school: a\nschool: b", 2, "a second time"),
            ("scool: a", 1, "school"),
            ("words:\n  forword: a", 2, "foreword"),
            ("words:\n  foreword:\n    de: a", 3, "'de' is not known here"),
            ("words:\n  foreword:\n    - a", 3, "members are needed"),
            ("words: a", 1, "members are needed"),
            ("words:\n  foreword: '  '", 2, "no text"),
            ("school:\n  - a", 2, "members are needed"),
            ("school: |\n  a\n  b", 1, "one line"),
            (f"school: {'a' * 400}", 1, "300 characters"),
            ("published_on: 30/06/2023", 1, "no date"),
            ("signatories: a", 1, "a list is needed"),
            ("signatories:\n- {}", 2, "a name, a role or both"),
            ("signatories:\n" + "- name: a\n" * 21, 2, "at most 20"),
            ("school: &a b\nwords: {limits: *a}", 2, "references"),
            ("school: " + "[" * 50, 1, "nested"),
            ("words:\n  limits: |\n    a\n    [b](javascript:x)", 4, "no address"),
            ("words:\n  limits: [a](data.csv)", 2, ""),
            ("words:\n  limits: '[a](https://example.org/\"b)'", 2, "no address"),
            (b"school: \xff", 1, "not UTF-8"),
            ("logo: logo.png", 1, "not among the files"),
        ],
        ids=range(23),
    )
    def test_it_is_one_line(self, text, line, fault):
        message = refusal(text)
        assert message.startswith(f"edition/edition.yaml:{line}: ")
        assert fault in message

    @pytest.mark.parametrize("text", ["", "# nothing", "\0"])
    def test_an_empty_file_is_one_line(self, text):
        assert refusal(text).startswith("edition/edition.yaml")

    def test_a_language_without_words_is_one_line(self):
        message = refusal("words:\n  foreword:\n    en: Hello", language=FR)
        assert "there is a text in en and none in fr" in message
        assert message.startswith("edition/edition.yaml:3: ")


class TestLogo:
    """An image and nothing else: nothing runs, nothing is fetched."""

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "edition.yaml").write_text("logo: our logo.img\n")
        return tmp_path

    def load(self, folder, data):
        (folder / "our logo.img").write_bytes(data)
        return load_edition(folder / "edition.yaml")

    @pytest.mark.parametrize(
        ("data", "name", "media_type"),
        [(PNG, "logo.png", "image/png"), (SVG, "logo.svg", "image/svg+xml"),
         (b"\xff\xd8\xff\xe0 \xff\xd9", "logo.jpg", "image/jpeg")],
    )  # fmt: skip
    def test_it_is_known_by_its_content(self, folder, data, name, media_type):
        read = self.load(folder, data)
        assert (name, media_type, data) == tuple(read.logo)
        assert read == read_edition(read.files, str(folder))

    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            (b"%PDF-1.7", "no image"),
            (b"", "no image"),
            (PNG[:-9], "cut off"),
            (b"<html><body/></html>", "no image"),
            (b"<svg", "not SVG"),
            (SVG.replace(b"<path", b"<script/><path"), "<script>"),
            (SVG.replace(b"<path", b"<foreignObject/><path"), "<foreignObject>"),
            (SVG.replace(b"<path", b"<image href='https://example.org/a.png'/><path"), "<image>"),
            (SVG.replace(b"<path", b"<use href='https://example.org/a.svg#a'/><path"), "outside"),
            (SVG.replace(b"<path", b"<path onclick='a()'"), "script in 'onclick'"),
            (SVG.replace(b"<path", b"<path style='fill: url(https://example.org)'"), "in 'style'"),
            (SVG.replace(b"<path", b"<style>@import 'a.css';</style><path"), "in <style>"),
            (b"<!DOCTYPE svg [<!ENTITY a 'a'>]>" + SVG, "document type"),
            (b"<?xml-stylesheet href='a.css'?>" + SVG, "style sheet"),
            (PNG + b" " * 5_000_000, f"{len(PNG) + 5_000_000:,} bytes"),
        ],
        ids=range(15),
    )
    def test_anything_else_is_refused_in_one_line(self, folder, data, fault):
        with pytest.raises(BadInputError) as caught:
            self.load(folder, data)
        assert fault in str(caught.value)
        assert str(caught.value).isprintable()
        assert "edition.yaml:1: our logo.img: " in str(caught.value)

    def test_one_that_is_missing_is_one_line(self, folder):
        with pytest.raises(BadInputError, match=r"our logo\.img: No such file"):
            load_edition(folder / "edition.yaml")

    def test_an_edition_that_is_missing_is_one_line(self, tmp_path):
        with pytest.raises(BadInputError, match="No such file or directory; is the path right"):
            load_edition(tmp_path / "none.yaml")


def test_the_example_of_the_documents_is_an_edition_without_a_number_typed_by_hand():
    example = load_edition(ROOT / "docs" / "examples" / "edition.yaml")
    for language in (EN, FR):
        document = make_document(SOURCE, example, language)
        assert {"foreword", "limits"} <= {each.id for each in document.sections}
        assert [] == example.warnings(Material(SOURCE, language))


def test_the_excerpt_in_the_documents_is_the_beginning_of_the_example():
    page = (ROOT / "docs" / "publication.md").read_text()
    excerpt = page.partition("```yaml\n")[2].partition("```")[0]
    assert (ROOT / "docs" / "examples" / "edition.yaml").read_text().startswith(excerpt)


def test_the_documents_name_every_section_and_member():
    page = (ROOT / "docs" / "publication.md").read_text()
    assert [*WORDED] == re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)[: len(WORDED)]
