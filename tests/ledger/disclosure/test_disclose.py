"""`ledger.disclosure.disclose`: what may be shown of a report, and which reports are refused."""

from __future__ import annotations

import pytest

from ledger.disclosure.disclose import disclose
from ledger.disclosure.profile import built_in_profiles
from ledger.disclosure.shown import FewerThan, decode_shown, encode_shown
from ledger.errors import BadInputError, ConfigurationError
from projections.measures.catalogue import RATES
from tests.support.histories import policy_of
from tests.support.schools import YEAR, report_of, school_report

EXACT, ROUNDED, THRESHOLD = (built_in_profiles()[n] for n in ("exact", "round-5", "threshold-5"))


def changed(report, measure, group, /, **cells):
    """A report with other cells in one row."""
    rows = {
        member: tuple(
            row.model_copy(update=cells) if (row.measure, row.group) == (measure, group) else row
            for row in getattr(report, member)
        )
        for member in ("counts", "rates")
    }
    return report.model_copy(update=rows)


class TestExact:
    def test_it_loses_nothing(self):
        report = school_report("middling")
        shown = disclose(report, policy_of(), EXACT)

        assert [(row.measure, row.group, row.count, row.previous) for row in report.counts] == [
            (row.measure, row.group, row.count, row.previous) for row in shown.counts
        ]
        for rate, row in zip(report.rates, shown.rates, strict=True):
            assert (rate.measure, rate.group) == (row.measure, row.group)
            if rate.denominator:
                assert abs(row.tenths * rate.denominator - 1_000 * rate.numerator) * 2 <= (
                    rate.denominator
                )
            else:
                assert row.tenths is None
        assert report.log.as_json() == shown.log.as_json()
        assert report.records.as_json() == shown.records.as_json()
        assert report.provisional == shown.provisional


class TestShown:
    def test_it_names_profile_and_policy_and_holds_nothing_else_of_the_report(self):
        report = school_report("alike").model_copy(update={"note": "17 students", "as_of": "now"})
        shown = disclose(report, policy_of(), ROUNDED)
        members = shown.as_json()

        assert shown == decode_shown(encode_shown(shown), "shown.json")
        assert report.policy.as_json() == members["policy"]
        assert {"id": "round-5", "version": 1, "sha256": ROUNDED.sha256} == members["disclosure"]
        assert members.keys() == report.as_json().keys() - {"digest", "note"} | {"disclosure"}

    def test_what_is_left_out_has_no_rows(self):
        shown = disclose(school_report("alike"), policy_of(), ROUNDED)
        measures = {row.measure for row in shown.counts}
        assert not {"outcomes_declared", "outcomes_repeated"} & measures
        assert "career_outcomes" in measures

        profile = ROUNDED.model_copy(update={"left_out": ("graduates", "graduation_rate")})
        shown = disclose(school_report("alike"), policy_of(), profile)
        measures = {row.measure for row in shown.rates}
        assert {rate.name for rate in RATES} - {"graduation_rate"} == measures
        of_graduates = ("response_rate", "placement_rate_if_silent_placed")
        assert {row.tenths for row in shown.rates if row.measure in of_graduates} == {None}

    def test_the_records_are_shown_in_first_form(self):
        rules = {"value_must_be_json": 3, "type_must_be_known": 8}
        report = report_of({}, records=1_000, quarantined=rules)
        members = disclose(report, policy_of(), ROUNDED).as_json()
        assert (1_000, 0) == (members["records"]["events"], members["records"]["duplicates"])
        assert {"value_must_be_json": 5, "type_must_be_known": 10} == members["records"][
            "quarantined"
        ]
        assert 1_010 == members["log"]["records"]

        shown = disclose(report, policy_of(), THRESHOLD)
        assert FewerThan(5) == shown.records.quarantined["value_must_be_json"]
        hit_once = report_of({}, records=1_000, quarantined={"value_must_be_json": 1})
        assert {} == disclose(hit_once, policy_of(), ROUNDED).records.quarantined


class TestRefusals:
    @pytest.mark.parametrize(
        ("measure", "group", "cells", "words"),
        [
            ("applicants", "refugee", {"count": 1_000}, "contradict each other: .*refugee 1000"),
            ("applicants", "refugee", {"previous": 1_000}, "of the year before 1000"),
            ("applicants", "all", {"count": -1}, r"applicants\|all cannot be -1"),
            ("applicants", "all", {"group": "none"}, r"counts does not have each of its rows once"),
            ("placed", "refugee", {"count": 0, "previous": 0}, "placed_in_field"),
            ("orientation_rate", "all", {"numerator": 1}, r"orientation_rate\|all is not that of"),
            ("orientation_rate", "all", {"measure": "rate"}, "rates does not have each"),
        ],
    )
    def test_counts_that_no_school_can_have_are_refused(self, measure, group, cells, words):
        report = changed(school_report("middling"), measure, group, **cells)
        with pytest.raises(BadInputError, match=words):
            disclose(report, policy_of(), EXACT)

    def test_what_the_policy_makes_zero_is_zero(self):
        policy = policy_of(outcome_kinds=["raise"])
        groups = ("all", "no_category", "kind:internship", "population:student", "month:01")
        measures = ("career_outcomes", "outcomes_declared")
        counts = {(YEAR, measure, group): 7 for measure in measures for group in groups}
        with pytest.raises(BadInputError, match="kind:internship cannot be 7"):
            disclose(report_of(counts, policy), policy, EXACT)

    def test_another_policy_than_that_of_the_report_is_refused(self):
        with pytest.raises(ConfigurationError, match="give its policy with --policy"):
            disclose(school_report("nobody"), policy_of("openclassrooms-2023"), EXACT)

    def test_other_members_that_no_report_can_have_are_refused(self):
        report = school_report("nobody")
        log = report.log.model_copy(update={"roots": {"0": 7}})
        with pytest.raises(BadInputError, match="report 2022 cannot be shown at /roots/0"):
            disclose(report.model_copy(update={"log": log}), policy_of(), EXACT)
        records = report.records.model_copy(update={"orphans": -1})
        with pytest.raises(BadInputError, match="report 2022 cannot be shown at /orphans"):
            disclose(report.model_copy(update={"records": records}), policy_of(), EXACT)
