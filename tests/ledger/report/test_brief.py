"""`ledger.report.brief`: a report in fifteen lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ledger.repairs import LetterCounts
from ledger.report.brief import brief_page
from tests.support.histories import log_of, new_record, policy_of, reports_of, story

LINES_MAX = 15
MAY_2022 = 1_654_000_000_000
LIFE = """
    applied a1 2022-01-10
    enrolled e1 2022-02-10 2022-12-01
    outcome 2022-06-01 internship
    withdrew e2 2022-05-01 left
"""


@pytest.fixture
def report(tmp_path):
    with log_of(tmp_path, [new_record(event, MAY_2022) for event in story(LIFE)]) as log:
        return reports_of(log, policy_of(), [2022])[2022]


def lines_of(report, repaired=None, *, is_complete=True, **options):
    quarantined = report.records.quarantined
    repaired = repaired or {}
    left = {rule: count - repaired.get(rule, 0) for rule, count in quarantined.items()}
    screen = Console(file=io.StringIO(), width=100)
    letters = LetterCounts(left, repaired, is_complete)
    screen.print(brief_page(report, letters, **options), highlight=False, crop=False)
    return screen.file.getvalue().splitlines()


def named(lines, name):
    """What follows a name, with what continues it."""
    (start,) = [number for number, line in enumerate(lines) if line.startswith(name)]
    rest = lines[start + 1 :]
    own = next((n for n, line in enumerate(rest) if not line.startswith(" ")), len(rest))
    return " ".join([lines[start].removeprefix(name), *rest[:own]]).split()


class TestBrief:
    def test_it_says_the_main_figure_three_rates_and_their_counts(self, report):
        lines = lines_of(report)

        assert "†1 career outcomes*, none in 2021" in lines
        assert ["100.0", "%*", "†1/1"] == named(lines, "orientation")
        assert ["0.0", "%*", "†0/1"] == named(lines, "graduation")
        assert ["–*", "0/0"] == named(lines, "placement")

    def test_it_says_what_is_provisional_quarantined_and_needs_attention(self, report):
        records = report.records.model_copy(
            update={"quarantined": {"value_must_be_json": 2, "event_must_be_small": 1}}
        )
        lines = lines_of(report.model_copy(update={"records": records}))

        assert {"2022-12-31", "2023-06-30", "2023-12-31"} <= {*named(lines, "provisional")}
        assert "3 of 4 records" == " ".join(named(lines, "quarantined"))
        assert "3 open dead letters, 1 orphan, see `outcomes findings`" == " ".join(
            named(lines, "attention")
        )
        assert f"digest       {report.digest}" in lines

    def test_what_is_repaired_needs_no_attention(self, report):
        records = report.records.model_copy(update={"quarantined": {"value_must_be_json": 2}})
        lines = lines_of(
            report.model_copy(update={"records": records}), repaired={"value_must_be_json": 2}
        )

        assert " records, 2 of them repaired" in "\n".join(lines)
        assert ["1", "orphan,"] == named(lines, "attention")[:2]

    def test_a_quiet_report_needs_none(self, report):
        quiet = report.records.model_copy(update={"orphans": 0})
        lines = lines_of(report.model_copy(update={"records": quiet, "provisional": {}}))

        assert ["none"] == named(lines, "provisional")
        assert ["none", "needed"] == named(lines, "attention")

    @pytest.mark.parametrize("name", ["student-lifecycle", "x" * 249])
    @pytest.mark.parametrize("partitions", [1, 200])
    def test_it_is_never_longer_than_fifteen_lines(self, report, name, partitions):
        cut = {str(partition): 10**12 for partition in range(partitions)}
        log = report.log.model_copy(update={"name": name, "cut": cut})
        longest = report.model_copy(update={"log": log})
        lines = lines_of(longest, lag="1 record, 1.0 s", attention=["no worker", "12 late"])

        assert len(lines) <= LINES_MAX
        assert name in lines[1]
        assert "no worker; 12 late; 1 orphan, see `outcomes findings`" == " ".join(
            named(lines, "attention")
        )

    def test_it_says_where_repairs_may_have_been_missed(self, report):
        words = " ".join(named(lines_of(report, is_complete=False), "quarantined"))

        assert words.endswith("; not all of the log was searched for repairs")
        assert "searched" not in " ".join(lines_of(report))
