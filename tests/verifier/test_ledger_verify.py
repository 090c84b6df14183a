"""The auditor's verifier keeps every promise of the specification that a case can state."""

from __future__ import annotations

import base64
import gc
import hashlib
import importlib.util
import io
import json
import math
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from unittest import mock

import pytest
import tzdata

from projections import zones
from tests.support.zones import plant_zones

REPOSITORY = Path(__file__).parents[2]
CASES = Path(__file__).parents[1] / "cases"
PROGRAM = REPOSITORY / "verifier" / "ledger_verify.py"

spec = importlib.util.spec_from_file_location("ledger_verify", PROGRAM)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)

POLICY = verify.BUILT_IN_POLICIES["openclassrooms-2022"]
POLICY_2023 = verify.BUILT_IN_POLICIES["openclassrooms-2023"]
NOON = 1_705_312_800_000  # 2024-01-15T10:00:00Z
RELEASE = tzdata.__version__
PACKAGE = Path(tzdata.__file__).parent


def cases(*names):
    return [
        pytest.param(case, id=f"{name}: {case.get('name', case.get('key'))}")
        for name in names
        for case in json.loads((CASES / f"{name}.json").read_text("utf-8"))["cases"]
    ]


def shortened(value):
    return repr(value)[:40]


def event(kind, data, **attributes):
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/crm",
        "type": f"ledger.{kind}.v1",
        "subject": "s-1",
        "time": "2024-01-15T10:00:00Z",
        "data": data,
        **attributes,
    }


def applied(day, **more):
    return event("student.applied", {"application_id": "a1", "programme": "p", "applied_on": day}
                 | more)  # fmt: skip


def enrolled(day, expected="2022-12-01", **more):
    data = {"enrollment_id": "e1", "programme": "p", "enrolled_on": day, "funding": "cpf"}
    return event("student.enrolled", data | {"expected_graduation_on": expected} | more)


def rescheduled(day, expected, **more):
    data = {"enrollment_id": "e1", "decided_on": day, "expected_graduation_on": expected}
    return event("enrollment.rescheduled", data | more)


def withdrew(day, reason="deceased", **more):
    data = {"enrollment_id": "e1", "withdrew_on": day, "reason": reason}
    return event("student.withdrew", data | more)


def graduated(day, **more):
    return event("student.graduated", {"enrollment_id": "e1", "graduated_on": day} | more)


def answered(day, status="employed", **more):
    data = {"survey": "job", "answered_on": day, "status": status}
    return event("survey.answered", data | more)


def outcome(day, kind="new_job", **more):
    data = {"outcome_on": day, "kind": kind, "credited": True, "stated_by": "student"}
    return event("outcome.declared", data | more)


def declared(day, *categories):
    return event("categories.declared", {"declared_on": day, "categories": list(categories)})


def retracted(identity, source="/crm"):
    retracts = {"source": source, "id": identity}
    return event("event.retracted", {"retracts": retracts, "reason": "other"})


def numbered(*events):
    """Give each event its position as its id."""
    return [each | {"id": str(position)} for position, each in enumerate(events)]


def stored(events, partition=0, offset=0, recorded_at=NOON):
    """Make records of events, one after the other."""
    return [
        {
            "partition": partition,
            "offset": offset + position,
            "recorded_at": recorded_at,
            "key": each["subject"].encode(),
            "value": json.dumps(each).encode(),
        }
        for position, each in enumerate(events)
    ]


def report(events, year=2022, policy=POLICY, **overrides):
    return verify.report(stored(events), {**policy, **overrides}, year, partitions=1)


def counts(computed, member="count"):
    return {f"{row['measure']}|{row['group']}": row[member]
            for row in computed["counts"] if row[member]}  # fmt: skip


def rates(computed):
    return {f"{row['measure']}|{row['group']}": [row["numerator"], row["denominator"]]
            for row in computed["rates"] if row["numerator"] or row["denominator"]}  # fmt: skip


def rule_of(value, key=b"s-1"):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return verify.judge(key, raw, 0, 1)[0]


# --- The shared cases -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("outcomes", "membership", "funnel", "placement", "records"))
def test_a_small_history_has_the_figures_worked_out_by_hand(case):
    policy = verify.BUILT_IN_POLICIES[case["policy"]]
    computed = report(case["events"], case["year"], policy, **case.get("policy_overrides", {}))
    assert case["expect"] == {
        "records": computed["records"],
        "counts": counts(computed),
        "rates": rates(computed),
    }


@pytest.mark.parametrize("case", cases("admission"))
def test_a_record_is_quarantined_under_the_first_rule_it_fails(case):
    key, value = case["key"], case.get("value")
    raw = None if value is None else value.encode()
    if case.get("value_base64") is not None:
        raw = base64.b64decode(case["value_base64"])
    assert case["rule"] == verify.judge(None if key is None else key.encode(), raw, 0, 1)[0]


@pytest.mark.parametrize("case", cases("partition"))
def test_a_key_lies_in_the_partition_that_kafka_chooses(case):
    result = verify.partition_of(case["key"].encode(), case["partitions"])
    assert case["partition"] == result


def vector():
    case = json.loads((CASES / "report.json").read_text("utf-8"))
    records = []
    for given in case["records"]:
        milliseconds = datetime.fromisoformat(given["recorded_at"]).timestamp() * 1000
        records += stored([given["event"]], given["partition"], given["offset"], int(milliseconds))
    return records, case["report"]


def test_the_whole_report_of_the_test_vector_comes_out_with_its_digest():
    records, expected = vector()
    expected["zone_data"] = RELEASE
    assert expected == verify.report(records, POLICY, 2022, partitions=1)


