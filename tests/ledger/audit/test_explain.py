"""`ledger.audit.explain`: what is counted adds up to every cell of a report."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit.explain import ExplainQuery, Totals, explain_figure
from ledger.audit.reading import students
from ledger.log import NewRecord
from outcomes.synthetic import generate
from projections import explanations
from projections.explanations import Cell, explain_cell
from projections.measures.catalogue import COUNTS, RATES
from projections.policy import built_in_policies, parse_policy
from tests.support.histories import (
    encode,
    log_of,
    new_record,
    policy_of,
    reports_of,
    story,
)
from tests.support.strategies import YEARS, policies, records

REFUGEE = "applied a1 2022-03-01 categories=refugee"
LIFE = """
    applied a1 2021-12-01 categories=refugee
    enrolled e1 2022-01-10 2022-06-30
    graduated e1 2022-06-01
    answered 2022-07-01 employed job_found_on=2022-07-01
    outcome 2022-07-01 new_job
"""


def rows_of(log, measure, *, year=2022, group="all", subject=None, policy=None):
    query = ExplainQuery(log.end(), policy or policy_of(), year, measure, group, subject)
    totals = Totals()
    rows = list(explain_figure(log, query, totals))
    return rows, totals, totals.figures(query)


def assert_equal_to_report(log, policy, year):
    """Every count and rate of a report is the number of candidates that count."""
    report = reports_of(log, policy, [year])[year]
    read = list(students(log, log.end()))
    counted = {}
    for row in report.counts:
        cell = Cell(year, row.measure, row.group)
        own = [each for student in read for each in explain_cell(student, policy, cell)]
        counted[row.measure, row.group] = sum(each.is_counted for each in own)
        assert counted[row.measure, row.group] == row.count, cell
        places = [each.events[0][:2] for each in own]
        assert len(set(places)) == len(places), cell
    for row in report.rates:
        query = ExplainQuery(log.end(), policy, year, row.measure, row.group)
        totals = Totals()
        for part in query.parts():
            totals.counted[part] = counted[part.measure, row.group]
        assert totals.figures(query) == {
            "numerator": row.numerator,
            "denominator": row.denominator,
        }


class TestFigures:
    """For every cell of a report, the candidates that count are as many as it says."""

    @settings(max_examples=12)
    @given(appended=records(), members=policies, year=st.sampled_from(YEARS))
    def test_of_random_histories_under_the_policies_there_are(
        self, appended, members, year, tmp_path_factory
    ):
        with log_of(tmp_path_factory.mktemp("log"), appended, partitions=2) as log:
            for policy in (
                *built_in_policies().values(),
                parse_policy(json.dumps(members).encode(), ""),
            ):
                assert_equal_to_report(log, policy, year)

    def test_of_a_synthetic_school(self, tmp_path):
        appended = [NewRecord(each.key, each.value) for each in generate(60, 3)]
        with log_of(tmp_path, appended, partitions=3) as log:
            for policy in built_in_policies().values():
                assert_equal_to_report(log, policy, 2022)


class TestParts:
    """A rate is opened as its two counts."""

    @pytest.fixture
    def log(self, tmp_path):
        with log_of(tmp_path, map(new_record, story(LIFE))) as log:
            yield log

    @pytest.mark.parametrize("rate", [rate.name for rate in RATES])
    def test_each_rate_has_a_numerator_and_a_denominator(self, log, rate):
        rows, _, figures = rows_of(log, rate)

        assert {"numerator", "denominator"} == set(figures)
        sums = Counter()
        for part, explanation in rows:
            sums[part.name] += part.sign * explanation.is_counted
        assert figures == {name: sums[name] for name in figures}

    def test_the_base_of_the_placement_rate_is_the_policys(self, log):
        bases = {}
        for name in ("openclassrooms-2022", "openclassrooms-2023"):
            query = ExplainQuery(log.end(), policy_of(name), 2022, "placement_rate", "all")
            bases[name] = query.parts()[-1].measure

        assert {"openclassrooms-2022": "respondents", "openclassrooms-2023": "graduates"} == bases

    def test_what_is_subtracted_is_said(self, log):
        query = ExplainQuery(log.end(), policy_of(), 2022, "placement_rate_if_silent_placed", "all")

        assert [1, 1, -1, 1] == [part.sign for part in query.parts()]

    def test_a_count_is_its_own_part(self, log):
        for measure in COUNTS:
            _, _, figure = rows_of(log, measure)
            assert isinstance(figure, int)


class TestStudents:
    """One student's share, wherever the records are."""

    def test_of_one_student_the_others_are_left_out(self, tmp_path):
        events = story(f"{REFUGEE}\n{REFUGEE} subject=s-2\n{REFUGEE} id=1")
        with log_of(tmp_path, map(new_record, events), partitions=3) as log:
            rows, totals, figure = rows_of(log, "applicants", subject="s-1")

        assert ["s-1", "s-1"] == [explanation.subject for _, explanation in rows]
        assert 1 == figure
        assert ["duplicate_of"] == [reason for _, reason in totals.reasons]

    def test_a_record_under_another_key_is_found_for_whom_it_names(self, tmp_path):
        (named,) = story(REFUGEE)
        escaped = encode(named).replace(b'"s-1"', b'"s-\\u0031"')
        appended = [NewRecord(b"s-2", encode(named)), NewRecord(b"s-2", escaped)]
        with log_of(tmp_path, appended, partitions=3) as log:
            rows, _, figure = rows_of(log, "applicants", subject="s-1")
            others, _, _ = rows_of(log, "applicants", subject="s-2")

        assert ["quarantined_by_rule"] * 2 == [explanation.reason for _, explanation in rows]
        assert (0, []) == (figure, others)

    def test_what_no_figure_can_claim_is_a_number(self, tmp_path):
        appended = [
            NewRecord(b"s-1", b"{}"),
            NewRecord(None, None),
            NewRecord(b"s-1", encode(story("applied a1 soon")[0])),
            *map(new_record, story("applied a1 2022-03-01\nanswered 2022-03-01 employed")),
        ]
        with log_of(tmp_path, appended) as log:
            _, totals, figure = rows_of(log, "applicants")

        assert (1, 3) == (figure, totals.unclaimed)

    def test_an_explanation_that_differs_from_its_figure_stops_before_its_rows(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(explanations, "contributions", lambda _facts, _policy: [])
        with log_of(tmp_path, map(new_record, story(REFUGEE))) as log:
            query = ExplainQuery(log.end(), policy_of(), 2022, "applicants", "all")
            rows = explain_figure(log, query, Totals())

            with pytest.raises(RuntimeError, match="1 explained, 0 counted in applicants 2022"):
                next(rows)
