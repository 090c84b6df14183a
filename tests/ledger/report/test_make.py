"""`ledger.report.make`: what a report says, how a query becomes reports, what is not final yet."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from ledger.replay import replay
from ledger.report import ReportQuery, build_report, make_reports
from ledger.report.make import provisional
from schemas.moments import milliseconds
from tests.support.histories import log_of, new_record, oracle, policy_of, reports_of, story

PLACEMENT = (
    "placement_in_field_rate",
    "placement_rate",
    "placement_rate_if_silent_not_placed",
    "placement_rate_if_silent_placed",
    "response_rate",
)


class TestReport:
    """A report has every row, so that a reader never has to guess a missing one."""

    def test_its_members_are_those_of_the_specification_in_its_order(self, report):
        assert [
            "schema",
            "rules",
            "reference_year",
            "policy",
            "log",
            "records",
            "counts",
            "rates",
            "provisional",
            "zone_data",
            "digest",
        ] == list(report.as_json())
        assert ("ledger/report/v1", 1, 2022) == tuple(list(report.as_json().values())[:3])
        assert ["id", "version", "sha256"] == list(report.policy.as_json())
        assert ["name", "cut", "records"] == list(report.log.as_json())

    def test_rows_are_sorted_by_code_points_of_measure_and_group(self, log):
        groups = {"\uffff": ["cpf"], "\U00010000": ["self_paid"], "Z": ["other"]}
        groups["a"] = ["individual", "employer", "apprenticeship", "job_centre", "public_grant"]
        report = reports_of(log, policy_of(funding_groups=groups), [2022])[2022]

        for part in (report.counts, report.rates):
            rows = [(row.measure, row.group) for row in part]
            assert rows == sorted(rows)
            assert len(set(rows)) == len(rows)

    def test_a_row_of_zeros_is_a_row(self, log):
        empty = replay(log, dict.fromkeys(range(3), 0), [policy_of()])
        report = build_report(empty, log_name="x", policy=policy_of(), year=2022)

        assert 3 * 30 + 14 + 8 * 9 == len(report.counts)
        assert 7 * 9 == len(report.rates)
        assert {0} == {row.count + row.previous for row in report.counts}
        assert {(0, 0)} == {(row.numerator, row.denominator) for row in report.rates}
        assert {} == report.records.quarantined
        assert ("x", {0: 0, 1: 0, 2: 0}, 0) == (report.log.name, report.cut, report.log.records)

    def test_previous_is_the_count_of_the_year_before_at_the_same_cut(self, log):
        reports = reports_of(log, policy_of(), [2021, 2022, 2023])

        for year in (2022, 2023):
            before = [row.count for row in reports[year - 1].counts]
            assert before == [row.previous for row in reports[year].counts]
        assert any(row.previous for row in reports[2022].counts)

    def test_the_cut_lists_every_partition_whether_or_not_it_holds_a_record(self, report):
        assert ["0", "1", "2"] == list(report.log.cut)
        assert 5 == sum(report.cut.values()) == report.log.records


class TestQuery:
    """One reading gives every report that was asked for."""

    def test_reports_come_by_cut_then_policy_then_year(self, log):
        policies = [policy_of(), policy_of("openclassrooms-2023")]
        cuts = [dict.fromkeys(range(3), 0), log.end()]

        made = make_reports(log, ReportQuery([2021, 2022], policies, cuts))

        assert [
            (cut, policy.id, year) for cut in cuts for policy in policies for year in (2021, 2022)
        ] == [(report.cut, report.policy.id, report.reference_year) for report in made]

    def test_without_more_words_it_reads_to_the_end_of_the_log(self, log):
        (made,) = make_reports(log, ReportQuery([2022], [policy_of()]))

        assert reports_of(log, policy_of(), [2022])[2022] == made

    def test_a_moment_is_the_cut_as_of_that_moment(self, log):
        (made,) = make_reports(log, ReportQuery([2022], [policy_of()], moments=[0]))

        assert log.cut_as_of(0) == made.cut

    def test_progress_is_shown_for_the_furthest_cut(self, log):
        totals = []

        @contextmanager
        def progress(total):
            totals.append(total)
            yield lambda _: None

        cuts = [dict.fromkeys(range(3), 0), log.end()]
        make_reports(log, ReportQuery([2022], [policy_of()], cuts), progress=progress)

        assert [5] == totals

    def test_how_it_was_done_is_one_sentence(self, log):
        sentences = []
        query = ReportQuery([2022], [policy_of()], engine="columnar")

        make_reports(log, query, notify=sentences.append)

        assert [] == sentences


class TestProvisional:
    """A measure is provisional until its observation period has ended."""

    @pytest.mark.parametrize(
        ("name", "overrides", "until"),
        [
            ("openclassrooms-2022", {}, ("2022-12-31", "2023-12-31", "2023-06-30")),
            ("openclassrooms-2023", {}, ("2022-12-31", "2023-12-31", "2022-12-30")),
            (
                "openclassrooms-2022",
                {"orientation_months": 2, "placement_months": 2},
                ("2022-12-31", "2023-02-28", "2023-02-28"),
            ),
            (
                "openclassrooms-2022",
                {"placement_window": ["09-01", "08-31"], "orientation_months": 10**9},
                ("2022-12-31", "9999-12-31", "2023-02-28"),
            ),
        ],
    )
    def test_the_dates_follow_from_the_policy(self, name, overrides, until):
        year_end, oriented, placed = until

        assert {
            "career_outcomes": year_end,
            "graduation_rate": year_end,
            "orientation_rate": oriented,
            **dict.fromkeys(PLACEMENT, placed),
        } == provisional(policy_of(name, **overrides), 2022, None)

    # In winter Paris is an hour ahead of UTC, in summer two.
    @pytest.mark.parametrize(
        ("latest", "final"),
        [
            ("2022-06-01T00:00:00Z", 0),
            ("2022-12-31T22:59:59.999Z", 0),
            ("2022-12-31T23:00:00Z", 2),
            ("2023-06-30T21:59:59.999Z", 2),
            ("2023-06-30T22:00:00Z", 7),
            ("2023-12-31T22:59:59.999Z", 7),
            ("2023-12-31T23:00:00Z", 8),
            ("2199-12-31T00:00:00Z", 8),
        ],
    )
    def test_the_day_itself_is_still_provisional_in_the_policys_zone(self, latest, final):
        dates = provisional(policy_of(), 2022, milliseconds(latest))

        assert 8 - final == len(dates)

    @pytest.mark.parametrize(
        ("zone", "is_final"),
        [("UTC", False), ("Europe/Paris", True), ("America/New_York", False)],
    )
    def test_the_date_is_that_of_the_zone(self, zone, is_final):
        latest = milliseconds("2022-12-31T23:30:00Z")

        dates = provisional(policy_of(zone=zone), 2022, latest)

        assert is_final == ("career_outcomes" not in dates)

    def test_without_records_all_are_provisional(self):
        assert 8 == len(provisional(policy_of(), 1999, None))

    def test_it_is_judged_by_the_latest_of_all_partitions_below_the_cut(self, tmp_path):
        times = [milliseconds(text) for text in ("2022-06-01T00:00:00Z", "2025-01-01T00:00:00Z")]
        records = [new_record(item, moment) for item, moment in zip(
            story("applied a1 2022-01-10\napplied a1 2022-01-10 subject=s-2"), times, strict=True)
        ]  # fmt: skip
        with log_of(tmp_path, records, partitions=2) as log:
            whole = reports_of(log, policy_of(), [2022])[2022]
            early = reports_of(log, policy_of(), [2022], cut=log.cut_as_of(times[0]))[2022]

        assert {} == whole.provisional
        assert 8 == len(early.provisional)

    def test_a_quarantined_record_is_a_record_too(self, tmp_path):
        item = new_record(story("applied a1 2022-01-10")[0], milliseconds("2025-01-01T00:00:00Z"))
        with log_of(tmp_path, [item._replace(value=b"x")]) as log:
            assert {} == reports_of(log, policy_of(), [2022])[2022].provisional

    @pytest.mark.parametrize("months", [12, 3_960, 1_000_000])
    @pytest.mark.parametrize(
        "recorded_at", [0, -1, 999, 1_000, 9_000_000_000_000, 11_000_000_000_000, 2**63 - 1]
    )
    def test_any_millisecond_has_a_date(self, recorded_at, months):
        members = {"zone": "UTC", "orientation_months": months}
        policy = policy_of(**members)
        expected = oracle().provisional(
            recorded_at, oracle().BUILT_IN_POLICIES[policy.id] | members, 1970
        )

        assert expected == provisional(policy, 1970, recorded_at)

    @pytest.mark.parametrize("recorded_at", [-(2**63), -62_135_596_800_001, -62_135_596_800_000])
    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
    def test_every_measure_is_provisional_in_a_log_of_before_there_were_dates(
        self, recorded_at, zone
    ):
        assert 8 == len(provisional(policy_of(zone=zone), 1970, recorded_at))
