"""`projections.explanations`: every candidate counts or has exactly one reason."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import explanations
from projections.candidates import Reason
from projections.explanations import Cell, explain_cell, explain_student, is_claimable
from projections.measures.catalogue import COUNTS, groups_shown
from projections.policy import parse_policy
from projections.student import read_student
from schemas.partition import partition_of
from schemas.record import Record
from tests.support.histories import NOON, encode, policy_of, story
from tests.support.reasons import explained
from tests.support.strategies import YEARS, policies, records


def placed(appended, partitions):
    """Records where a log would put them."""
    ends = Counter()
    for record in appended:
        partition = 0 if record.key is None else partition_of(record.key, partitions)
        yield Record(partition, ends[partition], record.recorded_at, record.key, record.value)
        ends[partition] += 1


def by_key(read):
    keys = dict.fromkeys(record.key for record in read)
    return {key: [record for record in read if record.key == key] for key in keys}


def explained_by_ledger(read, partitions, policy, cell):
    """As the oracle says it: by place the subject, the reason, the cause and the rule."""
    result = {}
    for own in by_key(read).values():
        for each in explain_cell(read_student(own, partitions), policy, cell):
            place, cause = each.events[0][:2], each.cause and each.cause[:2]
            assert place not in result
            result[place] = (each.subject, each.reason, cause, each.rule)
    return result


class TestOracle:
    """The reasons are those of a naive reading of the specification."""

    @given(records(), policies, st.sampled_from((1, 3)), st.data())
    def test_every_candidate_has_the_oracles_reason(self, appended, members, partitions, data):
        policy = parse_policy(json.dumps(members).encode(), "of a test")
        read = list(placed(appended, partitions))
        year = data.draw(st.sampled_from(YEARS))
        for measure in COUNTS:
            group = data.draw(st.sampled_from(groups_shown(measure, policy)))

            cell = Cell(year, measure, group)

            result = explained_by_ledger(read, partitions, policy, cell)

            assert explained(read, partitions, members, cell) == result


def reasons(text, measure, *, group="all", year=2022, **overrides):
    """`id: reason` of each candidate, with the id of what causes it; `counted` where it counts."""
    student = read_student(records_of(story(text)), 1)
    policy = policy_of(**overrides)
    result = {}
    for each in explain_cell(student, policy, Cell(year, measure, group)):
        reason = each.reason or "counted"
        if each.cause is not None:
            reason += f" {each.cause.id}"
        assert str(each.events[0].id) not in result
        result[str(each.events[0].id)] = reason
    return " ".join(f"{name}={reason.replace(' ', ':')}" for name, reason in sorted(result.items()))


def records_of(events):
    """One student's events as the records of one partition."""
    return [
        Record(0, offset, NOON, b"s-1", encode(members)) for offset, members in enumerate(events)
    ]


OUTCOMES = """
    outcome 2022-03-01 raise
    outcome 2022-09-01 raise
    outcome 2022-09-01 business credited=false
    outcome 2023-03-01 raise time=2022-12-31T12:00:00Z
"""
STATED = "applied a1 2022-03-01\n"
STUDENT = "enrolled e1 2021-01-10 2022-06-30\n"
GRADUATE = STUDENT + "graduated e1 2022-02-01\n"

