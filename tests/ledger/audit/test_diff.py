"""`ledger.audit.diff`: what moved, and that students' changes are all of it, by a naive oracle."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.audit import diff
from ledger.audit.diff import Change, RateChange, compare
from ledger.audit.diff_query import Cell, DiffQuery, Side
from ledger.audit.report_diff import compare_stated, read_stated, refuse_other_figures
from ledger.audit.sorted_rows import SortedRows
from ledger.errors import BadInputError
from ledger.report.model import ReportOutline
from projections.policy import differing_parameters, parse_policy
from tests.support.engines import log_with
from tests.support.histories import (
    log_of,
    new_record,
    oracle,
    oracle_records,
    policy_of,
    reports_of,
    story,
)
from tests.support.strategies import policies, records

YEAR = 2022
LIFE = """
    applied a1 2022-01-10
    enrolled e1 2022-02-01 2022-11-30
    graduated e1 2022-11-30
    answered 2022-12-20 employed job_found_on=2022-12-15
    declared 2022-01-01 refugee
"""


def parsed(policy):
    return parse_policy(json.dumps(policy).encode(), "of a test")


def counts_by_oracle(read, policy, partitions, cut):
    report = oracle().report(read, policy, YEAR, partitions=partitions, cut=cut)
    return {(row["measure"], row["group"]): row["count"] for row in report["counts"]}


def expected_rows(read, partitions, sides):
    """Per cell and student what each side's report of that student alone says."""
    subjects = {record["key"] for record in read}
    for subject in subjects:
        own = [record for record in read if record["key"] == subject]
        first, second = (counts_by_oracle(own, policy, partitions, cut) for policy, cut in sides)
        for cell in first.keys() | second.keys():
            before, after = first.get(cell, 0), second.get(cell, 0)
            if before != after:
                yield *cell, subject.decode(), before, after


@st.composite
def cuts(draw, end):
    return {partition: draw(st.integers(0, offset)) for partition, offset in end.items()}


class TestOracle:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(records(), policies, policies, st.booleans(), st.data())
    def test_each_student_moves_what_the_oracle_says_and_all_of_them_the_cell(
        self, appended, policy, other, is_same, data
    ):
        other = policy if is_same else other
        with log_with(appended, 2) as log, SortedRows() as rows:
            sides = [(policy, data.draw(cuts(log.end()))), (other, data.draw(cuts(log.end())))]
            query = DiffQuery(*(Side(cut, parsed(each)) for each, cut in sides), YEAR)
            comparison = compare(log, query, rows=rows)
            read = oracle_records(log)
            listed = list(rows)
            of_cells = [(change, list(own)) for change, own in comparison.student_rows(rows)]
        moved = [
            tuple(row[name] for name in ("measure", "group", "subject", "before", "after"))
            for row in listed
        ]
        assert sorted(moved) == sorted(expected_rows(read, 2, sides))
        for row in listed:
            for side in ("before", "after"):
                reasons = [each["reason"] for each in row["reasons"][side] if not each["counted"]]
                assert row[side] == len(row["reasons"][side]) - len(reasons)
                assert None not in reasons
        assert moved == sorted(moved)
        first, second = (counts_by_oracle(read, each, 2, cut) for each, cut in sides)
        differing = {
            cell: (first.get(cell, 0), second.get(cell, 0))
            for cell in first.keys() | second.keys()
            if first.get(cell, 0) != second.get(cell, 0)
        }
        assert {tuple(each.cell): each[1:3] for each in comparison.changes()} == differing
        assert [change for change, _ in of_cells] == comparison.changes()
        for change, own in of_cells:
            assert len(own) == change.students
            assert sum(row["after"] - row["before"] for row in own) == change.after - change.before
        assert len(comparison.balanced()) == len({row[:2] for row in moved} - differing.keys())

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(records(), st.data())
    def test_the_events_of_a_student_are_those_below_one_cut_alone(self, appended, data):
        policy = policy_of()
        with log_with(appended, 2) as log, SortedRows() as rows:
            first, second = (data.draw(cuts(log.end())) for _ in range(2))
            compare(log, DiffQuery(Side(first, policy), Side(second, policy), YEAR), rows=rows)
            read = oracle_records(log)
            students, _ = oracle().sort_out(read, 2)
            for row in rows:
                places = [read[event.place] for event in students[row["subject"]]]
                between = {
                    record["offset"]
                    for record in places
                    if (record["offset"] < first[record["partition"]])
                    != (record["offset"] < second[record["partition"]])
                }
                assert {event["offset"] for event in row["events"]} == between
                assert between

    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(records(), policies, policies, st.data())
    def test_two_report_files_differ_as_their_log_says(self, appended, policy, other, data):
        with log_with(appended, 2) as log:
            sides = [Side(data.draw(cuts(log.end())), parsed(each)) for each in (policy, other)]
            comparison = compare(log, DiffQuery(*sides, YEAR))
            stated = tuple(
                read_stated("r", reports_of(log, side.policy, [YEAR], cut=side.cut)[YEAR])
                for side in sides
            )
            refuse_other_figures(comparison, stated)
        changes, rates, previous = compare_stated(*stated)
        assert [change[:3] for change in changes] == [change[:3] for change in comparison.changes()]
        assert rates == comparison.rate_changes()
        assert previous == comparison.previous_changes()


