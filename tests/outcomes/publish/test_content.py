"""What a publication says: everything that is shown, in the words of its language, and no more."""

from __future__ import annotations

import re
from datetime import date
from itertools import product

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from ledger.disclosure.shown import FewerThan
from outcomes import presentation
from outcomes.presentation.languages import Language, language_of
from outcomes.publish.content import SECTIONS, make_document
from outcomes.publish.document import Bullets, Chart, Heading, KeyFigures, Paragraph, plain
from outcomes.publish.edition import NO_EDITION, WORDED
from tests.support.publication import source_of

EN, FR = language_of("en"), language_of("fr")
_DAY = date(2022, 12, 31)
LOCALES = presentation.__path__[0] + "/locales"


def document(language=EN, **source):
    return make_document(source_of(**source), NO_EDITION, language)


def section(publication, name):
    return next(each for each in publication.sections if each.id == name)


def words(publication):
    """Every text of a document but cells of figures, names of machines and fields of a table."""
    yield from (publication.title, publication.summary, *publication.labels.values())
    for figure in publication.figures.figures:
        yield from (figure.label, figure.note)
    for each in publication.sections:
        yield each.title
        for block in each.blocks:
            yield from block_words(block)
    for table in publication.tables():
        yield from (table.caption, table.corner, *(column.head for column in table.columns))
        for row in table.rows:
            yield from (row.head, *(cell.text for cell in row.cells))


def block_words(block):
    if isinstance(block, Heading):
        yield block.text
    elif isinstance(block, Paragraph):
        yield plain(block.runs)
    elif isinstance(block, Bullets):
        yield from map(plain, block.items)
    elif isinstance(block, KeyFigures):
        yield from (figure.label for figure in block.figures)


def prose(publication):
    return "\n".join(words(publication))


class TestTables:
    """Every shown cell is in a table, and no table has a cell without text."""

    @pytest.mark.parametrize("profile", ["exact", "round-5"])
    def test_the_annex_has_every_figure(self, profile):
        source = source_of(profile=profile, rate=lambda measure, group: len(measure + group))
        tables = {table.id: table for table in make_document(source, NO_EDITION, EN).tables()}
        annex = [table for name, table in tables.items() if name.startswith("all-")]
        cells = sorted(cell.value for table in annex for row in table.rows for cell in row.cells)
        shown = [(row.count, row.previous, row.growth) for row in source.shown.counts]
        expected = sorted([*sum(shown, ()), *(row.tenths for row in source.shown.rates)])
        assert expected == cells

    def test_each_has_its_own_name_and_each_cell_a_text(self):
        tables = list(document(count=lambda *_: None, rate=lambda *_: None).tables())
        assert len(tables) == len({table.id for table in tables})
        for table in tables:
            for row in table.rows:
                assert len(table.columns) == len(row.cells)
                assert all(cell.text for cell in row.cells)

    def test_no_count_is_drawn_that_is_not_shown(self):
        source = source_of(count=lambda *_: FewerThan(5), rate=lambda *_: None)
        charts = [
            block
            for each in make_document(source, NO_EDITION, EN).sections
            for block in each.blocks
            if isinstance(block, Chart)
        ]
        assert len(charts) > 8
        for drawing in (chart.drawing for chart in charts):
            for mark in getattr(drawing, "rows", None) or drawing.months:
                lengths = (getattr(mark, name, None) for name in ("value", "tenths", "counted"))
                assert {None} == set(lengths)

    def test_rows_of_kinds_are_sorted_by_what_is_shown_alone(self):
        kinds = {"kind:raise": 50, "kind:business": None, "kind:internship": 70}
        publication = document(count=lambda measure, group, year: kinds.get(group, FewerThan(5)))
        table = next(table for table in publication.tables() if table.id == "outcomes-kind")
        heads = [row.head for row in table.rows]
        assert ["Internship", "Raise", "New job"] == heads[:3]


