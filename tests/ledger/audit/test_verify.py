"""`ledger.audit.verify`: a report made again from its log, and compared cell by cell."""

from __future__ import annotations

import copy
import json

import pytest

from ledger.audit.verify import differences, verify_reports
from ledger.errors import ConfigurationError, CutNotHeldError
from ledger.report import ReportQuery, decode_reports, encode_reports, make_reports
from tests.support.histories import log_of, new_record, policy_of, story

LIFE = """
    applied a1 2022-01-10 categories=refugee
    enrolled e1 2022-02-10 2022-12-01
    outcome 2021-12-31 internship
"""


@pytest.fixture
def log(tmp_path):
    with log_of(tmp_path, [new_record(event) for event in story(LIFE)], partitions=2) as log:
        yield log


def made(log, *years, policies=(), **options):
    """Reports of a log as somebody hands them in."""
    query = ReportQuery(years, policies or [policy_of()], **options)
    return decode_reports(encode_reports(make_reports(log, query)), "a.json")


@pytest.fixture
def report(log):
    return made(log, 2022)["a.json"]


def changed(report, *path, value):
    """A report with one value changed, or added."""
    members = copy.deepcopy(report.as_json())
    *holders, last = path
    holder = members
    for step in holders:
        holder = holder[step]
    holder[last] = value
    return decode_reports(json.dumps(members).encode(), "a.json")["a.json"]


class TestDifferences:
    """A value that the digest or the specification covers is compared, with its type."""

    @pytest.mark.parametrize(
        ("path", "value", "cell"),
        [
            (("counts", 0, "count"), 7, "applicants|all count"),
            (("counts", 0, "count"), "1", "applicants|all count"),
            (("counts", 0, "count"), 1.0, "applicants|all count"),
            (("counts", 0, "count"), True, "applicants|all count"),
            (("counts", 0, "count"), None, "applicants|all count"),
            (("counts", 0, "count"), [[[]]], "applicants|all count"),
            (("counts", 0, "extra"), 0, "applicants|all extra"),
            (("rates", 0, "numerator"), {"a": {}}, "graduation_rate|all numerator"),
            (("policy", "version"), "1", "policy|version"),
            (("policy", "extra"), 1, "policy|extra"),
            (("log", "records"), "3", "log|records"),
            (("records", "events"), "3", "records|events"),
            (("records", "extra"), 0, "records|extra"),
            (("records", "quarantined"), 5, "records|quarantined"),
            (("records", "quarantined", "value_must_be_json"), "4", "records|quarantined|value_mu"),
            (("provisional", "graduates"), "2022-12-31", "provisional|graduates"),
            (("provisional", "career_outcomes"), 20221231, "provisional|career_outcomes"),
            (("digest",), None, "digest"),
        ],
        ids=str,
    )
    def test_a_wrong_extra_or_mistyped_value_is_one_difference(self, report, path, value, cell):
        (difference,) = differences(changed(report, *path, value=value), report)

        assert difference.cell.startswith(cell)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("zone_data",), "2026.3"),
            (("log", "roots"), {"0": "00", "1": "11"}),
            (("log", "name"), "a-copy"),
            (("live",), {"partitions": []}),
            (("unheard_of",), {"0": [1, {}]}),
            (("log", "unheard_of"), None),
        ],
        ids=str,
    )
    def test_members_outside_the_digest_are_left_aside(self, report, path, value):
        assert [] == list(differences(changed(report, *path, value=value), report))

    @pytest.mark.parametrize("kind", ["counts", "rates"])
    def test_two_rows_in_each_others_place_are_one_difference(self, report, kind):
        rows = list(report.as_json()[kind])
        rows[1], rows[2] = rows[2], rows[1]

        (difference,) = differences(changed(report, kind, value=rows), report)

        assert f"{kind} rows" == difference.cell

    def test_a_missing_row_and_a_missing_cell_are_said_to_be_nothing(self, report):
        members = report.as_json()
        members["counts"] = members["counts"][1:]
        del members["rates"][0]["numerator"]
        stated = decode_reports(json.dumps(members).encode(), "a.json")["a.json"]

        results = {difference.cell: difference.stated for difference in differences(stated, report)}

        cells = ("applicants|all", "applicants|all count", "applicants|all previous")
        assert dict.fromkeys([*cells, "graduation_rate|all numerator"], "nothing") == results


class TestReports:
    """Several reports are verified from one reading of the log by each engine."""

    def test_each_is_made_again_at_its_own_cut_year_and_policy(self, log):
        policies = [policy_of(), policy_of("openclassrooms-2023")]
        start = dict.fromkeys(range(2), 0)
        reports = made(log, 2021, 2022, policies=policies, cuts=[start, log.end()])

        done = verify_reports(log, reports)

        assert list(reports) == [verification.name for verification in done]
        for verification, stated in zip(done, reports.values(), strict=True):
            assert stated.as_json() == verification.fresh.as_json()
            assert verification.fresh == verification.second
            assert ([], []) == (verification.differences, verification.disagreements)

    def test_a_difference_belongs_to_its_report_alone(self, log, report):
        wrong = changed(report, "counts", 0, "count", value=7)

        first, second = verify_reports(log, {"wrong": wrong, "right": report})

        assert ("wrong", 1) == (first.name, len(first.differences))
        assert ("right", 0) == (second.name, len(second.differences))

    def test_a_policy_that_is_not_built_in_has_to_be_given(self, log):
        policy = policy_of(id="own", outcome_window_months=6)
        reports = made(log, 2022, policies=[policy])

        with pytest.raises(ConfigurationError, match=r"policy own .* --policy"):
            verify_reports(log, reports)
        (verification,) = verify_reports(log, reports, [policy])
        assert [] == verification.differences

    def test_a_built_in_name_with_another_hash_is_another_policy(self, log, report):
        stated = changed(report, "policy", "sha256", value="0" * 64)

        with pytest.raises(ConfigurationError, match="openclassrooms-2022 000000000000…"):
            verify_reports(log, {"a.json": stated})

    def test_a_cut_that_the_log_does_not_hold_is_refused(self, log, report):
        with pytest.raises(CutNotHeldError):
            verify_reports(log, {"a.json": changed(report, "log", "cut", "0", value=99)})