SCENARIOS = {
    # Career outcomes.
    "a repeat names the outcome in whose window it lies": (
        OUTCOMES, "career_outcomes", {},
        "1=counted 2=repeated_within_window_of:1 3=not_credited",
    ),
    "a kind that the policy leaves out comes before its credit": (
        OUTCOMES, "career_outcomes", {"outcome_kinds": ["raise"]},
        "1=counted 2=repeated_within_window_of:1 3=kind_not_in_policy",
    ),
    "what was declared counts as declared, repeated or not": (
        OUTCOMES, "outcomes_declared", {}, "1=counted 2=counted 3=not_credited",
    ),
    "a career outcome is no repeat": (
        OUTCOMES, "outcomes_repeated", {}, "1=career_outcome 2=counted 3=not_credited",
    ),
    "where the time decides an outcome of the year may be outside it": (
        "outcome 2022-03-01 raise time=2023-02-01T12:00:00Z", "career_outcomes",
        {"outcome_date": "time"}, "1=outside_year",
    ),
    "where the time decides an outcome of another year may be inside": (
        OUTCOMES, "outcomes_declared", {"outcome_date": "time"},
        "1=outside_year 2=outside_year 3=outside_year 4=counted",
    ),
    "where the time decides a retracted outcome comes near in the year of its time": (
        "outcome 2021-03-01 raise time=2022-12-31T12:00:00Z\nretracted 1", "outcomes_declared",
        {"outcome_date": "time"}, "1=retracted_by:2",
    ),
    # Orientation.
    "a later application of the year names the first": (
        "applied a1 2022-03-01\napplied a2 2022-04-01", "applicants", {},
        "1=counted 2=later_than_first:1",
    ),
    "nobody becomes a student without an enrolment": (
        "applied a1 2022-03-01", "became_students", {}, "1=not_enrolled",
    ),
    "an enrolment after the months of the policy is too late": (
        "applied a1 2022-03-01\nenrolled e1 2023-03-02 2024-01-01", "became_students", {},
        "1=enrolled_too_late:2",
    ),
    "an enrolment before the application does not count": (
        "applied a1 2022-03-01\nenrolled e1 2022-02-28 2024-01-01", "became_students", {},
        "1=enrolled_before_applying:2",
    ),
    "an enrolment in time makes a student of the first application alone": (
        "applied a1 2022-03-01\nenrolled e1 2023-03-01 2024-01-01\napplied a2 2022-05-01",
        "became_students", {}, "1=counted 3=later_than_first:1",
    ),
    # Enrolment.
    "the earliest enrolment of the year counts": (
        "enrolled e1 2022-03-01 2023-01-01\nenrolled e2 2022-02-01 2023-01-01",
        "students_enrolled", {}, "1=later_than_first:2 2=counted",
    ),
    # Graduation.
    "an enrolment that was rescheduled out of the year names the decision": (
        STUDENT + "rescheduled e1 2022-05-01 2023-06-30", "expected_to_graduate", {},
        "1=rescheduled_out_of_year:2",
    ),
    "where the first date counts a rescheduling into the year is outside it": (
        "enrolled e1 2021-01-10 2021-06-30\nrescheduled e1 2021-05-01 2022-06-30",
        "expected_to_graduate", {"expected_date": "first"}, "1=outside_year",
    ),
    "an excluded withdrawal is named": (
        STUDENT + "withdrew e1 2021-03-01 deceased", "expected_to_graduate", {},
        "1=excluded_by_withdrawal:2",
    ),
    "of two enrolments expected in the year the first to begin counts": (
        STUDENT + "enrolled e2 2021-01-09 2022-12-01", "expected_to_graduate", {},
        "1=later_than_first:2 2=counted",
    ),
    "whoever has not graduated is not as expected": (
        STUDENT, "graduated_as_expected", {}, "1=not_graduated",
    ),
    "a graduation after the deadline is named": (
        STUDENT + "graduated e1 2022-07-01", "graduated_as_expected",
        {"graduation_deadline": "expected_date"}, "1=graduated_after_deadline:2",
    ),
    "a graduation in the year of an enrolment expected in another is outside it": (
        "enrolled e1 2021-01-10 2023-06-30\ngraduated e1 2022-07-01", "graduated_as_expected", {},
        "1=outside_year",
    ),
    "of two enrolments graduated in time the first to begin counts": (
        GRADUATE + "enrolled e2 2021-01-09 2022-12-01\ngraduated e2 2022-03-01",
        "graduated_as_expected", {}, "1=later_than_first:3 3=counted",
    ),
    "an orphan comes near, and says so": (
        "graduated e1 2022-07-01\nrescheduled e1 2022-05-01 2022-12-01", "graduated_as_expected",
        {}, "1=orphan 2=orphan",
    ),
    # Placement.
    "a later graduation names the earliest of its enrolment or of the window": (
        GRADUATE + "graduated e1 2022-03-01\nenrolled e2 2021-01-10 2023-01-01\n"
        "graduated e2 2022-05-01", "graduates", {},
        "2=counted 3=later_than_first:2 5=later_than_first:2",
    ),
    "a graduation outside the window does not come near": (
        GRADUATE, "graduates", {"placement_window": ["07-01", "12-31"]}, "",
    ),
    "without an answer a graduate is silent": (GRADUATE, "respondents", {}, "2=silent"),
    "answers that are not considered say why, and their graduate is silent": (
        GRADUATE + "answered 2022-03-01 employed survey=joy\nanswered 2022-03-01 unknown\n"
        "answered 2022-01-31 employed", "respondents", {},
        "2=silent 3=other_survey 4=status_unknown 5=answered_before_graduation",
    ),
    "the first answer considered is the respondent": (
        GRADUATE + "answered 2022-04-01 employed\nanswered 2022-03-01 seeking", "respondents", {},
        "3=later_than_first:4 4=counted",
    ),
    "an answer that does not place says why": (
        GRADUATE + "answered 2022-04-01 seeking\nanswered 2022-04-01 employed\n"
        "answered 2022-04-01 employed job_found_on=2022-08-02\n"
        "answered 2022-04-01 employed job_found_on=2022-08-01\n"
        "answered 2022-04-02 employed job_found_on=2022-08-01", "placed", {},
        "3=status_not_in_policy 4=no_date 5=found_after_limit 6=counted 7=later_than_first:6",
    ),
    "where the latest answer decides the others name it": (
        GRADUATE + "answered 2022-04-01 employed job_found_on=2022-04-01\n"
        "answered 2022-05-01 seeking", "placed", {"placement_answer": "latest"},
        "3=not_latest_answer:4 4=status_not_in_policy",
    ),
    "a job outside the field places, but not in the field": (
        GRADUATE + "answered 2022-04-01 employed job_found_on=2022-04-01\n"
        "answered 2022-04-02 employed job_found_on=2022-04-01 in_field=true", "placed_in_field", {},
        "3=not_in_field 4=counted",
    ),
    # Records that are not in force.
    "copies name the first, and what is retracted what retracts it": (
        STATED + "applied a1 2022-03-01 id=1\napplied a1 2022-03-02 id=1\nretracted 1",
        "applicants", {}, "1=retracted_by:4",
    ),
    "a second statement of an application is a repeat of the first": (
        "applied a1 2022-03-01\napplied a1 2022-04-01", "applicants", {}, "1=counted 2=repeat_of:1",
    ),
}  # fmt: skip