class TestFigures:
    """A figure reads as a number, as fewer than some, or as not shown."""

    @pytest.mark.parametrize(
        ("cell", "english", "french"),
        [
            (1_234, "1,234", "1\u202f234"),
            (FewerThan(5), "fewer than 5", "moins de 5"),
            (None, "not shown", "non publié"),
        ],
    )
    def test_the_main_figure(self, cell, english, french):
        source = source_of(count=lambda *_: cell)
        for language, text in ((EN, english), (FR, french)):
            assert text == make_document(source, NO_EDITION, language).figures.figures[0].value

    @pytest.mark.parametrize(("tenths", "text"), [(300, "30%"), (296, "29.6%")])
    def test_a_rate_claims_no_more_than_the_steps_give(self, tenths, text):
        rate = document(rate=lambda *_: tenths).figures.figures[1]
        assert text == rate.value

    def test_a_measure_that_a_profile_leaves_out_is_not_shown(self):
        source = source_of()
        kept = tuple(row for row in source.shown.counts if row.measure != "career_outcomes")
        shown = source.shown.model_copy(update={"counts": kept})
        publication = make_document(source._replace(shown=shown), NO_EDITION, EN)
        assert "not shown" == publication.figures.figures[0].value


class TestDefinitions:
    """What is said of a figure is what its policy says."""

    def test_the_year_before_begins_the_window_of_2023(self):
        text = prose(document(policy="openclassrooms-2023"))
        assert "from July 1 2021 to June 30 2022" in text
        assert "of all graduates, the share who answered" in text
        assert "by the date expected of them" in text

    def test_the_policy_of_2022_counts_those_who_answered(self):
        text = prose(document())
        assert "from January 1 to December 31 2022" in text
        assert "of the graduates who answered the job survey, the share" in text

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"outcome_window_anchor": "calendar_year"}, "in a calendar year"),
            ({"outcome_window_anchor": "last_declared"}, "counted or not"),
            ({"outcome_window_scope": "student_and_kind"}, "looked at apart"),
            ({"outcome_must_be_credited": False}, "whether or not the person credits"),
            ({"expected_date": "first"}, "the one first agreed"),
            ({"orientation_months": 1}, "within 1 month of"),
        ],
    )
    def test_a_policy_of_ones_own_is_described_too(self, members, message):
        source = source_of()
        own = source.policy.model_copy(update=members)
        assert message in prose(make_document(source._replace(policy=own), NO_EDITION, EN))

    def test_what_is_provisional_is_named_with_its_date(self):
        until = {"placement_rate": "2023-06-30"}
        table = next(
            table for table in document(provisional=until).tables() if table.id == "provisional"
        )
        assert ("Placement", "June 30, 2023") == (table.rows[0].head, table.rows[0].cells[0].text)
        assert "provisional" not in {table.id for table in document().tables()}

    def test_records_that_cannot_be_read_are_named_by_their_rule(self):
        table = next(table for table in document().tables() if table.id == "quarantined")
        assert "The record is not readable text of the agreed form (JSON)." == table.rows[0].head


class TestDisclosure:
    """What is protected and how is said, and what is not."""

    def test_exact_figures_come_with_a_warning(self):
        assert "protects nobody" in prose(document(profile="exact"))
        assert "protects nobody" not in prose(document())

    def test_a_threshold_is_said(self):
        text = prose(document(profile="threshold-5"))
        assert "from 1 to 4 is shown as fewer than 5" in text
        assert "of fewer than 20 people is not shown" in text

    def test_rounding_and_steps_are_said(self):
        text = prose(document())
        assert "nearest multiple of 5" in text
        assert "25 people or more are rounded to multiples of 5%" in text
        assert "200 people or more are rounded to multiples of 1%" in text

    @pytest.mark.parametrize("profile", ["exact", "round-5", "threshold-5"])
    def test_what_is_not_promised_is_said_in_every_publication(self, profile):
        blocks = section(document(profile=profile), "disclosure").blocks
        promised = [plain(item) for item in blocks[-1].items]
        for words_ in ("two publications", "Differences", "0% and 100%", "know persons"):
            assert any(words_ in text for text in promised)


