"""`ledger.audit.findings`: every finding of any history, by a naive second reading."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings

from ledger.audit.findings import ADMISSION, collect_findings
from ledger.audit.sorted_rows import SortedRows
from ledger.log import NewRecord
from ledger.replay import replay
from projections.findings import FINDINGS
from tests.support import strategies
from tests.support.engines import log_with
from tests.support.histories import encode, log_of, new_record, oracle, oracle_records, story

PLANS = ("expected_graduation_on", "enrolled_on")


def stated(log, **options):
    """Each finding as its rule and the offsets of its events."""
    with SortedRows() as rows:
        counts = collect_findings(log, log.end(), rows=rows, **options)
        listed = list(rows)
    places = [
        (row["rule"], *(event["offset"] for event in row.get("events", [row]))) for row in listed
    ]
    assert counts == Counter(rule for rule, *_ in places)
    return listed, places


def expected(log):
    """The same by the words of the specification, with the student's facts by the verifier."""
    records = oracle_records(log)
    students, _ = oracle().sort_out(records, log.partitions)
    for events in students.values():
        for rule, *named in naive_findings(events, records):
            yield rule, *(records[event.place]["offset"] for event in named)
    yield from naive_admission(records, log.partitions, students)


def naive_admission(records, partitions, students):
    firsts = {
        (subject, event.source, event.id): event
        for subject, events in students.items()
        for event in events
    }
    for place, record in enumerate(records):
        rule, event = oracle().judge(
            record["key"], record["value"], record["partition"], partitions
        )
        if rule is not None:
            yield rule, record["offset"]
            continue
        first = firsts[event["subject"], event["source"], event["id"]]
        content = (oracle().type_of(event["type"])[0], event["time"], event["data"])
        if place != first.place and content != (first.type, first.time, first.data):
            yield "content_must_not_change", record["offset"], records[first.place]["offset"]


def naive_findings(events, records):
    student, _ = oracle().facts_of(events)
    by_identity = {(event.source, event.id): event for event in events}
    retractions = [event for event in events if event.type == "event.retracted"]
    removed = set()
    for event in retractions:
        target = by_identity.get((event.data["retracts"]["source"], event.data["retracts"]["id"]))
        if target is None:
            yield "retraction_must_name_an_event", event
            continue
        if target in retractions:
            yield "retraction_must_not_name_a_retraction", event, target
        else:
            removed.add(target.place)
        if target.source != event.source:
            yield "retraction_must_come_from_its_source", event, target
    left = [event for event in events if event.place not in removed]
    for event in left:
        yield from naive_statements(event, records[event.place]["recorded_at"])
    enrolments = {event.data["enrollment_id"]: event for event in student["student.enrolled"]}
    applications = {event.data["application_id"]: event for event in student["student.applied"]}
    for event in left:
        for kind, member, firsts in (
            ("student.applied", "application_id", applications),
            ("student.enrolled", "enrollment_id", enrolments),
        ):
            if event.type == kind and firsts[event.data[member]] is not event:
                yield "fact_must_be_stated_once", event, firsts[event.data[member]]
        dependent = ("enrollment.rescheduled", "student.withdrew", "student.graduated")
        if event.type in dependent and event.data["enrollment_id"] not in enrolments:
            yield "enrolment_must_exist", event
    yield from naive_dates(student, enrolments, applications)


