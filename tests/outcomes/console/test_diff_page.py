"""`outcomes.console.diff_page`: why a student counts otherwise, in a few words."""

from __future__ import annotations

import pytest

from ledger.audit.diff import compare
from ledger.audit.diff_query import DiffQuery, Side
from ledger.audit.sorted_rows import SortedRows
from outcomes.console.diff_page import flat_row
from tests.support.histories import log_of, new_record, policy_of, story

GRADUATE = "enrolled e1 2022-01-10 2022-06-30\ngraduated e1 2022-07-15"
ANSWER = "answered 2022-08-01 employed job_found_on=2022-07-20"
OF_2023 = {"graduation_deadline": "expected_date"}
FIRST_HALF = {"placement_window": ["01-01", "06-30"]}


class TestReasons:
    @pytest.mark.parametrize(
        ("text", "sides", "measure", "words"),
        [
            (f"{GRADUATE}\n{ANSWER}", (2, {}), "placed", "before silent"),
            (f"{GRADUATE}\n{ANSWER}\nretracted 3", (3, {}), "placed", "now retracted_by"),
            (GRADUATE, (2, OF_2023), "graduated_as_expected", "now graduated_after_deadline"),
            (GRADUATE, (2, FIRST_HALF), "graduates", "no candidate now"),
            (GRADUATE, (1, {}), "graduates", "no candidate before"),
            (f"outcome 2022-03-01 raise\n{GRADUATE}\noutcome 2021-09-01 raise", (3, {}),
             "career_outcomes", "now repeated_within_window_of"),
        ],
    )  # fmt: skip
    def test_they_are_those_of_the_side_that_counts_less(
        self, tmp_path, text, sides, measure, words
    ):
        cut, other = sides
        records = [new_record(event) for event in story(text)]
        with log_of(tmp_path, records) as log, SortedRows() as rows:
            before, after = Side({0: cut}, policy_of()), Side({0: len(records)}, policy_of(**other))
            compare(log, DiffQuery(before, after, 2022), rows=rows)
            of_all = [row for row in rows if (row["measure"], row["group"]) == (measure, "all")]
        assert [flat_row(row)["reasons"] for row in of_all] == [words]