# --- Admission ------------------------------------------------------------------------------------

DEEP = b"[" * 20_000
GOOD = json.dumps(applied("2022-01-01"))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (DEEP, "value_must_be_json"),
        (DEEP + b"}" * 20_000, "value_must_be_json"),
        (b'{"a":1,"a":' + DEEP + b"]" * 20_000 + b"}", "members_must_be_unique"),
        (b'{"a":1e999,"a":1}', "members_must_be_unique"),
        (b'{"a":1e999,"b":' + b"[" * 16 + b"]" * 16 + b"}", "numbers_must_be_finite"),
        (b"9" * 400, "numbers_must_be_finite"),
        (b"1.7976931348623159e308", "numbers_must_be_finite"),
        (b"1.7976931348623158e308", "envelope_must_be_a_cloud_event"),
        (b'{"a":"\\ud800","a":1}', "value_must_be_json"),
        (b'{"a":"\\udc00\\ud800"}', "value_must_be_json"),
        (b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}', "members_must_be_unique"),
        (b'{"a":"\xed\xa0\x80"}', "value_must_be_json"),
        (b"\xc0\xaf", "value_must_be_json"),
        (b'{"a":1,"a":1}x', "value_must_be_json"),
        (b"[1 2]", "value_must_be_json"),
        (b"[1.]", "value_must_be_json"),
        (b"[-]", "value_must_be_json"),
        (b"[]]", "value_must_be_json"),
        (b"{]", "value_must_be_json"),
        (b"[,]", "value_must_be_json"),
        (b'{"a" 1}', "value_must_be_json"),
        (b'{1: "a"}', "value_must_be_json"),
        (b"\xc2\xa0{}", "value_must_be_json"),
        (b" \t\r\n", "value_must_be_json"),
        (b"[nul]", "value_must_be_json"),
        (b"\x00", "value_must_be_json"),
    ],
    ids=shortened,
)
def test_of_two_faults_of_a_text_the_earlier_rule_names_it(value, rule):
    assert rule == rule_of(value)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"specversion": "0.3", "subject": "@"}, "envelope_must_be_a_cloud_event"),
        ({"type": "x", "subject": "@"}, "subject_must_be_a_pseudonym"),
        ({"type": "x", "subject": "s-2"}, "key_must_equal_subject"),
        ({"type": "ledger.student.applied.v2", "data": {}}, "schema_version_must_be_known"),
        ({"type": "ledger.student.applied.v1\n"}, "type_must_be_known"),
        ({"type": "ledger.student.applied.v\u0661"}, "type_must_be_known"),
        ({"data": {}, "time": "1899-01-01T00:00:00Z"}, "data_must_match_its_type"),
        ({"data": None}, "envelope_must_be_a_cloud_event"),
        ({"data_base64": None}, "envelope_must_be_a_cloud_event"),
        ({"time": "2024-01-15T10:00:00.Z"}, "envelope_must_be_a_cloud_event"),
        ({"time": "2024-01-15T10:00:00+05:60"}, "envelope_must_be_a_cloud_event"),
        ({"time": "2024-01-15T10:00:00Z\n"}, "envelope_must_be_a_cloud_event"),
        ({"time": "2199-12-31T23:30:00-01:00"}, "date_must_be_plausible"),
        ({"time": "2200-01-01T00:30:00+01:00"}, None),
        ({"datacontenttype": "application/j\u017fon"}, "envelope_must_be_a_cloud_event"),
        ({"datacontenttype": "json"}, "envelope_must_be_a_cloud_event"),
        ({"datacontenttype": "application/jsonp"}, "envelope_must_be_a_cloud_event"),
        ({"datacontenttype": "text/JSON ; a=b"}, None),
        ({"id": "\U0001f600" * 200}, None),
        ({"id": "\U0001f600" * 201}, "envelope_must_be_a_cloud_event"),
    ],
    ids=shortened,
)
def test_of_two_faults_of_an_event_the_earlier_rule_names_it(changes, rule):
    assert rule == rule_of(applied("2022-01-01") | changes)


@pytest.mark.parametrize(
    "data",
    [
        applied("2022-01-01")["data"] | {"categories?": []},
        applied("2022-01-01")["data"] | {"application_id": None},
        outcome("2022-01-01", evidence={"sha256": "a" * 64, "more": 1})["data"],
        outcome("2022-01-01", evidence=[])["data"],
        outcome("2022-01-01", credited=None)["data"],
        answered("2022-01-01", job_found_on="2022-02-30")["data"],
        answered("2022-01-01", survey="mood", status="fine")["data"],
        declared("2022-01-01")["data"] | {"categories": None},
    ],
    ids=shortened,
)
def test_data_has_the_members_of_its_type_and_no_other(data):
    results = [rule_of(event(kind, data)) for kind in verify.DATA]
    assert {"data_must_match_its_type"} == set(results)


def test_null_is_absent_wherever_a_member_may_be_absent():
    evidence = {"sha256": "0" * 64, "uri": None}
    assert rule_of(outcome("2022-01-01", evidence=evidence)) is None
    assert rule_of(answered("2022-01-01", in_field=None, evidence=None, stated_by=None)) is None


def test_a_record_in_another_partition_than_its_keys_is_quarantined():
    raw = GOOD.encode()
    assert verify.judge(b"s-1", raw, 3, 4)[0] is None
    assert "partition_must_follow_key" == verify.judge(b"s-1", raw, 2, 4)[0]


def test_no_bytes_raise_an_exception():
    for byte in range(256):
        for value in (bytes([byte]), GOOD.encode().replace(b"a", bytes([byte]), 1), DEEP[:byte]):
            assert verify.judge(bytes([byte]), value, 0, 1)[0] is not None