def naive_statements(event, recorded_at):
    recorded_on = date(1970, 1, 1) + timedelta(days=recorded_at // 86_400_000)
    for name, value in event.data.items():
        late = name.endswith("_on") and name not in PLANS and value is not None
        if late and date.fromisoformat(value) > recorded_on + timedelta(days=1):
            yield "fact_must_not_follow_its_recording", event
    # The oracle counts nanoseconds from the first day of year 1.
    epoch = oracle().instant_of("1970-01-01T00:00:00Z")
    if oracle().instant_of(event.time) - epoch > (recorded_at + 3_600_000) * 1_000_000:
        yield "time_must_not_follow_recording", event
    plan = event.type == "student.enrolled"
    if plan and event.data["expected_graduation_on"] < event.data["enrolled_on"]:
        yield "expected_graduation_must_not_precede_enrolment", event


def naive_dates(student, enrolments, applications):
    for event in student["student.enrolled"]:
        name = event.data.get("application_id")
        linked = applications.get(name)
        if name is not None and linked is None:
            yield "application_must_exist", event
        elif linked is not None and event.data["enrolled_on"] < linked.data["applied_on"]:
            yield "enrolment_must_not_precede_application", event, linked
    for event in student["student.graduated"]:
        yield from naive_graduation(event, enrolments[event.data["enrollment_id"]], student)
    for name, enrolment in enrolments.items():
        until = enrolment.data["expected_graduation_on"]
        decisions = [
            each for each in student["enrollment.rescheduled"] if each.data["enrollment_id"] == name
        ]
        for event in sorted(decisions, key=lambda each: each.data["decided_on"]):
            if event.data["decided_on"] > until:
                yield "rescheduling_must_not_follow_the_date_it_moves", event, enrolment
            until = event.data["expected_graduation_on"]
    first = min(
        student["student.enrolled"], key=lambda event: event.data["enrolled_on"], default=None
    )
    for event in student["survey.answered"] if first else ():
        if (event.data.get("job_found_on") or "9999") < first.data["enrolled_on"]:
            yield "job_must_not_precede_enrolment", event, first


def naive_graduation(event, enrolment, student):
    if event.data["graduated_on"] < enrolment.data["enrolled_on"]:
        yield "graduation_must_not_precede_enrolment", event, enrolment
    deaths = [each for each in student["student.withdrew"] if each.data["reason"] == "deceased"]
    before = [each for each in deaths if event.data["graduated_on"] > each.data["withdrew_on"]]
    if before:
        first = min(before, key=lambda each: each.data["withdrew_on"])
        yield "graduation_must_not_follow_death", event, first


class TestOracle:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(strategies.records())
    def test_every_finding_of_a_random_history_is_there_with_its_events(self, records):
        with log_with(records) as log:
            assert sorted(stated(log)[1]) == sorted(expected(log))

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(strategies.records())
    def test_their_numbers_are_those_of_a_report(self, records):
        with log_with(records, partitions=3) as log:
            counts = collect_findings(log, log.end())
            totals = replay(log, log.end(), []).records
        assert {rule: counts[rule] for rule in ADMISSION if counts[rule]} == totals.quarantined
        counters = ("conflicts", "repeats", "orphans", "pending", "void")
        numbers = [getattr(totals, name) for name in counters]
        assert [counts[rule] for rule in FINDINGS[:5]] == numbers


class TestRows:
    def test_rows_come_by_rule_then_in_log_order_however_small_the_memory(self, tmp_path):
        events = [
            event | {"subject": subject}
            for subject in ("s-2", "s-1", "s-3")
            for event in story("graduated e1 2022-03-01\nretracted 7")
        ]
        records = [*map(new_record, events), NewRecord(b"s-9", None, None)]
        with (
            log_of(tmp_path, records) as log,
            SortedRows(run_bytes=1) as small,
            SortedRows() as large,
        ):
            for rows in (small, large):
                collect_findings(log, log.end(), rows=rows)
            assert list(small) == list(large)
            assert [(row["rule"], row.get("offset")) for row in large] == [
                ("enrolment_must_exist", None),
                ("enrolment_must_exist", None),
                ("enrolment_must_exist", None),
                ("retraction_must_name_an_event", None),
                ("retraction_must_name_an_event", None),
                ("retraction_must_name_an_event", None),
                ("tombstone_is_not_an_event", 6),
            ]
            assert [row["events"][0]["offset"] for row in list(large)[:3]] == [0, 2, 4]

    def test_only_what_was_asked_for_is_there(self, tmp_path):
        records = [new_record(event) for event in story("graduated e1 2022-03-01\nretracted 7")]
        with log_of(tmp_path, [*records, NewRecord(b"", None, None)]) as log:
            assert stated(log, rules=["enrolment_must_exist"])[1] == [("enrolment_must_exist", 0)]
            assert stated(log, rules=["tombstone_is_not_an_event"])[1] == [
                ("tombstone_is_not_an_event", 2)
            ]

    def test_the_event_beyond_a_thousand_is_a_dead_letter_that_says_so(self, tmp_path):
        (item,) = story("declared 2022-01-01 none")
        with log_of(tmp_path, [new_record(item | {"id": f"{n}"}) for n in range(1_001)]) as log:
            rule = "subject_must_not_exceed_1000_events"
            (row,) = stated(log, rules=[rule])[0]
        assert (row["rule"], row["offset"]) == (rule, 1_000)
        assert row["faults"] == [
            {"pointer": "/subject", "reason": "its subject has 1,000 events before this record"}
        ]

    def test_the_bytes_of_a_dead_letter_are_printable_and_few(self, tmp_path):
        wild = b'\x1b]0;title\x07\xff\xc2\x9b\xe2\x80\xae{"' + b"x" * 3_000_000
        nested = encode({f"\x1b{n}": n for n in range(50)} | {"specversion": "1.0"})
        with log_of(tmp_path, [NewRecord(b"\x1b[2J" * 100, wild), NewRecord(b"k", nested)]) as log:
            rows = stated(log)[0]
        assert {row["bytes"] for row in rows} == {len(wild), len(nested)}
        for row in rows:
            for text in (row["key"], row["value"], *(each["pointer"] for each in row["faults"])):
                assert text.isprintable()
                assert len(text) <= 200
            assert len(row["faults"]) <= 10
