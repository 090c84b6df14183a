"""`ledger.report.page`: what a person reads of a report."""

from __future__ import annotations

import io
import re

import pytest
from rich.color import Color
from rich.console import Console, Group

from ledger.repairs import LetterCounts
from ledger.report import ReportQuery, make_reports
from ledger.report.brief import brief_page
from ledger.report.page import movement_table, report_page
from tests.support.histories import log_of, new_record, policy_of, reports_of, story


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with log_of(
        tmp_path_factory.mktemp("log"),
        [new_record(event) for event in story("applied a1 2022-03-10")],
    ) as log:
        return reports_of(log, policy_of(), [2022])[2022]


def text_of(page, **options):
    screen = Console(file=io.StringIO(), width=100, **options)
    screen.print(page, highlight=False, crop=False)
    return screen.file.getvalue()


def with_counts(report, **cells):
    counts = [row.model_copy(update=cells) for row in report.counts]
    return report.model_copy(update={"counts": tuple(counts)})


class TestNumbers:
    """A figure is shown whole, however large it is."""

    @pytest.mark.parametrize(
        ("count", "previous", "shown"),
        [
            (12_346, 1, "12,346 +1234500.0 %"),
            (123_456_789, 1, "123,456,789 +12345678800.0 %"),
            (2**53, 3, "9,007,199,254,740,992"),
        ],
    )
    def test_growth_after_a_tiny_year_is_not_cut_off(self, report, count, previous, shown):
        text = text_of(report_page(with_counts(report, count=count, previous=previous)))

        assert "…" not in text
        assert 4 * 9 <= text.count(shown)

    def test_rates_of_a_huge_school_are_not_cut_off(self, report):
        rates = [
            row.model_copy(update={"numerator": 1, "denominator": 10**18}) for row in report.rates
        ]
        text = text_of(report_page(report.model_copy(update={"rates": tuple(rates)})))

        assert "…" not in text
        assert 5 * 9 == text.count("1/1,000,000,000,000,000,000")

    def test_movements_are_not_cut_off(self, report):
        now = with_counts(report, count=2**53)

        assert "…" not in text_of(movement_table(report, now, "31 March 2023"))


class TestHeadings:
    """A heading is on one line, however small the figures below it are."""

    def test_headings_of_breakdowns_are_not_broken(self, report):
        lines = text_of(report_page(report)).splitlines()

        (headings,) = [line for line in lines if line.startswith("Outcomes by kind")]
        words = [part for part in re.split(r"\s{2,}", headings) if part]
        assert ["Outcomes by kind", "by population", "Enrolled by funding"] == words


class TestNames:
    """What a policy or a log is called is shown as it is."""

    def test_a_long_name_of_a_funding_group_is_shown_whole(self, report):
        name = "x" * 150
        rows = [
            row.model_copy(
                update={"group": row.group.replace("funding:employer", f"funding:{name}")}
            )
            for row in report.counts
        ]
        assert name in text_of(report_page(report.model_copy(update={"counts": tuple(rows)})))

    def test_text_stays_within_100_columns(self, report):
        cut = {str(partition): 10**9 for partition in range(200)}
        log = report.log.model_copy(update={"cut": cut})
        text = text_of(report_page(report.model_copy(update={"log": log})))

        assert 100 >= max(map(len, text.splitlines()))


def first_line(report):
    return text_of(report_page(report)).splitlines()[0]


def made(tmp_path, *, policy=None, cuts=(), moments=()):
    recorded = [1_648_000_000_000, 1_654_000_000_123]
    life = story("applied a1 2022-03-10\nenrolled e1 2022-04-10 2022-12-01")
    with log_of(tmp_path, list(map(new_record, life, recorded))) as log:
        query = ReportQuery([2022], [policy or policy_of()], cuts=cuts, moments=moments)
        return make_reports(log, query)[0]