# --- Records --------------------------------------------------------------------------------------


def test_a_retraction_is_judged_by_the_first_record_of_the_identity_it_names():
    first, conflict = retracted("x") | {"id": "r"}, outcome("2022-03-01") | {"id": "r"}
    computed = report([first, conflict, retracted("r") | {"id": "q"}])
    assert (1, 1, 1) == tuple(computed["records"][n] for n in ("conflicts", "pending", "void"))
    assert {} == counts(computed)


def test_a_void_retraction_leaves_the_retraction_it_names_in_force():
    computed = report(numbered(outcome("2022-03-01"), retracted("0"), retracted("1")))
    assert (1, 1) == (computed["records"]["retracted"], computed["records"]["void"])
    assert {} == counts(computed)


def test_a_retraction_of_another_source_removes_an_event_of_its_student():
    stranger = retracted("0") | {"source": "/other"}
    assert 1 == report(numbered(outcome("2022-03-01"), stranger))["records"]["retracted"]


def test_a_retraction_that_names_a_quarantined_record_is_pending():
    computed = report(numbered(outcome("2022-02-30"), retracted("0")))
    assert 1 == computed["records"]["pending"]
    assert {"data_must_match_its_type": 1} == computed["records"]["quarantined"]


def test_a_retracted_repeat_is_no_repeat_and_two_are_counted_each():
    events = numbered(*[enrolled("2022-01-01")] * 4, retracted("1"))
    for position in range(4):
        events[position]["data"] = enrolled(f"2022-01-0{position + 1}")["data"]
    assert 2 == report(events)["records"]["repeats"]


def test_what_hangs_on_a_repeat_hangs_on_the_enrolment_in_force():
    first = enrolled("2021-01-01", "2022-06-30", funding="employer")
    computed = report(numbered(graduated("2022-05-01"), first, enrolled("2021-02-02")))
    assert 0 == computed["records"]["orphans"]
    assert 1 == computed["records"]["repeats"]
    assert 1 == counts(computed)["graduated_as_expected|all"]


def test_a_quarantined_enrolment_leaves_an_orphan():
    computed = report(numbered(enrolled("2022-13-01"), withdrew("2022-03-01")))
    assert 1 == computed["records"]["orphans"]


def test_a_conflict_is_no_copy_of_another_conflict():
    versions = [outcome(day) for day in ("2022-03-01", "2022-03-02", "2022-03-02")]
    assert 2 == report(versions)["records"]["conflicts"]


def test_retracted_events_are_among_the_thousand_and_conflicts_and_duplicates_are_not():
    events = numbered(*[outcome("2022-03-01")] * 999)
    events += [outcome("2022-03-02") | {"id": "0"}, events[1], retracted("2") | {"id": "r"}]
    events += [outcome("2022-03-01") | {"id": "late"}, outcome("2022-03-03") | {"id": "3"}]
    records = report(events)["records"]
    assert (1000, 1, 2) == tuple(records[n] for n in ("events", "duplicates", "conflicts"))
    assert {"subject_must_not_exceed_1000_events": 1} == records["quarantined"]


def test_the_order_of_the_file_does_not_matter_only_partition_and_offset_do(tmp_path):
    events = numbered(
        declared("2022-01-01", "refugee"), declared("2022-01-01"), outcome("2022-02-01")
    )
    lines = [*map(line_of, stored(events))]
    (tmp_path / "records.jsonl").write_text("".join(lines[::-1]), "utf-8")
    read = verify.read_records(tmp_path / "records.jsonl")
    assert stored(events) == read
    assert (
        1 == counts(verify.report(read, POLICY, 2022, partitions=1))["career_outcomes|no_category"]
    )
    with pytest.raises(ValueError, match="record 0:1 is not in log order"):
        verify.report(read[::-1], POLICY, 2022, partitions=1)


# --- Cuts -----------------------------------------------------------------------------------------


def with_holes():
    records = stored(numbered(*[outcome("2022-03-01")] * 3))
    return [record | {"offset": 3 + 4 * position**2} for position, record in enumerate(records)]


@pytest.mark.parametrize(
    ("cut", "form", "records"),
    [
        (None, 20, 3),
        (99, 20, 3),
        (20, 20, 3),
        (19, 8, 2),
        (8, 8, 2),
        (7, 4, 1),
        (3, 0, 0),
        (0, 0, 0),
    ],
)
def test_a_cut_is_one_more_than_the_offset_of_the_last_record_below_it(cut, form, records):
    given = None if cut is None else {0: cut}
    computed = verify.report(with_holes(), POLICY, 2022, partitions=1, cut=given)
    assert {"cut": {"0": form}, "name": "student-lifecycle", "records": records} == computed["log"]


def test_two_cuts_of_one_form_have_one_digest():
    digests = {
        verify.report(with_holes(), POLICY, 2022, partitions=1, cut={"0": cut})["digest"]
        for cut in range(8, 20)
    }
    assert 1 == len(digests)


def test_a_cut_lists_empty_partitions_too_and_all_of_them():
    records = stored([applied("2022-01-01")], partition=3)
    computed = verify.report(records, POLICY, 2022, partitions=4)
    assert {"0": 0, "1": 0, "2": 0, "3": 1} == computed["log"]["cut"]
    with pytest.raises(ValueError, match="partition 3 is none of the 3"):
        verify.report(records, POLICY, 2022, partitions=3)


