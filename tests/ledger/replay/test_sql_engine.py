"""`ledger.replay.sql_engine` beside figures worked out by hand, and beside the fold."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice

import pytest

from ledger.columns import writing
from ledger.errors import StoreError
from ledger.log import NewRecord
from ledger.replay import Selection, replay
from ledger.replay.sql_engine import passes, query_columns, zone_offsets
from ledger.report import build_report
from outcomes.synthetic import generate
from projections.history import EVENTS_MAX
from projections.policy import built_in_policies
from projections.zones import zone, zone_data_release, zone_names
from schemas.moments import milliseconds
from tests.support.engines import differences, figures_by, log_with
from tests.support.histories import (
    CASES,
    counts_of,
    encode,
    log_of,
    new_record,
    policy_of,
    rates_of,
    story,
)

A, B = "outcome 2022-01-01 raise id=a", "outcome 2022-01-02 raise id=b"
FAMILIES = ("outcomes", "membership", "funnel", "placement", "records")
BUILT_IN = list(built_in_policies().values())


def read(family):
    return json.loads((CASES / f"{family}.json").read_text(encoding="utf-8"))


def cases_together():
    """The shared cases by their policy, as JSON, and year."""
    together = defaultdict(list)
    for family in FAMILIES:
        for case in read(family)["cases"]:
            policy = json.dumps([case["policy"], case.get("policy_overrides", {})])
            together[policy, case["year"]].append(case)
    return together


SHARED_CASES = cases_together()


def flat(records):
    """Counters of records with a counter for each rule."""
    return {**records, **records["quarantined"], "quarantined": 0}


def parts_of(rates):
    """Numerators and denominators, which add up."""
    return {(name, part): parts[part] for name, parts in rates.items() for part in (0, 1)}


def value_of(case):
    if "value_base64" in case:
        return base64.b64decode(case["value_base64"])
    return None if case["value"] is None else case["value"].encode()


def columnar_report(log, policy, year):
    replayed = replay(log, log.end(), [policy], engine="columnar")
    return build_report(replayed, log_name=log.name, policy=policy, year=year)


def one_subject(text):
    return [new_record(event) for event in story(text)]


@pytest.fixture
def admitted_in_sql(monkeypatch):
    """However few records there are, column admission comes first."""
    monkeypatch.setattr(writing, "FEW_RECORDS", 0)


class TestCases:
    """The shared cases come out of SQL as they were worked out by hand."""

    @pytest.mark.parametrize(("policy", "year"), list(SHARED_CASES), ids=str)
    def test_a_report_of_shared_cases_has_the_figures_worked_out_by_hand(self, policy, year):
        """Their students side by side in one log; `tests/scenarios` has each case by itself."""
        name, overrides = json.loads(policy)
        records, expected = [], {"counts": Counter(), "rates": Counter(), "records": Counter()}
        for number, case in enumerate(SHARED_CASES[policy, year]):
            records += [
                new_record(event | {"subject": f"{number}-{event['subject']}"})
                for event in case["events"]
            ]
            expected["counts"].update(case["expect"]["counts"])
            expected["rates"].update(parts_of(case["expect"]["rates"]))
            expected["records"].update(flat(case["expect"]["records"]))

        with log_with(records, partitions=3) as log:
            report = columnar_report(log, policy_of(name, **overrides), year)

        assert expected["records"] == flat(report.records.as_json())
        assert expected["counts"] == counts_of(report)
        assert expected["rates"] == parts_of(rates_of(report))

    @pytest.mark.usefixtures("admitted_in_sql")
    def test_every_record_of_the_admission_cases_is_counted_under_its_rule(self):
        expected, records = Counter(), []
        for case in read("admission")["cases"]:
            key = None if case["key"] is None else case["key"].encode()
            records.append(NewRecord(key, value_of(case)))
            expected[case["rule"]] += 1
        del expected[None]

        with log_with(records) as log:
            assert dict(expected) == figures_by("columnar", log, [])["records"]["quarantined"]
            assert {} == differences(log, BUILT_IN)

    @pytest.mark.usefixtures("admitted_in_sql")
    def test_the_report_of_the_test_vector_has_its_digest(self):
        records = [
            new_record(record["event"], milliseconds(record["recorded_at"]))
            for record in read("report")["records"]
        ]
        with log_with(records) as log:
            report = columnar_report(log, policy_of(), 2022).as_json()

        assert read("report")["report"] | {"zone_data": zone_data_release()} == report


_EDGES = """
    enrolled e1 2022-01-01 2022-09-01
    graduated e1 2022-08-01
    answered 2022-08-01 employed job_found_on=2022-08-01
    answered 2022-08-01 seeking

    enrolled e1 2022-01-01 2022-09-01
    graduated e1 2022-08-01
    answered 2022-08-01 seeking
    answered 2022-08-01 employed job_found_on=2023-02-01

    enrolled e1 2022-01-01 2022-09-01
    graduated e1 2022-08-01
    answered 2022-07-31 employed job_found_on=2022-08-01
    answered 2022-09-01 employed job_found_on=2023-02-02 in_field=true

    enrolled e1 2022-01-01 2022-09-01
    rescheduled e1 2022-05-01 2023-01-01
    rescheduled e1 2022-05-01 2022-12-31
    rescheduled e1 2022-04-01 2024-01-01

    applied a1 2022-01-01 categories=none
    enrolled e1 2022-01-01 2022-09-01 categories=refugee

    enrolled e1 2022-01-01 2022-09-01 categories=refugee
    applied a1 2022-01-01 categories=none

    enrolled e1 2022-03-01 2022-09-01 funding=cpf
    enrolled e2 2022-03-01 2022-10-01 funding=other

    enrolled e1 2022-03-01 2022-09-01 funding=cpf
    enrolled e1 2022-02-01 2023-10-01 funding=other

    enrolled e1 2022-01-01 2022-09-01
    withdrew e1 2022-09-01 deceased

    enrolled e1 2022-01-01 2022-09-01
    withdrew e1 2022-12-31 deceased

    enrolled e1 2022-01-01 2022-09-01
    withdrew e1 2022-08-01 deceased
    graduated e1 2022-08-01

    enrolled e1 2022-01-01 2022-09-01
    graduated e1 2022-09-02
    graduated e1 2022-09-01

    applied a1 2022-02-28
    applied a2 2022-12-31
    enrolled e1 2023-02-28 2023-09-01

    applied a1 2022-12-31
    enrolled e1 2023-12-31 2024-09-01

    outcome 2022-03-01 raise time=2024-01-15T10:00:00.000000002Z id=1
    outcome 2022-03-01 new_job time=2024-01-15T10:00:00.000000001Z id=2

    outcome 2022-03-01 raise source=/b id=1
    outcome 2022-03-01 new_job source=/a id=2

    outcome 2022-03-01 raise id=\U00010000
    outcome 2022-03-01 new_job id=\uffff

    outcome 2020-02-29 raise
    outcome 2021-02-28 raise
    outcome 2022-02-27 new_job
    outcome 2022-02-28 raise
    enrolled e1 2022-02-28 2023-01-01

    applied a1 2022-01-05
    retracted 1 source=/b

    applied a1 2022-01-05
    retracted 1
    retracted 2
    retracted 2 id=2

    applied a1 2022-01-05 id=1
    applied a2 2022-01-06 id=1
    applied a1 2022-01-05 id=1
    applied a2 2022-01-06 id=1
    retracted 1 id=9

    graduated e1 2022-05-01
    enrolled e1 2022-01-01 2022-09-01
    retracted 2
    enrolled e1 2022-01-02 2022-09-01
