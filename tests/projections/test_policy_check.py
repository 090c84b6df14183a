"""`projections.policy_check`: every fault with its place, and every parameter without effect."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.contributions import contributions
from projections.figures import Figures
from projections.measures.catalogue import RATES
from projections.policy import Policy, PolicyError, parse_policy
from projections.policy_check import MEASURES_OF_PARAMETERS, policy_faults, policy_warnings
from schemas.events import FUNDINGS, KINDS
from tests.projections.test_policy import PLAIN, STRANGERS
from tests.support.bytes import anything, json_values
from tests.support.histories import encode, facts, policy_of, story
from tests.support.strategies import YEARS, histories, policies

NAMES = st.sampled_from(sorted(PLAIN))
CHANGED = st.builds(lambda name, value: encode(PLAIN | {name: value}), NAMES, json_values)
FEW = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def is_refused(text):
    try:
        parse_policy(text, "x")
    except PolicyError:
        return True
    return False


class TestFaults:
    @pytest.mark.parametrize(
        ("member", "value"),
        [pytest.param(*row, id=f"{row[0]} {repr(row[1])[:40]}") for row in STRANGERS],
    )
    def test_a_fault_has_its_place_and_says_what_is_allowed(self, member, value):
        faults = policy_faults(encode(PLAIN | {member: value}))
        assert faults
        for pointer, reason in faults:
            assert pointer == f"/{member}" or pointer.startswith(f"/{member}/")
            assert "Input" not in reason
            assert "Value error" not in reason

    @pytest.mark.parametrize(
        ("change", "pointer", "words"),
        [
            ({"placement_statuses": ["employed", "student"]}, "/placement_statuses/1", "studying"),
            ({"expected_date": "last"}, "/expected_date", "first, latest"),
            ({"Zone": 1}, "/Zone", "did you mean zone?"),
            ({"placement_months": 0}, "/placement_months", "at least 1"),
            ({"placement_window": ["01-01", "02-30"]}, "/placement_window/1", "every year has"),
            ({"zone": "Paris"}, "/zone", "such as Europe/Paris"),
            ({"funding_groups": {"a": []}}, "/funding_groups/a", "at least 1"),
            ({"version": 2**53}, "/version", "at most 9,007,199,254,740,991"),
        ],
    )
    def test_the_words_help(self, change, pointer, words):
        (fault,) = policy_faults(encode(PLAIN | change))
        assert fault.pointer == pointer
        assert words in fault.reason

    def test_every_missing_member_is_named(self):
        assert [fault.pointer for fault in policy_faults(b"{}")] == [f"/{name}" for name in PLAIN]

    def test_what_is_no_json_or_has_a_member_twice_is_said(self):
        assert [tuple(fault) for fault in policy_faults(b"{")] == [("", "not JSON")]
        text = encode(PLAIN)[:-1] + b', "id": "y"}'
        assert [fault.pointer for fault in policy_faults(text)] == ["/id"]

    @given(
        anything | st.builds(lambda name, value: encode(PLAIN | {name: value}), NAMES, json_values)
    )
    def test_there_are_faults_exactly_where_a_policy_is_refused(self, text):
        assert bool(policy_faults(text)) == is_refused(text)


def parsed(policy):
    return parse_policy(encode(policy), "of a test")


def lives(history):
    """The facts of each student."""
    subjects = dict.fromkeys(event["subject"] for event in history)
    return [
        facts([event for event in history if event["subject"] == subject]) for subject in subjects
    ]


def figures_of(students, policy):
    figures = Figures()
    for student in students:
        figures.add(contributions(student, policy))
    return figures


def moved(students, before, after):
    """The counts and rates in which two policies differ, of any year."""
    sides = [parsed(before), parsed(after)]
    first, second = (figures_of(students, policy) for policy in sides)
    measures = {
        measure
        for year, measure, group in first.cells.keys() | second.cells.keys()
        if first.count(year, measure, group) != second.count(year, measure, group)
    }
    for rate, year in product(RATES, YEARS):
        pairs = [
            figures.rate(year, rate.name, "all", policy)
            for figures, policy in zip((first, second), sides, strict=True)
        ]
        if pairs[0] != pairs[1]:
            measures.add(rate.name)
    return measures


CONDITIONS = (
    {"outcome_window_anchor": "calendar_year"},
    {"outcome_kinds": []},
    {"outcome_kinds": ["raise"]},
    {"placement_statuses": []},
    {"placement_statuses": ["unknown"]},
    {"placement_statuses": ["employed", "unknown", "seeking"]},
    {"outcome_window_months": 3_602, "orientation_months": 3_602, "placement_months": 3_602},
)


class TestWarnings:
    @FEW
    @given(histories(), policies, policies, st.sampled_from(CONDITIONS))
    def test_a_parameter_that_is_said_to_have_no_effect_has_none(
        self, history, policy, other, condition
    ):
        policy, students = policy | condition, lives(history)
        warnings = list(policy_warnings(parsed(policy)))
        assert warnings
        for pointer, reason in warnings:
            _, name, *index = pointer.split("/")
            if "no effect" in reason and index:
                left = [word for word in policy[name] if word != policy[name][int(index[0])]]
                changed = policy | {name: left}
            elif "no effect" in reason:
                changed = policy | {name: other[name]}
            elif "so far apart" in reason:
                changed = policy | {name: 1_000_000}
            else:
                continue
            assert moved(students, policy, changed) == set()

    @FEW
    @given(histories(), policies)
    def test_where_nobody_is_said_to_be_placed_nobody_is(self, history, policy):
        figures = figures_of(lives(history), parsed(policy | {"placement_statuses": ["unknown"]}))
        assert {measure for _, measure, _ in figures.cells} & {"placed", "placed_in_field"} == set()

    @pytest.mark.parametrize("name", ["openclassrooms-2022", "openclassrooms-2023"])
    def test_there_are_none_for_a_built_in_policy(self, name):
        assert list(policy_warnings(policy_of(name))) == []

    def test_a_status_that_has_no_job_to_date_is_warned_of(self):
        policy = policy_of(placement_statuses=["employed", "studying"])
        (warning,) = policy_warnings(policy)
        assert warning.pointer == "/placement_statuses/1"
        assert "job_found_on" in warning.reason


LIFE = "enrolled e1 2022-02-01 2022-06-30"
ENDED = f"{LIFE}\ngraduated e1 2022-06-01"
RAISE = "outcome 2022-01-01 raise"
SEEKING = "answered 2022-08-01 seeking"
EFFECTS = {
    # A story, what the policy of 2022 has otherwise, and the other value that moves a figure.
    "zone": (f"{RAISE} time=2021-12-31T20:00:00Z", {"outcome_date": "time"}, "Asia/Kolkata"),
    "outcome_window_months": (f"{RAISE}\noutcome 2022-08-01 raise", {}, 6),
    "outcome_window_anchor": (
        f"outcome 2021-03-01 raise\n{RAISE}\noutcome 2022-06-01 raise", {}, "last_declared",
    ),
    "outcome_window_scope": (f"{RAISE}\noutcome 2022-02-01 new_job", {}, "student_and_kind"),
    "outcome_date": (RAISE, {}, "time"),
    "outcome_kinds": (RAISE, {}, list(KINDS[:3])),
    "outcome_must_be_credited": (f"{RAISE} credited=false", {}, False),
    "orientation_months": ("applied a1 2022-01-10\nenrolled e1 2022-09-01 2023-06-30", {}, 6),
    "expected_date": (f"{LIFE}\nrescheduled e1 2022-05-01 2023-01-31", {}, "first"),
    "graduation_deadline": (f"{LIFE}\ngraduated e1 2022-07-15", {}, "expected_date"),
    "excluded_withdrawals": (f"{LIFE}\nwithdrew e1 2022-05-01 left", {}, ["left"]),
    "placement_window": (f"{LIFE}\ngraduated e1 2022-11-30", {}, ["01-01", "06-30"]),
    "placement_months": (f"{ENDED}\nanswered 2023-01-05 employed job_found_on=2023-01-01", {}, 12),
    "placement_base": (ENDED, {}, "graduates"),
    "placement_answer": (
        f"{ENDED}\nanswered 2022-07-01 employed job_found_on=2022-07-01\n{SEEKING}", {}, "latest",
    ),
    "placement_statuses": (f"{ENDED}\n{SEEKING} job_found_on=2022-07-01", {}, ["seeking"]),
    "funding_groups": (LIFE, {}, {"all": list(FUNDINGS)}),
}  # fmt: skip


class TestMeasures:
    def test_each_parameter_has_its_measures_and_a_story_that_it_moves(self):
        names = [
            name for name in Policy.model_fields if name not in ("schema_name", "id", "version")
        ]
        assert list(MEASURES_OF_PARAMETERS) == list(EFFECTS) == names

    @pytest.mark.parametrize("parameter", EFFECTS)
    def test_a_parameter_without_a_warning_moves_what_is_said(self, parameter):
        text, condition, other = EFFECTS[parameter]
        policy = PLAIN | condition
        assert list(policy_warnings(parsed(policy))) == []
        measures = moved(lives(story(text)), policy, policy | {parameter: other})
        assert measures
        assert measures <= set(MEASURES_OF_PARAMETERS[parameter])

    @FEW
    @given(histories(), policies, policies, st.sampled_from(list(MEASURES_OF_PARAMETERS)))
    def test_no_parameter_moves_any_other_measure(self, history, policy, other, parameter):
        measures = moved(lives(history), policy, policy | {parameter: other[parameter]})
        assert measures <= set(MEASURES_OF_PARAMETERS[parameter])