def test_a_retraction_above_the_cut_takes_nothing_back():
    records = stored(numbered(outcome("2022-03-01"), retracted("0")))
    early = verify.report(records, POLICY, 2022, partitions=1, cut={0: 1})
    assert 1 == counts(early)["career_outcomes|all"]
    assert {} == counts(verify.report(records, POLICY, 2022, partitions=1))


# --- Dates and policies ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2022-08-31", 6, "2023-02-28"),
        ("2022-12-31", 2, "2023-02-28"),
        ("2022-10-31", 1, "2022-11-30"),
        ("2022-11-30", 1, "2022-12-30"),
        ("1999-12-31", 2, "2000-02-29"),
        ("1899-12-31", 2, "1900-02-28"),
        ("9999-11-30", 1, "9999-12-30"),
        ("2022-01-01", 10**15, "9999-12-31"),
    ],
)
def test_months_after_is_the_same_day_or_the_months_last(day, months, later):
    assert later == verify.months_after(day, months)


def test_the_built_in_policies_have_the_hashes_of_the_specification():
    expected = {
        "openclassrooms-2022": "ca4f2116f3acde48556cc0e0880010a3f9500621edd857e145a1ec5bc8b0b5b5",
        "openclassrooms-2023": "5d6fab1c55242c7f468c1cc9706871a15a1784999323931e778fa33807cb4d9f",
    }
    for name, policy in verify.BUILT_IN_POLICIES.items():
        assert expected.pop(name) == hashlib.sha256(verify.canonical(policy)).hexdigest()
        assert [] == verify.check_policy(policy)
    assert {} == expected


@pytest.mark.parametrize(
    "change",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": "../Europe/Paris"},
        {"zone": "localtime"},
        {"zone": "right/Europe/Paris"},
        {"outcome_window_months": 0},
        {"outcome_window_months": True},
        {"outcome_window_anchor": "first"},
        {"outcome_kinds": ["raise", "raise"]},
        {"outcome_kinds": ["promotion"]},
        {"placement_window": ["02-29", "12-31"]},
        {"placement_window": ["01-01"]},
        {"placement_window": "01-01"},
        {"funding_groups": {}},
        {"funding_groups": {**POLICY["funding_groups"], "none": []}},
        {"funding_groups": {**POLICY["funding_groups"], "again": ["other"]}},
        {"funding_groups": {"most": list(verify.FUNDINGS[:-1])}},
        {"version": "1"},
        {"schema": "ledger/policy/v2"},
        {"id": ""},
        {"note": "extra"},
    ],
    ids=shortened,
)
def test_a_policy_that_breaks_the_table_is_refused(change):
    policy = POLICY | change
    assert [] != verify.check_policy(policy)


def test_a_policy_lacks_no_member_and_lists_may_be_empty():
    for name in POLICY:
        assert [f"{name} is missing"] == verify.check_policy(
            {key: value for key, value in POLICY.items() if key != name}
        )
    empty = {"outcome_kinds": [], "excluded_withdrawals": [], "placement_statuses": []}
    assert [] == verify.check_policy(POLICY | empty)
    assert ["a policy must be a JSON object"] == verify.check_policy([])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (100, "100"), (1e20, "1" + "0" * 20),
        (1e21, "1e+21"), (1.5e300, "1.5e+300"), (1e-6, "0.000001"), (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"), (0.002, "0.002"), (5e-324, "5e-324"), (2**53 + 1, "9007199254740992"),
        (333333333.33333329, "333333333.3333333"), (123456789012345680000, "123456789012345680000"),
    ],
)  # fmt: skip
def test_a_number_is_printed_as_ecmascript_prints_it(number, text):
    assert text.encode() == verify.canonical(number)


def test_the_canonical_form_sorts_names_by_utf_16_and_escapes_as_little_as_it_may():
    value = {"\U0001f600": 1, "\ufb33": [True, None, "\x01\x7f\u2028\n/"], "": {}}
    expected = '{"":{},"\U0001f600":1,"\ufb33":[true,null,"\\u0001\x7f\u2028\\n/"]}'
    assert expected.encode() == verify.canonical(value)
    for impossible in (math.nan, math.inf, 10**400, "\ud800", {"\udfff": 1}):
        with pytest.raises(ValueError, match=r"finite|surrogate"):
            verify.canonical(impossible)


# --- Figures --------------------------------------------------------------------------------------


def test_under_outcome_date_time_membership_population_month_and_year_follow_the_statement():
    events = numbered(
        enrolled("2022-07-01"),
        declared("2022-07-01", "refugee"),
        outcome("2020-01-01") | {"time": "2022-06-30T22:30:00Z"},
    )
    cells = counts(report(events, outcome_date="time"))
    assert 1 == cells["career_outcomes|month:07"]
    assert 1 == cells["career_outcomes|refugee"]
    assert 1 == cells["career_outcomes|population:student"]
    cells = counts(report(events, outcome_date="time", zone="America/New_York"))
    assert 1 == cells["career_outcomes|month:06"]
    assert 1 == cells["career_outcomes|undeclared"]
    assert 1 == cells["career_outcomes|population:learner"]


def test_winter_time_is_that_of_the_zone():
    events = [outcome("2000-01-01") | {"time": "2022-12-31T23:00:00Z"}]
    assert 1 == counts(report(events, 2023, outcome_date="time"))["career_outcomes|month:01"]
    assert {} == counts(report(events, 2022, outcome_date="time"))
    utc = report(events, 2022, outcome_date="time", zone="UTC")
    assert 1 == counts(utc)["career_outcomes|month:12"]


