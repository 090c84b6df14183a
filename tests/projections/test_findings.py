"""`projections.findings`: what an auditor asks about one event; it stays an event."""

from __future__ import annotations

import pytest

from projections.findings import FINDINGS, conflict_finding, stated_findings, student_findings
from schemas.admission import Event, admit
from schemas.moments import milliseconds
from schemas.record import Record
from tests.support.histories import admit_all, encode, story

RECORDED_AT = "2024-01-15T23:59:59.999Z"
EVERY_DATE = {
    "applied a1 {on}": ["/data/applied_on"],
    "enrolled e1 {on} {on}": [],
    "rescheduled e1 {on} {on}": ["/data/decided_on"],
    "withdrew e1 {on} left": ["/data/withdrew_on"],
    "graduated e1 {on}": ["/data/graduated_on"],
    "answered {on} employed job_found_on={on}": ["/data/answered_on", "/data/job_found_on"],
    "outcome {on} raise": ["/data/outcome_on"],
    "declared {on} none": ["/data/declared_on"],
}


def findings_of(line, recorded_at=RECORDED_AT, time="2024-01-15T10:00:00Z"):
    """Rule and pointer of each finding on the event that a line of a story tells."""
    (item,) = story(line)
    value = encode(item | {"time": time})
    admitted = admit(Record(0, 0, milliseconds(recorded_at), b"s-1", value), 1)
    assert isinstance(admitted, Event)
    return [(finding.rule, finding.pointer) for finding in stated_findings(admitted)]


class TestDates:
    """A date may lie one day after the UTC date of the recording, for a clock may be ahead."""

    @pytest.mark.parametrize("line", EVERY_DATE)
    def test_the_day_after_the_recording_is_no_finding(self, line):
        assert [] == findings_of(line.format(on="2024-01-16"))

    @pytest.mark.parametrize("line", EVERY_DATE)
    def test_two_days_after_it_every_date_but_a_plan_is_one(self, line):
        expected = [("fact_must_not_follow_its_recording", pointer) for pointer in EVERY_DATE[line]]

        assert expected == findings_of(line.format(on="2024-01-17"))

    def test_the_date_of_the_recording_is_that_in_utc(self):
        line = "graduated e1 2024-01-17"

        assert [] == findings_of(line, recorded_at="2024-01-16T01:30:00+01:00")
        assert [] != findings_of(line, recorded_at="2024-01-16T00:30:00+01:00")


class TestTime:
    @pytest.mark.parametrize(
        "time",
        [
            "2024-01-16T00:59:59.999Z",
            "2024-01-16T00:59:59.999000000Z",
            "2024-01-16T01:59:59.999+01:00",
            "1999-01-01T00:00:00Z",
        ],
    )
    def test_an_hour_after_the_recording_is_no_finding(self, time):
        assert [] == findings_of("graduated e1 2024-01-15", time=time)

    @pytest.mark.parametrize(
        "time", ["2024-01-16T00:59:59.999000001Z", "2024-01-16T00:30:00-00:30"]
    )
    def test_any_more_is_one(self, time):
        expected = [("time_must_not_follow_recording", "/time")]

        assert expected == findings_of("graduated e1 2024-01-15", time=time)


class TestPlan:
    @pytest.mark.parametrize("expected_on", ["2022-03-01", "2022-03-02"])
    def test_to_graduate_on_the_first_day_or_later_is_no_finding(self, expected_on):
        assert [] == findings_of(f"enrolled e1 2022-03-01 {expected_on}")

    def test_to_graduate_before_the_first_day_is_one(self):
        expected = (
            "expected_graduation_must_not_precede_enrolment",
            "/data/expected_graduation_on",
        )

        assert [expected] == findings_of("enrolled e1 2022-03-01 2022-02-28")


class TestWildTimes:
    """A foreign producer may claim to have recorded an event at any time."""

    @pytest.mark.parametrize("recorded_at", [253_402_300_800_000, 1_700_000_000_000_000, 2**63 - 1])
    def test_an_event_recorded_after_the_year_9999_follows_every_fact(self, recorded_at):
        assert [] == rules_at(recorded_at)

    @pytest.mark.parametrize("recorded_at", [-62_135_596_800_001, -(2**63)])
    def test_an_event_recorded_before_the_year_1_precedes_every_fact(self, recorded_at):
        expected = ["fact_must_not_follow_its_recording", "time_must_not_follow_recording"]
        assert expected == rules_at(recorded_at)


def rules_at(recorded_at):
    """The rules of the findings on an event that was recorded at some millisecond."""
    (item,) = story("applied a1 2022-01-10")
    admitted = admit(Record(0, 0, recorded_at, b"s-1", encode(item)), 1)
    assert isinstance(admitted, Event)
    return [finding.rule for finding in stated_findings(admitted)]


