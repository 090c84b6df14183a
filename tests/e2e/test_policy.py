"""`outcomes policy check` and `outcomes policy diff`."""

from __future__ import annotations

import json

import pytest

from tests.e2e.command import fails


@pytest.fixture(scope="module")
def done(warm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies")
    plain = warm.run("policy", "show", folder=folder).json
    files = {
        "mine": {"id": "mine", "outcome_window_anchor": "calendar_year"},
        "wrong": {"id": "wrong", "placement_months": 0, "placement_answer": "best"},
        "namesake": {"placement_months": 9},
    }
    for name, members in files.items():
        (folder / f"{name}.json").write_text(json.dumps(plain | members))
    (folder / "cut.json").write_text(json.dumps(plain)[:-1])
    check, pair = ["policy", "check"], ["policy", "diff", "openclassrooms-2022"]
    cases = {
        "mine": [*check, "mine.json"],
        "mine as json": [*check, "mine.json", "--json"],
        "wrong": [*check, "wrong.json"],
        "wrong as json": [*check, "wrong.json", "--json"],
        "namesake": [*check, "namesake.json"],
        "cut": [*check, "cut.json"],
        "missing": [*check, "missing.json"],
        "built in": [*check, "openclassrooms-2023"],
        "diff": [*pair, "mine.json"],
        "diff as json": [*pair, "openclassrooms-2023", "--json"],
        "no diff": [*pair, "openclassrooms-2022"],
        "diff of what is wrong": [*pair, "wrong.json"],
    }
    return warm.run_all(cases, folder=folder)


class TestCheck:
    def test_a_parameter_without_effect_is_a_warning(self, done):
        lines = done["mine"].text.splitlines()
        assert done["mine"].code == done["built in"].code == 0
        assert lines[0].startswith("warning at /outcome_window_months: no effect, since ")
        assert lines[1].startswith("policy mine version 1 (")
        assert lines[1].endswith("): no fault, 1 warning")
        assert done["built in"].text.endswith(": no fault, 0 warnings\n")
        document = done["mine as json"].json
        assert document["policy"]["id"] == "mine"
        assert [each["pointer"] for each in document["warnings"]] == ["/outcome_window_months"]

    def test_every_fault_is_a_line_with_its_place(self, done):
        assert done["wrong"].text.splitlines() == [
            "fault at /placement_months: at least 1",
            "fault at /placement_answer: 'best' is none of any, latest; did you mean latest?",
        ]
        fails(done["wrong"], 78, "policy wrong.json: 2 faults")
        fails(done["wrong as json"], 78, "2 faults")
        pointers = [each["pointer"] for each in done["wrong as json"].json["faults"]]
        assert pointers == ["/placement_months", "/placement_answer"]
        assert done["wrong as json"].json["policy"] is None

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("namesake", "is built in and has another content"),
            ("cut", "cut.json: 1 fault"),
            ("missing", "neither built in"),
        ],
    )
    def test_what_is_no_policy_is_said_in_one_line(self, done, name, words):
        fails(done[name], 78, words)


class TestDiff:
    def test_each_parameter_that_differs_is_shown_with_what_it_can_move(self, done):
        text = done["diff"].text
        assert (
            'outcome_window_anchor\n  before  "last_counted"\n  after   "calendar_year"\n' in text
        )
        assert "can move career_outcomes, outcomes_repeated" in text
        parameters = done["diff as json"].json["parameters"]
        assert [each["parameter"] for each in parameters] == [
            "graduation_deadline",
            "placement_window",
            "placement_base",
        ]
        assert parameters[2]["measures"] == ["placement_rate", "placement_in_field_rate"]
        assert done["no diff"].text.endswith("\nno parameter differs\n")

    def test_what_is_no_policy_is_refused(self, done):
        fails(done["diff of what is wrong"], 78, "placement_months")