def test_the_walk_of_each_kind_may_go_by_calendar_year():
    days = [("2022-01-01", "raise"), ("2022-06-01", "raise"), ("2022-07-01", "new_title")]
    events = numbered(*[outcome(day, kind) for day, kind in days])
    variant = {"outcome_window_anchor": "calendar_year"}
    assert 1 == counts(report(events, **variant))["career_outcomes|all"]
    variant["outcome_window_scope"] = "student_and_kind"
    assert 2 == counts(report(events, **variant))["career_outcomes|all"]


def test_the_last_declared_of_another_kind_is_no_anchor_when_kinds_are_walked_alone():
    days = [("2021-01-01", "raise"), ("2021-12-31", "new_job"), ("2022-01-01", "raise")]
    events = numbered(*[outcome(day, kind) for day, kind in days])
    variant = {"outcome_window_anchor": "last_declared"}
    assert "career_outcomes|all" not in counts(report(events, **variant))
    variant["outcome_window_scope"] = "student_and_kind"
    assert 1 == counts(report(events, **variant))["career_outcomes|kind:raise"]


def test_an_id_is_compared_by_its_utf_8_bytes():
    lower = outcome("2022-03-01", "raise") | {"id": "\uffee"}
    higher = outcome("2022-03-01", "new_job") | {"id": "\U0001f600"}
    assert 1 == counts(report([higher, lower]))["career_outcomes|kind:raise"]


def test_offsets_and_fractions_of_time_decide_as_instants_not_as_text():
    later = outcome("2022-03-01", "raise") | {"id": "1", "time": "2022-03-01T10:00:00.1Z"}
    early = outcome("2022-03-01", "new_job") | {"id": "2", "time": "2022-03-01T12:00:00.09+02:00"}
    assert 1 == counts(report([later, early]))["career_outcomes|kind:new_job"]


def test_a_window_beyond_the_year_9999_lets_one_outcome_count_for_ever():
    events = numbered(outcome("2000-01-01"), outcome("2199-12-31"))
    computed = report(events, 2199, outcome_window_months=10**12)
    assert 1 == counts(computed)["outcomes_repeated|all"]


def test_the_placement_window_may_begin_in_the_year_before():
    days = ["2021-06-30", "2021-07-01", "2022-06-30", "2022-07-01"]
    results = []
    for day in days:
        computed = report(numbered(enrolled("2020-01-01"), graduated(day)), 2022, POLICY_2023)
        results.append((counts(computed).get("graduates|all", 0),
                      counts(computed, "previous").get("graduates|all", 0)))  # fmt: skip
    assert [(0, 1), (1, 0), (1, 0), (0, 0)] == results


def test_a_placement_window_of_equal_bounds_is_one_day():
    for day, number in (("2022-05-01", 1), ("2022-05-02", 0), ("2021-05-01", 0)):
        events = numbered(enrolled("2020-01-01"), graduated(day))
        computed = report(events, placement_window=["05-01", "05-01"])
        assert number == counts(computed).get("graduates|all", 0)


def test_a_graduation_outside_the_window_never_hides_one_of_another_enrolment_inside():
    events = numbered(
        enrolled("2020-01-01"), graduated("2021-12-31"), enrolled("2020-01-02", enrollment_id="e2"),
        graduated("2022-03-01", enrollment_id="e2"), graduated("2022-04-01"),
        answered("2022-03-01", job_found_on="2019-01-01"),
    )  # fmt: skip
    assert 1 == counts(report(events))["placed|all"]


def test_no_placement_limit_makes_an_absent_job_a_job():
    events = numbered(enrolled("2020-01-01"), graduated("2022-03-01"), answered("2022-04-01"))
    assert "placed|all" not in counts(report(events, placement_months=10**12))


def test_of_two_latest_answers_the_one_later_in_the_log_decides_and_unknown_is_passed_over():
    head = [enrolled("2020-01-01"), graduated("2022-03-01")]
    placing = answered("2022-04-01", job_found_on="2022-03-15", in_field=True)
    seeking, unknown = answered("2022-04-01", "seeking"), answered("2022-05-01", "unknown")
    computed = report(numbered(*head, seeking, placing, unknown), placement_answer="latest")
    assert [1, 1] == rates(computed)["placement_in_field_rate|all"]
    computed = report(numbered(*head, placing, seeking, unknown), placement_answer="latest")
    assert [0, 1] == rates(computed)["placement_in_field_rate|all"]


def test_unknown_places_nobody_even_where_the_policy_lists_it():
    head = [enrolled("2020-01-01"), graduated("2022-03-01")]
    events = numbered(*head, answered("2022-04-01", "unknown", job_found_on="2022-03-15"))
    assert "respondents|all" not in counts(report(events, placement_statuses=["unknown"]))


def test_a_death_on_the_day_of_graduation_excludes_nothing():
    events = numbered(enrolled("2021-01-01"), graduated("2022-05-01"), withdrew("2022-05-01"))
    assert [1, 1] == rates(report(events))["graduation_rate|all"]


def test_a_death_on_the_deadline_excludes_and_one_the_day_after_does_not():
    for day, deadline in (("2022-12-31", "year_end"), ("2022-06-30", "expected_date")):
        events = numbered(enrolled("2021-01-01", "2022-06-30"), withdrew(day))
        computed = report(events, graduation_deadline=deadline)
        assert "expected_to_graduate|all" not in counts(computed)
    events = numbered(enrolled("2021-01-01", "2022-06-30"), withdrew("2022-07-01"))
    computed = report(events, graduation_deadline="expected_date")
    assert 1 == counts(computed)["expected_to_graduate|all"]


def test_a_death_before_the_graduation_excludes_the_enrolment_but_not_the_graduate():
    events = numbered(enrolled("2021-01-01"), graduated("2022-05-02"), withdrew("2022-05-01"))
    cells = counts(report(events))
    assert "expected_to_graduate|all" not in cells
    assert 1 == cells["graduates|all"]


