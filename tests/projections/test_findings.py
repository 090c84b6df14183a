"""`projections.findings`: what an auditor asks about one event; it stays an event."""

from __future__ import annotations

import pytest

from projections.findings import stated_findings
from schemas.admission import Event, admit
from schemas.moments import milliseconds
from schemas.record import Record
from tests.support.histories import encode, story

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