class TestReasons:
    """Each reason, in words."""

    @pytest.mark.parametrize("name", [name for name in SCENARIOS if not name.startswith("copies")])
    def test_each_candidate_has_its_reason(self, name):
        text, measure, overrides, expected = SCENARIOS[name]

        assert expected == reasons(text, measure, **overrides)

    def test_copies_name_the_first_and_what_is_retracted_names_the_retraction(self):
        text, measure, _, _ = SCENARIOS[
            "copies name the first, and what is retracted what retracts it"
        ]
        student = read_student(records_of(story(text)), 1)

        result = explain_cell(student, policy_of(), Cell(2022, measure, "all"))

        assert [
            (0, "retracted_by", "4"),
            (1, "duplicate_of", "1"),
            (2, "conflict_with", "1"),
        ] == [(each.events[0].offset, each.reason, each.cause.id) for each in result]

    def test_every_reason_is_met_in_these_tests(self):
        met = " ".join(expected for *_, expected in SCENARIOS.values())
        elsewhere = {
            Reason.QUARANTINED, Reason.DUPLICATE, Reason.CONFLICT,
            Reason.UNDECLARED_THEN, Reason.NOT_OF_GROUP_THEN,
        }  # fmt: skip

        assert [] == [reason for reason in Reason if reason not in met and reason not in elsewhere]


class TestGroups:
    """Who counts, but not in the group that is asked for, says which membership is in the way."""

    TEXT = "applied a1 2022-03-01 categories=refugee\ndeclared 2022-02-01 none"

    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            ("refugee", "1=counted"),
            ("any_category", "1=counted"),
            ("disability", "1=not_of_this_group_then:1"),
            ("undeclared", "1=not_of_this_group_then:1"),
        ],
    )
    def test_the_declaration_then_in_force_is_named(self, group, expected):
        assert expected == reasons(self.TEXT, "applicants", group=group)

    def test_whoever_had_declared_nothing_was_undeclared(self):
        text = "applied a1 2022-03-01\ndeclared 2022-03-02 refugee"

        assert "1=undeclared_then" == reasons(text, "applicants", group="refugee")
        assert "1=counted" == reasons(text, "applicants", group="undeclared")

    def test_another_kind_is_no_matter_of_declarations(self):
        text = "outcome 2022-03-01 raise"

        result = reasons(text, "career_outcomes", group="kind:business")

        assert "1=not_of_this_group_then" == result

    def test_what_does_not_count_at_all_keeps_its_reason_in_every_group(self):
        text = "outcome 2022-03-01 raise credited=false"

        assert "1=not_credited" == reasons(text, "career_outcomes", group="refugee")


def foreign(**changes):
    """An application of 2022 as a record that differs in something from a good one."""
    (members,) = story("applied a1 2022-03-01")
    key = changes.pop("key", b"s-1")
    return Record(0, 0, NOON, key, encode(members | changes))