def test_only_its_own_withdrawal_excludes_an_enrolment():
    events = numbered(
        enrolled("2021-01-01"),
        withdrew("2022-05-01"),
        enrolled("2021-02-01", enrollment_id="e2", categories=["refugee"]),
    )
    assert 1 == counts(report(events))["expected_to_graduate|refugee"]
    assert "expected_to_graduate|all" not in counts(report(events[:2]))


def test_a_graduation_is_as_expected_by_the_first_date_where_the_policy_says_first():
    events = numbered(
        enrolled("2021-01-01", "2022-05-01"), rescheduled("2021-05-01", "2022-09-01"),
        graduated("2022-06-01"),
    )  # fmt: skip
    both = {"graduation_deadline": "expected_date"}
    assert [1, 1] == rates(report(events, **both))["graduation_rate|all"]
    assert [0, 1] == rates(report(events, expected_date="first", **both))["graduation_rate|all"]


def test_a_retracted_rescheduling_moves_nothing():
    events = numbered(
        enrolled("2021-01-01", "2022-05-01"),
        rescheduled("2021-05-01", "2023-01-01"),
        retracted("1"),
    )
    assert 1 == counts(report(events))["expected_to_graduate|all"]


def test_enrolling_on_the_day_of_the_application_orients_and_the_day_before_does_not():
    for day, number in (("2022-03-10", 1), ("2022-03-09", 0)):
        computed = report(numbered(applied("2022-03-10"), enrolled(day)))
        assert [number, 1] == rates(computed)["orientation_rate|all"]


def test_orientation_counts_from_the_first_application_of_its_year_not_of_all_years():
    events = numbered(
        applied("2021-12-31", categories=["refugee"]),
        applied("2022-06-30", application_id="a2", categories=[]),
        enrolled("2023-06-30"),
    )
    computed = report(events)
    assert {"orientation_rate|all": [1, 1], "orientation_rate|no_category": [1, 1]} == {
        cell: pair for cell, pair in rates(computed).items() if cell.startswith("orientation")
    }
    assert 1 == counts(computed, "previous")["applicants|refugee"]


def test_funding_groups_are_the_policys_own_and_rows_are_sorted_by_code_points():
    groups = {"\U0001f600": list(verify.FUNDINGS[:2]), "\uffee": list(verify.FUNDINGS[2:])}
    computed = report([enrolled("2022-01-01")], funding_groups=groups)
    rows = [(row["measure"], row["group"]) for row in computed["counts"]]
    assert sorted(rows) == rows
    assert rows.index(("students_enrolled", "funding:\uffee")) < rows.index(
        ("students_enrolled", "funding:\U0001f600")
    )
    assert 1 == counts(computed)["students_enrolled|funding:\U0001f600"]


def test_every_row_is_there_even_where_there_is_no_record():
    computed = verify.report([], POLICY, 2022, partitions=2)
    assert 3 * 30 + 14 + 8 * 9 == len(computed["counts"])
    assert 7 * 9 == len(computed["rates"])
    assert {} == counts(computed) | rates(computed)


@pytest.mark.parametrize("year", [1, 2, 9999])
def test_the_first_and_the_last_year_have_reports(year):
    computed = verify.report([], POLICY_2023, year, partitions=1)
    assert year == computed["reference_year"]
    assert all(len(day) == len("2022-01-01") for day in computed["provisional"].values())


# --- Maturity -------------------------------------------------------------------------------------

PLACEMENTS = {name: "2023-06-30" for name in verify.RATES if name.startswith(("place", "resp"))}
YEAR_END = {"graduation_rate": "2022-12-31", "career_outcomes": "2022-12-31"}


@pytest.mark.parametrize(
    ("known", "measures"),
    [
        ("2022-12-31T22:59:59.999Z", ["year end", "placement", "orientation"]),
        ("2022-12-31T23:00:00.000Z", ["placement", "orientation"]),
        ("2023-06-30T21:59:59.999Z", ["placement", "orientation"]),
        ("2023-06-30T22:00:00.000Z", ["orientation"]),
        ("2023-12-31T22:59:59.999Z", ["orientation"]),
        ("2023-12-31T23:00:00.000Z", []),
        (None, ["year end", "placement", "orientation"]),
    ],
)
def test_a_measure_is_provisional_as_long_as_the_latest_record_is_not_after_its_date(
    known, measures
):
    dates = {"year end": YEAR_END, "placement": PLACEMENTS,
             "orientation": {"orientation_rate": "2023-12-31"}}  # fmt: skip
    expected = {name: day for part in measures for name, day in dates[part].items()}
    records = []
    if known is not None:
        milliseconds = round(datetime.fromisoformat(known).timestamp() * 1000)
        tombstone = {"key": None, "value": None, "partition": 0}
        records = [tombstone | {"offset": 0, "recorded_at": milliseconds},
                   tombstone | {"offset": 1, "recorded_at": 0}]  # fmt: skip
    computed = verify.report(records, POLICY, 2022, partitions=1)
    assert expected == computed["provisional"]


def test_a_record_above_the_cut_makes_no_figure_final():
    records = stored([applied("2022-01-01")], recorded_at=0) + stored(
        [declared("2022-01-01")], 0, 1
    )
    cut = verify.report(records, POLICY, 2022, partitions=1, cut={0: 1})
    assert "graduation_rate" in cut["provisional"]
    assert {} == verify.report(records, POLICY, 2022, partitions=1)["provisional"]


