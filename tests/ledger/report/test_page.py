"""`ledger.report.page`: what a person reads of a report."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ledger.report.page import movement_table, report_page
from tests.support.histories import log_of, new_record, policy_of, reports_of, story


@pytest.fixture
def report(tmp_path):
    with log_of(tmp_path, [new_record(event) for event in story("applied a1 2022-03-10")]) as log:
        return reports_of(log, policy_of(), [2022])[2022]


def text_of(page):
    screen = Console(file=io.StringIO(), width=100)
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
