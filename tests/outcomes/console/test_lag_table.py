"""`outcomes.console.lag_table`: what a person in operations sees first."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ledger.repairs import LetterCounts
from outcomes.console.lag_table import brief_live_page
from processors.lag import Lag
from processors.live_report import LiveReport
from tests.support.histories import log_of, new_record, policy_of, reports_of, story


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    life = [new_record(event) for event in story("applied a1 2022-01-10")]
    with log_of(tmp_path_factory.mktemp("log"), life) as log:
        return reports_of(log, policy_of(), [2022])[2022]


def lag(partition, *, records=0, seconds=0.0, owner="w1"):
    return Lag(partition, 10, 10 + records, records, seconds, owner)


QUIET = [lag(0), lag(1, owner="w2"), lag(2)]
CASES = {
    "all is well": (QUIET, "none; 2 workers on 3 partitions", "none needed"),
    "a little behind": (
        [lag(0, records=1, seconds=59.9), lag(1, records=2)],
        "3 records, 59.9 s; 1 worker on 2 partitions",
        "none needed",
    ),
    "far behind": (
        [lag(0, records=12_000, seconds=1_234.5)],
        "12,000 records, 1,234.5 s; 1 worker on 1 partition",
        "1 partition more than 60 s behind",
    ),
    "one without a worker": (
        [*QUIET, lag(3, owner=None)],
        "none; 2 workers on 4 partitions",
        "no worker on 1 of 4 partitions, start `outcomes worker`",
    ),
    "none has a worker": (
        [lag(0, owner=None), lag(1, owner=None)],
        "none; 0 workers on 2 partitions",
        "no worker, start `outcomes worker`",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_lag_is_a_line_and_what_is_wrong_with_it_needs_attention(case, report):
    lags, lag_line, attention = CASES[case]
    screen = Console(file=io.StringIO(), width=100)
    screen.print(
        brief_live_page(LiveReport(report, lags, LetterCounts({}, {}))), highlight=False, crop=False
    )
    lines = screen.file.getvalue().splitlines()

    assert f"lag          {lag_line}" in lines
    assert f"attention    {attention}" in lines
    assert len(lines) <= 15
