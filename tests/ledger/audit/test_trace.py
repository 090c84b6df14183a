"""`ledger.audit.trace`: every record has its true verdict, and its effects are those of figures."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings

from ledger.audit import reading
from ledger.audit.trace import event_traces, memberships, student_from, student_trace, trace_row
from ledger.log import NewRecord
from ledger.log.sqlite import log as sqlite_log
from projections.history import EVENTS_MAX, Disposition
from projections.measures.catalogue import COUNTS, groups_shown
from schemas.rules import RULES
from tests.support.histories import (
    CASES,
    encode,
    log_of,
    new_record,
    policy_of,
    reports_of,
    story,
)
from tests.support.reasons import claim, judged
from tests.support.strategies import YEARS, records

POLICY = policy_of()


def read(log):
    end = log.end()
    return list(log.read(dict.fromkeys(end, 0), end))


def traced(log, subject):
    """The rows of a student's trace by place."""
    trace = student_trace(log, log.end(), subject, POLICY)
    return {(row["partition"], row["offset"]): row for row in map(trace_row, trace.records)}


def cause_of(row):
    return row["cause"] and (row["cause"]["partition"], row["cause"]["offset"])


class TestVerdicts:
    """Of every record, by a naive reading of the specification."""

    @settings(max_examples=25)
    @given(appended=records())
    def test_each_record_of_a_random_history_has_its_own(self, appended, tmp_path_factory):
        with log_of(tmp_path_factory.mktemp("log"), appended, partitions=2) as log:
            expected = judged(read(log), 2)
            keys = {item["key"] for item in expected if item["key"] not in (None, b"", b"\xff")}
            for key in keys:
                rows = traced(log, key.decode())
                for item in expected:
                    if item["key"] == key:
                        row = rows[item["place"]]
                        assert item["verdict"] == row["verdict"]
                        assert item["cause"] == cause_of(row)
                        assert item["rule"] == row["rule"]

    def test_each_rule_is_named(self, tmp_path):
        cases = json.loads((CASES / "admission.json").read_text())["cases"]
        appended = [
            NewRecord(b"s-1", case["value"].encode())
            for case in cases
            if case.get("key") == "s-1" and isinstance(case.get("value"), str)
        ]
        appended += [
            NewRecord(b"s-1", None),
            NewRecord(b"s-1", b" " * 65_537),
            NewRecord(b"s-1", b"[" * 17 + b"]" * 17),
            NewRecord(b"s-2", encode(story("applied a1 2022-03-01")[0])),
            NewRecord(b"s-1", encode(story("applied a1 2022-03-01 subject=/")[0])),
        ]
        many = "".join(f"applied a{number} 2022-03-01 subject=s-3\n" for number in range(1_001))
        assert EVENTS_MAX == 1_000
        appended += map(new_record, story(many))
        with log_of(tmp_path, appended) as log:
            named = {
                row["rule"]
                for subject in ("s-1", "s-2", "s-3")
                for row in traced(log, subject).values()
            }

        rules = {rule.__name__ for rule in RULES} - {"partition_must_follow_key"}
        assert named == {None, *rules, Disposition.OVER_LIMIT.value}

    def test_a_record_in_the_wrong_partition_is_quarantined(self, tmp_path, monkeypatch):
        appended = [new_record(members) for members in story("applied a1 2022-03-01")]
        monkeypatch.setattr("ledger.log.sqlite.log.partition_of", lambda _key, _partitions: 2)
        with log_of(tmp_path, appended, partitions=3) as log:
            (row,) = traced(log, "s-1").values()

        assert ("quarantined", "partition_must_follow_key") == (row["verdict"], row["rule"])


class TestEffects:
    """What the events of all students do to figures adds up to the report."""

    @settings(max_examples=10)
    @given(appended=records())
    def test_the_counted_effects_of_all_records_are_the_figures(self, appended, tmp_path_factory):
        with log_of(tmp_path_factory.mktemp("log"), appended, partitions=2) as log:
            subjects = {claim(item)[0] for item in judged(read(log), 2) if claim(item)}
            cells = Counter()
            for subject in subjects:
                for row in traced(log, subject).values():
                    for effect in row["effects"]:
                        assert effect["counted"] == (effect["reason"] is None)
                        for group in effect["groups"]:
                            cells[effect["reference_year"], effect["measure"], group] += 1
            for year, report in reports_of(log, POLICY, YEARS).items():
                for measure in COUNTS:
                    for group in groups_shown(measure, POLICY):
                        (count,) = (
                            row.count
                            for row in report.counts
                            if (row.measure, row.group) == (measure, group)
                        )
                        assert count == cells[year, measure, group]

    def test_what_decides_about_another_record_is_said_of_it(self, tmp_path):
        text = """
            enrolled e1 2022-01-10 2022-06-30
            declared 2022-01-01 refugee
            rescheduled e1 2022-02-01 2023-06-30
            graduated e1 2023-06-01
            answered 2023-07-01 employed job_found_on=2023-07-01
        """
        with log_of(tmp_path, map(new_record, story(text))) as log:
            rows = [row for _, row in sorted(traced(log, "s-1").items())]

        supported = [
            {(each["reference_year"], each["measure"]) for each in row["supports"]} for row in rows
        ]
        graduation = {(2023, "expected_to_graduate"), (2023, "graduated_as_expected")}
        assert (2022, "students_enrolled") in supported[1]
        assert graduation <= supported[2]
        assert {(2023, "graduated_as_expected")} <= supported[3]
        assert set() == supported[4]