def test_what_is_provisional_is_outside_the_digest():
    early = stored([applied("2022-01-01")], recorded_at=0)
    late = stored([applied("2022-01-01")])
    digests = {verify.report(records, POLICY, 2022, partitions=1)["digest"]
               for records in (early, late)}  # fmt: skip
    assert 1 == len(digests)


# --- The command line -----------------------------------------------------------------------------


def run(records, report, *options):
    """What the program says, in this process."""
    words = ["ledger_verify.py", records, "--report", report, *options]
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", [*map(str, words)])
    with argv, redirect_stdout(out), redirect_stderr(err):
        code = verify.main()
    gc.enable()
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def line_of(record):
    line = {name: record[name] for name in ("partition", "offset")}
    moment = datetime.fromtimestamp(record["recorded_at"] / 1000, tz=verify.UTC)
    line["recorded_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for name in ("key", "value"):
        raw = record[name]
        try:
            line[name] = None if raw is None else raw.decode("utf-8")
        except UnicodeDecodeError:
            line[f"{name}_base64"] = base64.b64encode(raw).decode("ascii")
    return json.dumps(line, ensure_ascii=False) + "\n"


@pytest.fixture
def files(tmp_path):
    records, expected = vector()
    text = "".join(map(line_of, records))
    (tmp_path / "records.jsonl").write_text(text, "utf-8")
    (tmp_path / "report.json").write_text(json.dumps(expected), "utf-8")
    return tmp_path


def test_the_command_confirms_an_equal_report(files):
    done = run(files / "records.jsonl", files / "report.json")
    assert (0, "") == (done.returncode, done.stderr)
    first, second = done.stdout.splitlines()
    assert f"zone data {RELEASE}" == first
    assert second.startswith("equal: ")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("counts", 0, "count"), 3, "counts applicants all count: the report says 3, recomputed 2"),
        (("rates", 0, "numerator"), 9, "rates graduation_rate all numerator: the report says 9"),
        (("records", "void"), 1, "records void: the report says 1, recomputed 0"),
        (("digest",), "sha256:0", "digest: the report says"),
        (("log", "cut", "0"), 99, "log cut 0: the report says 99, recomputed 11"),
        (("policy", "sha256"), "0", "policy sha256: the report says"),
        (("provisional", "orientation_rate"), "2023-12-31", "recomputed nothing"),
    ],
)
def test_the_command_names_each_cell_that_differs(files, path, value, line):
    stated = json.loads((files / "report.json").read_text("utf-8"))
    holder = stated
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    (files / "report.json").write_text(json.dumps(stated), "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert 1 == done.returncode
    assert line in done.stdout
    assert f"zone data {RELEASE}" == done.stdout.splitlines()[0]
    assert 2 == len(done.stdout.splitlines())


def test_the_command_sees_missing_doubled_and_reordered_rows(files):
    stated = json.loads((files / "report.json").read_text("utf-8"))
    rows = stated["counts"]
    for changed in (rows[1:], [*rows, rows[0]], [*rows, rows[0], rows[0]], rows[::-1]):
        text = json.dumps(stated | {"counts": changed})
        (files / "report.json").write_text(text, "utf-8")
        assert 1 == run(files / "records.jsonl", files / "report.json").returncode


def test_rows_in_another_order_are_named_by_the_first(files):
    stated = json.loads((files / "report.json").read_text("utf-8"))
    rows = stated["counts"]
    rows[3], rows[4] = rows[4], rows[3]
    (files / "report.json").write_text(json.dumps(stated), "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert 1 == done.returncode
    assert f"order or form from {rows[4]['measure']} {rows[4]['group']} on" in done.stdout


def test_the_command_recomputes_a_report_at_the_reports_own_cut_over_a_longer_log(files):
    with (files / "records.jsonl").open("a", encoding="utf-8") as file:
        more = [outcome("2022-06-06") | {"id": "new", "subject": "s-9"}]
        file.writelines(map(line_of, stored(more, offset=40)))
    assert 0 == run(files / "records.jsonl", files / "report.json").returncode


def test_the_command_takes_a_policy_from_a_file(files):
    policy = files / "policy.json"
    policy.write_text(json.dumps(POLICY | {"id": "mine", "zone": "UTC"}), "utf-8")
    made = verify.report(vector()[0], json.loads(policy.read_bytes()), 2022, partitions=1)
    (files / "report.json").write_text(json.dumps(made), "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert (2, "") == (done.returncode, done.stdout)
    assert "policy mine is not built in: give --policy FILE" in done.stderr
    same = (files / "records.jsonl", files / "report.json", "--policy", policy)
    assert 0 == run(*same).returncode
    for change in ({"zone": "nowhere"}, {"id": "\ud800"}):
        policy.write_text(json.dumps(POLICY | change), "utf-8")
        assert 65 == run(*same).returncode


def test_records_may_be_bytes_that_are_no_text_and_tombstones(tmp_path):
    records = stored([applied("2022-01-01", categories=["refugee"])])
    records.append(records[0] | {"offset": 5, "key": b"\xff", "value": b"\xfe"})
    records.append(records[0] | {"offset": 6, "value": None})
    (tmp_path / "records.jsonl").write_text("".join(map(line_of, records)), "utf-8")
    assert records == verify.read_records(tmp_path / "records.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"partition": 0, "offset": 0}',
        '{"partition": 0, "offset": 0, "recorded_at": "x", "key": null, "value": null}',
        '{"partition": 0, "offset": 0, "recorded_at": "2024-01-15T10:00:00Z", "key": null}',
        line_of(stored([applied("2022-01-01")])[0]) * 2,
        line_of(stored([applied("2022-01-01")])[0]).replace('"value": ', '"value": 1, "x": '),
        line_of(stored([applied("2022-01-01")])[0]).replace("s-1", "\\\\ud800"[1:], 1),
        line_of({"partition": 10**30, "offset": 0, "recorded_at": 0, "key": None, "value": None}),
    ],
    ids=shortened,
)
def test_the_command_refuses_a_file_that_holds_no_records(files, line):
    (files / "records.jsonl").write_text(line + "\n", "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert (65, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"a": 1, "a": 1}',
        "[" * 100_000,
        "{}",
        '{"schema": "ledger/report/v1", "rules": 1, "reference_year": 2022, "policy": 1}',
        '{"schema": "ledger/report/v1", "rules": 2, "reference_year": 2022}',
        json.dumps(vector()[1] | {"reference_year": 0}),
        json.dumps(vector()[1] | {"log": {"name": "a", "cut": {"1": 5}}}),
        json.dumps(vector()[1] | {"log": {"name": "a", "cut": {}}}),
    ],
    ids=shortened,
)
def test_the_command_refuses_a_file_that_holds_no_report(files, text):
    (files / "report.json").write_text(text, "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert (65, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())


def test_the_command_refuses_a_file_that_is_not_there(files):
    assert 65 == run(files / "nothing.jsonl", files / "report.json").returncode
    assert 65 == run(files / "records.jsonl", files / "nothing.json").returncode


# --- Zone data ------------------------------------------------------------------------------------


CASABLANCA = POLICY | {"id": "casa", "zone": "Africa/Casablanca", "outcome_date": "time"}


@pytest.fixture
def zoned(tmp_path):
    """Records whose outcome has another date by planted rules, and the report of the package's."""
    records = stored([outcome("2024-01-31") | {"time": "2024-01-31T15:30:00Z"}])
    (tmp_path / "records.jsonl").write_text("".join(map(line_of, records)), "utf-8")
    (tmp_path / "policy.json").write_text(json.dumps(CASABLANCA), "utf-8")
    computed = verify.report(records, CASABLANCA, 2024, partitions=1)
    (tmp_path / "report.json").write_text(json.dumps(computed), "utf-8")
    plant_zones(tmp_path / "planted")
    return tmp_path


def run_zoned(files, *options, program=(sys.executable, "-I"), **environment):
    """The same in a process of its own: what is installed is looked for when one begins."""
    words = [PROGRAM, files / "records.jsonl", "--report", files / "report.json"]
    done = subprocess.run(
        [*map(str, (*program, *words, "--policy", files / "policy.json", *options))],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done


def test_zone_rules_are_those_of_the_installed_package_and_not_the_machines(zoned):
    program = (sys.executable,)  # With -I the variable would not be read.
    done = run_zoned(zoned, program=program, PYTHONTZPATH=str(zoned / "planted"))
    assert (0, f"zone data {RELEASE}") == (done.returncode, done.stdout.splitlines()[0])


def test_zone_rules_are_those_of_the_folder_that_is_named_and_its_release_comes_first(zoned):
    done = run_zoned(zoned, "--tzdata", zoned / "planted")
    first, *rest = done.stdout.splitlines()
    assert f"zone data 2019c; the report was made with '{RELEASE}'" == first
    assert 1 == done.returncode
    assert "counts career_outcomes month:02 count: the report says 0, recomputed 1" in rest


def test_the_folder_may_be_an_unpacked_package(zoned, monkeypatch):
    package = zoned / "tzdata"
    package.mkdir()
    (zoned / "planted").rename(package / "zoneinfo")
    (package / "zoneinfo" / "+VERSION").unlink()
    (package / "__init__.py").write_text(
        f'{"#" * 40}\nIANA_VERSION = "2019c"\n__version__ = "2019.3"\n'
    )
    try:
        for folder in (package, package / "zoneinfo"):
            verify.use_zones(folder)
            assert "2019.3" == verify.zone_release()
    finally:
        verify.use_zones()


def test_without_a_package_a_folder_has_to_be_named(zoned):
    program = (sys.executable, "-I", "-S")  # -S: no installed packages.
    done = run_zoned(zoned, program=program)
    assert (2, "") == (done.returncode, done.stdout)
    assert "--tzdata" in done.stderr
    assert 0 == run_zoned(zoned, "--tzdata", PACKAGE, program=program).returncode


def test_a_folder_without_zones_is_refused(files):
    for folder in (files, files / "nowhere", files / "report.json"):
        done = run(files / "records.jsonl", files / "report.json", "--tzdata", folder)
        assert (2, "") == (done.returncode, done.stdout)
        assert str(folder) in done.stderr


@pytest.mark.parametrize("member", ["zone_data", "live", "unheard_of"])
def test_members_that_a_reader_ignores_are_left_aside(files, member):
    stated = json.loads((files / "report.json").read_text("utf-8"))
    stated["log"] |= {"roots": {"0": "00"}, member: [1]}
    (files / "report.json").write_text(json.dumps(stated | {member: None}), "utf-8")
    done = run(files / "records.jsonl", files / "report.json")
    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("name", ["europe/paris", "Europe", "../UTC", "/UTC", "Europe/Paris/", ""])
def test_a_zone_has_its_exact_name(name):
    assert verify.zone_rules("Europe/Paris") is not None
    assert verify.zone_rules(name) is None
    with pytest.raises(ValueError, match="no rules"):
        verify.date_in_zone(0, name)


def test_it_knows_the_zones_that_the_ledger_knows_and_their_offsets():
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=verify.UTC)
    for name in zones.zone_names():
        offset = moment.astimezone(verify.zone_rules(name)).utcoffset()
        assert offset == moment.astimezone(zones.zone(name)).utcoffset()