class TestQuarantined:
    """A record that cannot be an event is a candidate where anybody can read what it is about."""

    @pytest.mark.parametrize(
        ("record", "rule"),
        [
            (foreign(type="ledger.student.applied.v2"), "schema_version_must_be_known"),
            (foreign(key=None), "key_must_equal_subject"),
            (foreign(time="yesterday"), "envelope_must_be_a_cloud_event"),
            (foreign(data={"applied_on": "2022-03-01T10:00"}), "data_must_match_its_type"),
            (foreign(subject="no pseudonym!"), "subject_must_be_a_pseudonym"),
        ],
    )
    def test_it_names_its_rule(self, record, rule):
        student = read_student([record], 1)

        (result,) = explain_cell(student, policy_of(), Cell(2022, "applicants", "all"))

        assert ("quarantined_by_rule", rule, "s-1") == (result.reason, result.rule, result.subject)

    @pytest.mark.parametrize(
        "record",
        [
            foreign(type="ledger.student.applauded.v1"),
            foreign(data={"applied_on": "soon"}),
            foreign(data=[]),
            foreign(subject="no pseudonym!", key=b"nor this"),
            Record(0, 0, NOON, b"s-1", None),
            Record(0, 0, NOON, b"s-1", b"[" * 100_000),
        ],
    )
    def test_what_cannot_be_read_is_no_candidate(self, record):
        student = read_student([record], 1)

        assert [] == explain_student(student, policy_of())
        assert not is_claimable(student.records[0])

    def test_an_answer_under_another_key_is_near_nobodys_graduation(self):
        answer = story("answered 2022-03-01 employed subject=s-2")
        read = [*records_of(story(GRADUATE)), *records_of(answer)]

        student = read_student(read, 1)

        assert "s-2" not in {each.subject for each in explain_student(student, policy_of())}
        assert not is_claimable(student.records[-1])

    @pytest.mark.parametrize(
        "text",
        [
            GRADUATE + "answered soon employed job_found_on=2022-03-01",
            STUDENT + "graduated e1 2022-02-01 credential=",
        ],
    )
    def test_a_date_that_is_not_the_measures_own_brings_it_near_nothing(self, text):
        student = read_student(records_of(story(text)), 1)
        policy = policy_of(placement_window=["07-01", "12-31"])

        result = explain_student(student, policy, ["graduates", "placed"])

        assert [] == [each for each in result if each.rule is not None]
        assert is_claimable(student.records[-1])

    def test_a_copy_of_an_answer_is_near_the_graduation_that_it_follows(self):
        answer = "answered 2022-03-01 employed job_found_on=2022-03-01 id=7\n"
        student = read_student(records_of(story(GRADUATE + answer + answer)), 1)

        result = explain_cell(student, policy_of(), Cell(2022, "placed", "all"))

        assert [None, "duplicate_of"] == [each.reason for each in result]

    def test_an_answer_without_its_date_is_near_no_graduation(self):
        text = GRADUATE + "answered soon employed job_found_on=2022-03-01"
        student = read_student(records_of(story(text)), 1)

        result = explain_student(student, policy_of(), ["placed"])

        assert ["silent"] == [each.reason for each in result]

    def test_an_event_beyond_the_thousandth_names_that_rule(self):
        text = "applied a{} 2022-03-01\n"
        events = story("".join(text.format(number) for number in range(1001)))

        *_, last = explain_cell(
            read_student(records_of(events), 1), policy_of(), Cell(2022, "applicants", "all")
        )

        assert "subject_must_not_exceed_1000_events" == last.rule

    def test_a_time_that_no_zone_knows_is_left_aside(self):
        (members,) = story("outcome 2022-03-01 raise time=0001-01-01T00:00:00+14:00")
        student = read_student(records_of([members]), 1)
        policy = policy_of(outcome_date="time")

        (result,) = explain_cell(student, policy, Cell(2022, "career_outcomes", "all"))

        assert "date_must_be_plausible" == result.rule


class TestStudent:
    """Every measure and year of one student at once, for a timeline."""

    def test_the_years_come_in_order_and_each_measure_once(self):
        student = read_student(records_of(story(GRADUATE + "applied a1 2021-01-01")), 1)

        result = [(each.year, each.measure) for each in explain_student(student, policy_of())]

        assert [
            (2021, "applicants"), (2021, "became_students"), (2021, "students_enrolled"),
            (2022, "expected_to_graduate"), (2022, "graduated_as_expected"), (2022, "graduates"),
            (2022, "respondents"), (2022, "placed"), (2022, "placed_in_field"),
        ] == result  # fmt: skip

    def test_an_explanation_that_differs_from_its_figure_is_refused(self, monkeypatch):
        student = read_student(records_of(story("applied a1 2022-03-01")), 1)
        monkeypatch.setattr(explanations, "contributions", lambda _facts, _policy: [])

        with pytest.raises(RuntimeError, match="1 explained, 0 counted"):
            explain_cell(student, policy_of(), Cell(2022, "applicants", "all"))