class TestFirstLine:
    """As of when a report is known, in the policy's zone."""

    def test_it_is_the_moment_that_was_asked_for(self, tmp_path):
        report = made(tmp_path, moments=[1_650_000_000_000])

        beginning = "Impact report 2022 as known at 2022-04-15T07:20:00+02:00, cut 0:1"
        assert beginning == first_line(report)

    @pytest.mark.parametrize(
        ("cuts", "beginning"),
        [
            ([], ", latest record 2022-05-31T14:26:40.123+02:00, cut 0:2"),
            ([{0: 1}], ", latest record 2022-03-23T02:46:40+01:00, cut 0:1"),
            ([{0: 0}], ", no records, cut 0:0"),
        ],
    )
    def test_it_is_the_latest_record_otherwise(self, tmp_path, cuts, beginning):
        assert f"Impact report 2022{beginning}" == first_line(made(tmp_path, cuts=cuts))

    def test_another_policy_has_another_zone(self, tmp_path):
        report = made(tmp_path, policy=policy_of(zone="America/Cayenne"))

        assert ", latest record 2022-05-31T09:26:40.123-03:00," in first_line(report)

    @pytest.mark.parametrize(
        ("moment", "beginning"),
        [
            (10**16, "+318857-05-20T17:46:40.000Z"),
            (-(10**14), "-001199-02-15T14:13:20.000Z"),
            (-3_000_000_000_000, "1874-12-07T18:40:00.000Z"),
        ],
    )
    def test_a_moment_that_the_zone_cannot_say_is_in_utc(self, tmp_path, moment, beginning):
        """Far from this calendar, or while Paris was 9 minutes and 21 seconds ahead."""
        assert f" as known at {beginning}, " in first_line(made(tmp_path, moments=[moment]))

    def test_no_document_names_it(self, tmp_path):
        report = made(tmp_path, moments=[1_650_000_000_000])

        assert report.as_of is not None
        assert report.latest is not None
        assert not {"as_of", "latest"} & report.as_json().keys()


class TestSmallGroups:
    """Fewer than ten people are marked, and compared with nobody."""

    def page(self, report, **rates):
        """The page with each rate of a group as given: (numerator, denominator)."""
        rows = [
            row.model_copy(update=dict(zip(("numerator", "denominator"), pair, strict=True)))
            for row in report.rates
            for pair in [rates.get(row.group, (50, 100))]
        ]
        changed = {"rates": tuple(rows), "provisional": {}}
        large = with_counts(report, count=100, previous=50)
        return text_of(report_page(large.model_copy(update=changed)))

    def row(self, text, group):
        return next(line for line in text.split("Conversion")[1].splitlines() if group in line)

    def test_large_ones_have_points_and_no_mark(self, report):
        text = self.page(report, refugee=(6, 10))

        assert "60.0 % +10.0" in self.row(text, "refugees")
        assert "†" not in text

    def test_nine_people_have_a_mark_and_no_points(self, report):
        text = self.page(report, refugee=(6, 9))

        words = self.row(text, "refugees").split()
        assert ["refugees", "66.7", "%", "†6/9", "66.7", "%", "†6/9"] == words
        assert "† fewer than 10 people in 2022 or 2021: too few to compare" in text.splitlines()

    def test_nobody_is_compared_with_nine_people(self, report):
        text = self.page(report, no_category=(3, 9))

        assert not re.search(r"% +[+−]", text.split("Conversion")[1])

    def test_nobody_is_not_a_small_group(self, report):
        assert "†" not in self.page(report, refugee=(0, 0))

    @pytest.mark.parametrize(
        ("count", "previous", "shown"),
        [(9, 50, "†9 −82.0 %"), (50, 9, "†50 +455.6 %"), (0, 9, "†0 −100.0 %"), (9, 0, "†9 ")],
    )
    def test_a_growth_from_or_to_nine_is_marked(self, report, count, previous, shown):
        text = text_of(report_page(with_counts(report, count=count, previous=previous)))
        assert shown in text

    def test_late_facts_of_a_small_school_are_shown_without_points(self, report):
        assert "points" not in text_of(movement_table(report, report, "31 March 2023"))


def relative_luminance(red, green, blue):
    """Source: WCAG 2.2, relative luminance."""
    parts = [part / 255 for part in (red, green, blue)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(colour, background):
    light, dark = sorted((relative_luminance(*c) for c in (colour, background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestColours:
    """What is coloured can be read on a light and on a dark terminal."""

    @pytest.fixture(scope="class")
    @classmethod
    def codes(cls, report):
        rates = [row.model_copy(update={"numerator": 9, "denominator": 20}) for row in report.rates]
        rates[0] = rates[0].model_copy(update={"numerator": 10})
        records = report.records.model_copy(update={"quarantined": {"value_must_be_json": 1}})
        shown = report.model_copy(update={"rates": tuple(rates), "records": records})
        page = Group(
            report_page(shown),
            brief_page(shown, LetterCounts({}, {})),
            movement_table(shown, shown, "now"),
        )
        printed = text_of(page, force_terminal=True, color_system="256")
        return set(re.findall(r"\x1b\[([0-9;]*)m", printed))

    def test_only_bold_and_fixed_colours_are_used(self, codes):
        assert {"0"} < codes
        assert [] == [code for code in codes if not re.fullmatch(r"0|1|(1;)?38;5;[0-9]+", code)]

    @pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0)])
    def test_each_contrasts_with_white_and_with_black(self, codes, background):
        numbers = {int(code.split(";")[-1]) for code in codes if ";5;" in code}
        assert 3 == len(numbers)
        contrasts = {n: contrast(Color.from_ansi(n).get_truecolor(), background) for n in numbers}
        assert {} == {n: ratio for n, ratio in contrasts.items() if ratio < 4.3}