"""
EDGES = _EDGES.split("\n\n")
VARIANTS = (
    {},
    {"placement_answer": "latest", "expected_date": "first"},
    {"graduation_deadline": "expected_date", "placement_window": ["07-01", "06-30"]},
    {"outcome_window_anchor": "last_declared", "outcome_date": "time"},
    {"outcome_window_anchor": "calendar_year", "outcome_window_scope": "student_and_kind"},
    {"outcome_window_scope": "student_and_kind", "outcome_window_months": 24},
)


@pytest.mark.usefixtures("admitted_in_sql")
class TestBothEngines:
    """Lives that lean on an edge, and every shared case under the policy of every other one."""

    def test_the_engines_agree_on_every_edge_and_where_log_order_decides(self):
        # Neighbours are often each other's mirror image: not as many of one as of the other.
        events = [
            event | {"subject": f"{number}-{copy}"}
            for number, text in enumerate(EDGES)
            for copy in range(number % 3 + 1)
            for event in story(text)
        ]
        with log_with([new_record(event) for event in events]) as log:
            assert {} == differences(log, [policy_of(**overrides) for overrides in VARIANTS])

    def test_the_engines_agree_on_all_cases_at_once_under_all_their_policies(self):
        events, policies = [], list(BUILT_IN)
        for number, case in enumerate(
            case for family in FAMILIES for case in read(family)["cases"]
        ):
            events += [
                event | {"subject": f"{number}-{event['subject']}"} for event in case["events"]
            ]
            policies.append(policy_of(case["policy"], **case.get("policy_overrides", {})))

        with log_with([new_record(event) for event in events]) as log:
            assert {} == differences(
                log, list({policy.sha256: policy for policy in policies}.values())
            )


class TestLimit:
    """A subject has 1,000 events; what comes after them is quarantined with its copies."""

    MANY = "\n".join(
        f"outcome 20{10 + n % 30}-03-01 raise id=n{n} time=2024-01-15T10:00:00.{n:06}Z"
        for n in range(EVENTS_MAX - 1)
    )

    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            (A, (1000, 0, 0, 0)),
            ("outcome 2022-01-01 raise id=n0\noutcome 2010-03-01 raise id=n1", (999, 0, 2, 0)),
            (f"{A}\n{B}", (1000, 0, 0, 1)),
            (f"{A}\n{B}\n{B}\n{A}", (1000, 1, 0, 2)),
        ],
        ids=["the last", "copies take no room", "one too many", "copies of one too many"],
    )
    def test_only_the_first_thousand_identities_are_events(self, rest, expected):
        with log_with(one_subject(f"{self.MANY}\n{rest}")) as log:
            records = figures_by("columnar", log, [])["records"]

            assert {} == differences(log, BUILT_IN)
        names = ("events", "duplicates", "conflicts")
        too_many = records["quarantined"].get("subject_must_not_exceed_1000_events", 0)
        assert expected == (*(records[name] for name in names), too_many)

    def test_a_retraction_of_an_event_beyond_the_limit_is_pending_and_one_beyond_it_has_no_effect(
        self,
    ):
        rest = "retracted later\noutcome 2022-01-01 raise id=later\nretracted n0"
        with log_with(one_subject(f"{self.MANY}\n{rest}")) as log:
            records = figures_by("columnar", log, [])["records"]

            assert {} == differences(log, BUILT_IN)
        assert (1000, 1, 0) == tuple(records[name] for name in ("events", "pending", "retracted"))


@pytest.mark.usefixtures("admitted_in_sql")
class TestWorld:
    """A believable world with all its mess has one digest, whoever computes it."""

    def test_the_engines_agree_on_ten_thousand_events_at_several_cuts_in_any_years(self):
        made = islice(generate(2_000, 7), 10_000)
        records = [NewRecord(report.key, report.value, report.recorded_at) for report in made]
        with log_with(records, partitions=3) as log:
            end = log.end()
            for share, years in ((1, None), (0.6, {2021, 2022}), (0.1, {2019, 2021}), (0, {2022})):
                cut = {partition: int(offset * share) for partition, offset in end.items()}
                assert {} == differences(log, BUILT_IN, cut, years)


class TestPasses:
    """A large log is replayed some partitions at a time; nobody can tell."""

    @pytest.mark.parametrize("records_a_pass", [1, 900])
    def test_the_figures_of_all_passes_add_up_at_any_cut(self, monkeypatch, records_a_pass):
        monkeypatch.setattr("ledger.replay.sql_engine.PASS_RECORDS", records_a_pass)
        records = [
            NewRecord(record.key, record.value, record.recorded_at) for record in generate(300, 7)
        ]
        with log_with(records, partitions=5) as log:
            end = log.end()
            half = {partition: offset // 2 for partition, offset in end.items()}
            assert 1 < len(list(passes(end)))
            for cut in (end, half, {**end, 1: 0}, dict.fromkeys(end, 0)):
                assert {} == differences(log, BUILT_IN, cut)


@pytest.mark.usefixtures("admitted_in_sql")
class TestText:
    """Any character an event may hold goes through the columns unharmed."""

    TEXTS = (
        *("\x00", "a\x00b", "a\x00c", '"', "\\", "\\u0000", "\u2028", "\uffff", "\U00010000"),
        *("é", "e\u0301", "'", "null", "NULL", " ", "\t", "\x7f"),
    )

    def test_identities_of_any_characters_stay_distinct(self):
        events = []
        for text in self.TEXTS:
            for source in ("/a", text):
                for event in story("enrolled e1 2022-01-01 2022-06-01\ngraduated e1 2022-05-01"):
                    event["data"]["enrollment_id"] = text
                    events.append(event | {"source": source, "id": f"{event['id']}{text}"})
        records = [NewRecord(item["subject"].encode(), encode(item), 0) for item in events * 2]
        with log_with(records) as log:
            assert {} == differences(log, BUILT_IN)
            assert len(events) == figures_by("columnar", log, [])["records"]["duplicates"]


class TestZones:
    """An instant has the calendar date that the pinned zone data gives it, in any zone."""

    FIRST, LAST = -2_208_988_800, 7_258_118_399  # 1900-01-01 to 2199-12-31

    @pytest.mark.parametrize("name", [*sorted(zone_names())[::25], "America/Goose_Bay"])
    def test_the_offsets_are_those_of_the_zone_at_any_second(self, name):
        rules, draw = zone(name), random.Random(name)
        first = draw.randrange(self.FIRST, self.LAST // 2)
        last = first + 20 * 31_556_952
        changes = list(zone_offsets(rules, first, last))
        moments = [draw.randrange(first, last) for _ in range(200)]
        for result, _ in changes[1:]:
            moments += [result - 1, result]

        for moment in moments:
            offset = next(seconds for result, seconds in reversed(changes) if result <= moment)
            local = datetime.fromtimestamp(moment, UTC).astimezone(rules)
            assert local.utcoffset().total_seconds() == offset

    def test_the_earliest_outcome_has_its_date_even_within_a_second(self):
        policy = policy_of(outcome_date="time", zone="Asia/Kolkata")
        with log_with(one_subject(f"{A} time=2022-06-30T18:29:59.9Z")) as log:
            assert {} == differences(log, [policy])
            cells = figures_by("columnar", log, [policy])["cells"]

        assert 1 == cells[0, 2022, "career_outcomes", "month:06"]


class TestFiles:
    """Typed columns that cannot be read give one line and no figure."""

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(StoreError, match=r"none\.parquet"):
            query_columns([tmp_path / "none.parquet"], {0: 1}, Selection(BUILT_IN))

    def test_a_foreign_file_is_named(self, tmp_path):
        file = tmp_path / "o'ther" / "file.parquet"
        file.parent.mkdir()
        file.write_bytes(b"no Parquet at all, but long enough to be one")
        with pytest.raises(StoreError, match=r"o'ther/file\.parquet"):
            query_columns([file], {0: 1}, Selection(BUILT_IN))

    def test_both_engines_replay_an_empty_log(self, tmp_path):
        with log_of(tmp_path, []) as log:
            assert {} == differences(log, BUILT_IN)
            assert figures_by("columnar", log, BUILT_IN)["latest_recorded_at"] is None

    def test_a_replay_leaves_nothing_in_the_temporary_folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with log_with(one_subject("applied a1 2022-01-01")) as log:
            figures_by("columnar", log, BUILT_IN)

        assert [] == list(tmp_path.iterdir())