APPLIED = "applied a1 2022-03-01"
ENROLLED = "enrolled e1 2022-03-01 2022-12-31"
STUDENT = {
    # Sentence: the story, and for each finding its rule and the ids of its events.
    "nothing is asked about an ordinary life": (
        [APPLIED, f"{ENROLLED} application_id=a1", "graduated e1 2022-03-01"],
        [],
    ),
    "a second application of one id names the first": (
        [APPLIED, "applied a1 2022-05-01", "applied a1 2022-06-01"],
        [("fact_must_be_stated_once", "2", "1"), ("fact_must_be_stated_once", "3", "1")],
    ),
    "a second enrolment of one id names the first that is not retracted": (
        [ENROLLED, ENROLLED, ENROLLED, "retracted 1"],
        [("fact_must_be_stated_once", "3", "2")],
    ),
    "a graduation without its enrolment": (
        ["graduated e1 2022-12-01"],
        [("enrolment_must_exist", "1")],
    ),
    "a retraction of what is not there": (
        ["retracted 9"],
        [("retraction_must_name_an_event", "1")],
    ),
    "a retraction of a retraction": (
        [APPLIED, "retracted 1", "retracted 2"],
        [("retraction_must_not_name_a_retraction", "3", "2")],
    ),
    "a retraction by another source": (
        [APPLIED, "retracted 1 source=/lms"],
        [("retraction_must_come_from_its_source", "2", "1")],
    ),
    "an enrolment of an application that is not there": (
        [f"{ENROLLED} application_id=a1"],
        [("application_must_exist", "1")],
    ),
    "an enrolment of an application that was retracted": (
        [APPLIED, f"{ENROLLED} application_id=a1", "retracted 1"],
        [("application_must_exist", "2")],
    ),
    "an enrolment the day before its application": (
        ["applied a1 2022-03-02", f"{ENROLLED} application_id=a1"],
        [("enrolment_must_not_precede_application", "2", "1")],
    ),
    "an enrolment before another application than its own is none": (
        ["applied a2 2022-03-02", APPLIED, f"{ENROLLED} application_id=a1"],
        [],
    ),
    "a graduation the day before its enrolment": (
        [ENROLLED, "graduated e1 2022-02-28"],
        [("graduation_must_not_precede_enrolment", "2", "1")],
    ),
    "a graduation the day after a death, of whichever enrolment": (
        [ENROLLED, "enrolled e2 2022-03-01 2022-12-31", "graduated e1 2022-10-02",
         "withdrew e2 2022-10-01 deceased", "withdrew e1 2022-11-01 deceased"],
        [("graduation_must_not_follow_death", "3", "4")],
    ),
    "a graduation on the day of the death, or after another withdrawal, is none": (
        [ENROLLED, "graduated e1 2022-10-02", "withdrew e1 2022-10-02 deceased",
         "withdrew e1 2022-05-01 left"],
        [],
    ),
    "a rescheduling the day after the date that it moves": (
        [ENROLLED, "rescheduled e1 2023-01-01 2023-06-30"],
        [("rescheduling_must_not_follow_the_date_it_moves", "2", "1")],
    ),
    "a rescheduling moves the date that the decision before it has set": (
        [ENROLLED, "rescheduled e1 2022-09-01 2023-06-30", "rescheduled e1 2022-06-01 2022-08-31"],
        [("rescheduling_must_not_follow_the_date_it_moves", "2", "1")],
    ),
    "a job found before the first enrolment": (
        ["enrolled e2 2022-05-01 2022-12-31", ENROLLED,
         "answered 2023-01-01 employed job_found_on=2022-02-28",
         "answered 2023-01-01 employed job_found_on=2022-03-01", "answered 2023-01-02 seeking"],
        [("job_must_not_precede_enrolment", "3", "2")],
    ),
    "a job of somebody who never enrolled is none": (
        ["answered 2023-01-01 employed job_found_on=2022-02-28"],
        [],
    ),
    "what was retracted is not asked about": (
        ["enrolled e1 2022-03-01 2022-02-01", "retracted 1"],
        [],
    ),
    "what one event shows is among a student's findings": (
        ["enrolled e1 2022-03-01 2022-02-01"],
        [("expected_graduation_must_not_precede_enrolment", "1")],
    ),
}  # fmt: skip


class TestStudent:
    @pytest.mark.parametrize("sentence", STUDENT)
    def test_a_finding_names_its_events(self, sentence):
        lines, expected = STUDENT[sentence]
        findings = student_findings(admit_all(story("\n".join(lines))))
        named = [(each.finding.rule, *(event.id for event in each.events)) for each in findings]
        assert sorted(named) == sorted(expected)

    def test_a_conflict_names_both_records(self):
        first, second = admit_all(story("applied a1 2022-03-01 id=1\napplied a1 2022-04-01 id=1"))
        assert conflict_finding(second, first).events == (second, first)

    def test_each_finding_has_its_scenario(self):
        rules = {rule for _, expected in STUDENT.values() for rule, *_ in expected}
        alone = {"content_must_not_change", "fact_must_not_follow_its_recording",
                 "time_must_not_follow_recording"}  # fmt: skip
        assert rules | alone == set(FINDINGS)
