"""Every word of a page is translated, and every number is written as its readers write it."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from outcomes import presentation
from outcomes.presentation.languages import Language, language_of, languages, negotiate

ROOT = Path(presentation.__file__).parents[1]
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
PARAGRAPHS = ("item", "prose", "lead", "note")
KEYWORDS = {"ngettext": (1, 2), **dict.fromkeys(("_", "say", "gettext", *PARAGRAPHS))}
FIELDS = re.compile(r"\{(\w+)\}")
OTHERS = [code for code in languages() if code != "en"]


def messages():
    """Every message of the pages; one with a plural is a pair."""
    result = set()
    for folder in ("serve", "presentation", "publish"):
        for extracted in extract_from_dir(ROOT / folder, METHODS, keywords=KEYWORDS):
            message = extracted[2]
            result.add(message if isinstance(message, str) else message[0])
    return result - {"message"}


def catalogue(code):
    path = Path(presentation.__file__).parent / "locales" / code / "LC_MESSAGES" / "outcomes.po"
    with path.open("rb") as file:
        return read_po(file, locale=code)


class TestCatalogues:
    """A catalogue has every message of the pages, and no other."""

    def test_the_pages_have_messages(self):
        assert "Career outcomes in {year}" in messages()
        assert len(messages()) > 80

    @pytest.mark.parametrize("code", OTHERS)
    def test_every_message_is_translated_and_none_is_left_over(self, code):
        translated = {
            entry.id if isinstance(entry.id, str) else entry.id[0]
            for entry in catalogue(code)
            if entry.id and entry.string and not entry.fuzzy
        }

        assert messages() == translated

    @pytest.mark.parametrize("code", OTHERS)
    def test_a_translation_has_the_fields_of_its_message(self, code):
        for entry in catalogue(code):
            ids = [entry.id] if isinstance(entry.id, str) else list(entry.id)
            strings = [entry.string] if isinstance(entry.string, str) else list(entry.string)
            for text in strings:
                assert set(FIELDS.findall(ids[-1])) == set(FIELDS.findall(text)), entry.id

    def test_french_has_the_spaces_that_do_not_break_before_double_punctuation(self):
        for entry in catalogue("fr"):
            if not entry.id:
                continue
            strings = [entry.string] if isinstance(entry.string, str) else entry.string
            for text in strings:
                for mark in re.finditer(r"(.)([;!?:])(?= |$)", text):
                    space = "\u00a0" if mark[2] == ":" else "\u202f"
                    assert space == mark[1], text

    def test_a_third_language_is_a_catalogue_and_nothing_else(self, tmp_path):
        folder = tmp_path / "de" / "LC_MESSAGES"
        folder.mkdir(parents=True)
        text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        (folder / "outcomes.po").write_text(text + 'msgid "Year"\nmsgstr "Jahr"\n')

        german = Language("de", tmp_path)

        assert "Jahr" == german.gettext("Year")
        assert "12.345,6" == german.number(12_345.6)


class TestNumbers:
    """Numbers are those of the report, written as the language does."""

    @pytest.mark.parametrize(
        ("number", "english", "french"),
        [(99_999, "99,999", "99\u202f999"), (1_234_567, "1.2M", "1,2\u00a0M")],
    )
    def test_there_is_room_for_six_characters(self, number, english, french):
        short = [language_of(code).short_number(number) for code in ("en", "fr")]
        assert [english, french] == short

    @pytest.mark.parametrize(
        ("code", "number", "percent", "growth", "points"),
        [
            pytest.param("en", "1,234", "33.3%", "−10.0%", "+5.0", id="english"),
            pytest.param("fr", "1\u202f234", "33,3\u202f%", "−10,0\u202f%", "+5,0", id="french"),
        ],
    )
    def test_they_are_written(self, code, number, percent, growth, points):
        language = language_of(code)

        assert number == language.number(1_234)
        assert percent == language.percent(1, 3).replace("\u00a0", "\u202f")
        assert growth == language.growth(9, 10).replace("\u00a0", "\u202f")
        assert points == language.points((1, 4), (1, 5))

    def test_what_has_no_denominator_is_a_dash(self):
        assert "–" == language_of("fr").percent(0, 0) == language_of("en").growth(1, 0)

    @pytest.mark.parametrize(
        ("seconds", "english", "french"),
        [
            (0, "0\u00a0s", "0\u00a0s"),
            (12.34, "12.3\u00a0s", "12,3\u00a0s"),
            (150, "2 minutes", "2 minutes"),
            (249_468_600, "8 years", "8 ans"),
        ],
    )
    def test_a_span_has_the_unit_that_it_fills(self, seconds, english, french):
        spans = [language_of(code).span(seconds) for code in ("en", "fr")]
        assert [english, french] == [span.replace("8\u00a0a", "8 a") for span in spans]

    def test_what_was_long_ago_is_said_in_few_words(self):
        assert "45 seconds ago" == language_of("en").ago(45)
        assert "il y a 2 ans" == language_of("fr").ago(76_000_000).replace("\u00a0", " ")

    def test_dates_and_moments_have_the_words_and_the_offset(self):
        moment = datetime(2022, 7, 1, 14, 0, tzinfo=ZoneInfo("Europe/Paris"))

        assert "1er juillet 2022" == language_of("fr").date(date(2022, 7, 1))
        assert "2 juillet 2021" == language_of("fr").date(date(2021, 7, 2))
        assert "1er janvier" == language_of("fr").day_of_year(1, 1)
        assert "Jul 1, 2022, 2:00:00\u202fPM +02:00" == language_of("en").moment(moment)


class TestNegotiate:
    """The language that was chosen, else the one that the browser prefers, else English."""

    @pytest.mark.parametrize(
        ("wanted", "accepted", "expected"),
        [
            pytest.param("fr", "en", "fr", id="what_was_chosen"),
            pytest.param(None, "fr-CH, en;q=0.4", "fr", id="a_region_of_it"),
            pytest.param(None, "en;q=0.3, fr;q=0.9", "fr", id="the_greatest_weight"),
            pytest.param(None, "fr;q=0, en", "en", id="one_that_is_refused"),
            pytest.param("../x", "de, *", "en", id="none_of_ours"),
            pytest.param(None, "", "en", id="nothing"),
            pytest.param(None, ";;,,q=x;q=y,\x00" * 50, "en", id="nonsense"),
        ],
    )
    def test_it_is(self, wanted, accepted, expected):
        assert expected == negotiate(wanted, accepted).code