class TestTimeline:
    """Membership and population over time."""

    def test_a_membership_begins_with_the_last_declaration_of_a_day(self, tmp_path):
        text = """
            declared 2022-02-01 none
            declared 2022-01-01 refugee
            declared 2022-02-01 disability
            enrolled e1 2022-03-01 2022-12-01
            enrolled e2 2022-02-15 2022-12-01
        """
        with log_of(tmp_path, map(new_record, story(text))) as log:
            facts = student_trace(log, log.end(), "s-1", POLICY).facts

        assert [("2022-01-01", "refugee", 1), ("2022-02-01", "disability", 2)] == [
            (each["from"], each["groups"][1], each["declared_by"]["offset"])
            for each in memberships(facts)
        ]
        assert "2022-02-15" == student_from(facts)

    def test_nobody_has_none(self, tmp_path):
        with log_of(tmp_path, map(new_record, story("applied a1 2022-03-01"))) as log:
            trace = student_trace(log, log.end(), "s-9", POLICY)

        assert ([], [], None) == (
            trace.records,
            memberships(trace.facts),
            student_from(trace.facts),
        )


class TestEvents:
    """One event, for every subject that has the pair."""

    def test_each_subject_with_the_pair_is_traced(self, tmp_path):
        text = """
            applied a1 2022-03-01 id=7
            applied a1 2022-03-01 id=7 subject=s-2
            applied a1 2022-03-02 id=7
            applied a1 2022-03-02 id=8
        """
        quarantined = NewRecord(None, encode(story("applied a1 2022-03-01 id=7 subject=s-3")[0]))
        with log_of(tmp_path, [*map(new_record, story(text)), quarantined], partitions=3) as log:
            result = {
                trace.subject: [str(record.judged.verdict) for record in trace.records]
                for trace in event_traces(log, log.end(), ("/crm", "7"), POLICY)
            }
            nothing = list(event_traces(log, log.end(), ("/crm", "9"), POLICY))

        assert {"s-1": ["event", "conflict"], "s-2": ["event"], "s-3": ["quarantined"]} == result
        assert [] == nothing

    @pytest.mark.parametrize("subject", ["s-2", "s-3"])
    def test_a_record_with_another_key_is_in_both_timelines(self, tmp_path, subject):
        (named,) = story("applied a1 2022-03-01 subject=s-2")
        with log_of(tmp_path, [NewRecord(b"s-3", encode(named))]) as log:
            (row,) = traced(log, subject).values()

        assert "key_must_equal_subject" == row["rule"]


class TestSearch:
    """SQLite looks for a few names; that finds what reading every record finds."""

    NAMES = ("s-1", "s_%", "s-12", "nobody")

    @pytest.fixture
    def log(self, tmp_path):
        values = [
            b'{"subject":"s-1"}',
            rb'{"subject":"s\u002d1"}',
            rb'{"subject":"\/s-1"}',
            b'{"subject":"s-12"}',
            b'{"subject":"s_%"}',
            b'{"id":"s-1","subject":"S-1"}',
            b"s-1",
            b"\xffs-1\x00s-1",
            b"",
            None,
        ]
        keys = (None, b"", b"s-1", b"s-12", b"s_%", b"\xff")
        appended = [NewRecord(key, value) for key in keys for value in values]
        with log_of(tmp_path, appended, partitions=3) as log:
            yield log

    @pytest.mark.parametrize("cut", [{0: 99, 1: 99, 2: 99}, {0: 7, 1: 0, 2: 11}])
    @pytest.mark.parametrize("count", [1, 4])
    def test_a_name_is_found_wherever_it_is(self, log, cut, count, monkeypatch):
        cut = {each: min(end, cut[each]) for each, end in log.end().items()}
        names, counts = self.NAMES[:count], []

        def matches():
            students = reading.students_about(log, cut, names, counts.append)
            return [judged.record for each in students for judged in each.records]

        monkeypatch.setattr(sqlite_log, "_NAMING_OFFSETS", 4)
        searched = matches()
        assert sum(cut.values()) == counts[-1]
        monkeypatch.setattr(reading, "_NAMES_MAX", 0)

        assert searched
        assert searched == matches()

    @pytest.mark.parametrize("cut", [{0: 99, 1: 99, 2: 99}, {0: 7, 1: 1, 2: 4}])
    def test_an_event_is_found_however_its_name_is_written(self, tmp_path, cut, monkeypatch):
        (text,) = map(encode, story("applied a1 2022-03-01 id=7/8"))
        values = [
            text,
            text.replace(b"/", rb"\/"),
            text.replace(b"7", rb"\u0037"),
            text.decode().encode("utf-16"),
            text.replace(b"7", b"9"),
            text.replace(b"/crm", b"/7/8"),
            b"7/8",
        ]
        keys = (b"s-1", b"s-2", None, b"\xff")
        appended = [NewRecord(key, value) for key in keys for value in values]
        with log_of(tmp_path, appended, partitions=3) as log:
            cut = {each: min(end, cut[each]) for each, end in log.end().items()}

            def matches():
                return [
                    (trace.subject, [record.judged for record in trace.records])
                    for trace in event_traces(log, cut, ("/crm", "7/8"), POLICY)
                ]

            searched = matches()
            monkeypatch.setattr(reading, "SqliteLog", tuple)

            assert searched
            assert searched == matches()