class TestStory:
    @pytest.fixture
    def log(self, tmp_path):
        with log_of(tmp_path, [new_record(event) for event in story(LIFE)]) as log:
            yield log

    def test_a_late_answer_moves_its_measures_and_is_named(self, log):
        policy = policy_of()
        with SortedRows() as rows:
            query = DiffQuery(Side({0: 3}, policy), Side({0: 4}, policy), YEAR)
            comparison = compare(log, query, rows=rows)
            named = {row["measure"]: [each["id"] for each in row["events"]] for row in rows}
        cells = [
            Cell(name, group)
            for name in ("placed", "respondents")
            for group in ("all", "undeclared")
        ]
        assert comparison.changes() == [Change(cell, 0, 1, 1) for cell in cells]
        assert named == {"placed": ["4"], "respondents": ["4"]}
        assert (
            RateChange(Cell("placement_rate", "all"), (0, 0), (1, 1)) in comparison.rate_changes()
        )
        assert [counts.records for counts in comparison.records] == [3, 4]

    def test_a_declaration_moves_a_student_between_groups_and_leaves_all_equal(self, log):
        policy = policy_of()
        comparison = compare(log, DiffQuery(Side({0: 4}, policy), Side({0: 5}, policy), YEAR))
        groups = {change.cell.group for change in comparison.changes()}
        assert groups == {"refugee", "any_category", "undeclared"}

    def test_two_who_change_places_are_a_cell_that_is_equal(self, tmp_path):
        lines = """
            applied a1 2022-03-01 subject=s-1
            retracted 1 subject=s-1
            applied a1 2022-03-01 subject=s-2
        """
        policy = policy_of()
        with log_of(tmp_path, [new_record(event) for event in story(lines)]) as log:
            comparison = compare(log, DiffQuery(Side({0: 1}, policy), Side({0: 3}, policy), YEAR))
        assert comparison.changes() == []
        assert len(comparison.balanced()) == 2

    def test_only_the_cells_that_are_asked_for_have_rows(self, log):
        policy, cell = policy_of(), Cell("placed", "all")
        with SortedRows() as rows:
            query = DiffQuery(Side({0: 0}, policy), Side({0: 5}, policy), YEAR, {cell})
            comparison = compare(log, query, rows=rows)
            assert [(row["measure"], row["group"]) for row in rows] == [cell]
        assert len(comparison.changes()) > 1


class TestChecks:
    """What is promised is checked at each run, so a fault of the ledger is no wrong answer."""

    def test_changes_that_do_not_add_up_are_never_printed(self, tmp_path, monkeypatch):
        policy = policy_of()
        with log_of(tmp_path, [new_record(event) for event in story(LIFE)]) as log:
            query = DiffQuery(Side({0: 0}, policy), Side({0: 5}, policy), YEAR)
            total = diff._Total.add
            monkeypatch.setattr(
                diff._Total,
                "add",
                lambda self, share: total(self, wrong_total(share)),
            )
            with pytest.raises(RuntimeError, match="add up to"):
                compare(log, query)

    def test_rows_that_were_lost_on_the_way_are_missed(self, tmp_path):
        policy = policy_of()
        query = DiffQuery(Side({0: 0}, policy), Side({0: 5}, policy), YEAR)
        records_of_life = [new_record(event) for event in story(LIFE)]
        with log_of(tmp_path, records_of_life) as log, SortedRows() as rows:
            comparison = compare(log, query, rows=rows)
            whole = list(rows)

        def read(given_rows):
            return [list(own) for _, own in comparison.student_rows(given_rows)]

        assert sum(map(len, read(whole))) == len(whole)
        for lost in ([whole[0] | {"after": 0}, *whole[1:]], whole[1:], whole[:-1], []):
            with pytest.raises(RuntimeError, match="add up to 0"):
                read(lost)

    def test_a_report_file_that_says_something_else_than_the_log_is_refused(self, tmp_path):
        policy = policy_of()
        with log_of(tmp_path, [new_record(event) for event in story(LIFE)]) as log:
            report = reports_of(log, policy, [YEAR])[YEAR]
            comparison = compare(log, DiffQuery(Side({0: 5}, policy), Side({0: 5}, policy), YEAR))
        document = report.as_json()
        document["counts"][0]["count"] += 1
        doctored = read_stated("b.json", ReportOutline.model_validate(document))
        with pytest.raises(BadInputError, match=r"b\.json says 2 for applicants\|all, the log 1"):
            refuse_other_figures(comparison, (read_stated("a.json", report), doctored))

    @pytest.mark.parametrize("value", [None, "1", 1.5, True])
    def test_a_figure_that_is_no_whole_number_is_refused(self, tmp_path, value):
        with log_of(tmp_path, []) as log:
            document = reports_of(log, policy_of(), [YEAR])[YEAR].as_json()
        document["counts"][0]["previous"] = value
        with pytest.raises(BadInputError, match=r"previous of applicants\|all is no whole number"):
            read_stated("a.json", ReportOutline.model_validate(document))


def wrong_total(share):
    return share._replace(cells=Counter(dict.fromkeys(share.cells, 2)))


def test_the_parameters_in_which_two_policies_differ_are_listed():
    listed = differing_parameters(policy_of(), policy_of("openclassrooms-2023"))
    assert [each.parameter for each in listed] == [
        "graduation_deadline",
        "placement_window",
        "placement_base",
    ]
    assert differing_parameters(policy_of(), policy_of()) == []