class TestChanges:
    """A revision says what it shows otherwise, and why; a first publication has nothing to say."""

    def test_a_first_publication_has_no_such_section(self):
        assert "changes" not in {each.id for each in document().sections}

    def test_every_cell_that_differs_is_named(self):
        before = source_of().shown
        counted = {("applicants", "refugee", 1): None, ("graduates", "all", 0): 5}

        def count(*cell):
            return counted.get(cell, next(
                (row.count if cell[2] else row.previous)
                for row in before.counts
                if (row.measure, row.group) == cell[:2]
            ))  # fmt: skip

        publication = document(before=before, reason="correction", count=count)
        table = next(table for table in publication.tables() if table.id == "changes-cells")
        heads = [row.head for row in table.rows]
        assert ["Applicants, Refugees, 2022", "Applicants, Refugees, Growth"] == heads[:2]
        assert ["Graduates, All, 2021", "Graduates, All, Growth"] == heads[2:]
        assert "not shown" == table.rows[0].cells[1].text
        assert "An error was corrected." in plain(section(publication, "changes").blocks[0].runs)

    def test_words_alone_change_no_figure(self):
        publication = document(before=source_of().shown, reason="edition")
        assert "changes-cells" not in {table.id for table in publication.tables()}
        assert "No figure did" in plain(section(publication, "changes").blocks[0].runs)


class TestLanguages:
    """A language is a catalogue and nothing else: no word comes from the code."""

    MARK = re.compile(r"⟦[^⟦⟧]*⟧")
    # Years, figures, marks, and names that are the same in every language.
    BARE = re.compile(r"[\d\s.,:+−%()–]*([0-9a-f]{64}|student-lifecycle|0:2039)?[\d\s.,:+−%()–]*")

    @pytest.fixture(scope="class")
    @classmethod
    def marked(cls, tmp_path_factory):
        """Hungarian of a kind: each message in brackets."""
        folder = tmp_path_factory.mktemp("locales")
        with open(f"{LOCALES}/fr/LC_MESSAGES/outcomes.po", "rb") as file:  # noqa: PTH123
            french = read_po(file)
        catalogue = Catalog(locale="hu")
        for entry in french:
            if entry.id:
                plural = isinstance(entry.id, tuple)
                text = tuple(f"⟦{each}⟧" for each in entry.id) if plural else f"⟦{entry.id}⟧"
                catalogue.add(entry.id, text)
        path = folder / "hu" / "LC_MESSAGES" / "outcomes.po"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_po(file, catalogue)
        return Language("hu", folder)

    @pytest.mark.parametrize(
        ("profile", "reason"), [("round-5", None), ("threshold-5", "policy"), ("exact", "edition")]
    )
    def test_every_word_comes_from_the_catalogue(self, marked, profile, reason):
        before = source_of(profile=profile, count=lambda *_: FewerThan(5)).shown if reason else None
        publication = document(marked, profile=profile, before=before, reason=reason,
                      provisional={"career_outcomes": "2022-12-31"})  # fmt: skip
        months = {marked.month_in_full(number) for number in range(1, 13)}
        for text in words(publication):
            rest = text
            while self.MARK.search(rest):
                rest = self.MARK.sub("", rest)
            for known in (*months, marked.date(_DAY)):
                rest = rest.replace(known, "")
            assert self.BARE.fullmatch(rest), text

    def test_a_document_in_french_says_nothing_in_english(self):
        english, french = set(words(document(EN))), set(words(document(FR)))
        same = {text for text in english & french if not self.BARE.fullmatch(text)}
        names = {"openclassrooms-2022, version 1", "round-5, version 1"}
        assert same == {"Orientation", "Public", "Signatures", "Stage", *names}

    def test_french_has_narrow_spaces_before_double_punctuation(self):
        for text in words(document(FR, profile="threshold-5")):
            assert not re.search(r"[^\u202f][;!?»]|[^\u00a0]:(?!//|[0-9])|«[^\u202f]", text), text


def test_a_school_can_add_words_to_every_section():
    assert ("foreword", *SECTIONS) == WORDED


def test_one_source_gives_one_document():
    first, second = (document(FR) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("count", "rate"),
    list(product([0, 1, 3_000_000, None, FewerThan(5)], [0, 1_000, None])),
)
def test_any_report_gives_a_document(count, rate):
    publication = document(count=lambda *_: count, rate=lambda *_: rate)
    assert len(SECTIONS) - 1 == len(publication.sections)
