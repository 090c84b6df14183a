"""`outcomes disclosure`: profiles looked at, and reports judged under them."""

from __future__ import annotations

import json

import pytest

from tests.e2e.command import fails


@pytest.fixture(scope="module")
def done(warm, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    ours = warm.run("disclosure", "show", "threshold-5", folder=folder).json
    files = {
        "ours": {"id": "ours"},
        "wrong": {"id": "wrong", "ambiguity": 5, "threshold": 3, "rounding": 7},
        "namesake": {"ambiguity": 2},
    }
    for name, members in files.items():
        (folder / f"{name}.json").write_text(json.dumps(ours | members))
    report = json.loads(world.report.read_bytes())
    (folder / "doctored.json").write_text(json.dumps(report | {"reference_year": 2020}))
    (folder / "several.json").write_text(json.dumps([report, report]))
    check = ["disclosure", "check"]
    cases = {
        "list": ["disclosure", "list", "--json"],
        "default": ["disclosure", "show"],
        "ours": [*check, "ours.json", world.report],
        "ours as json": [*check, "ours.json", world.report, "--json"],
        "standard input": ([*check, "round-5", "-"], {"stdin": world.report.read_bytes()}),
        "several": [*check, "exact", "several.json"],
        "wrong": [*check, "wrong.json", world.report],
        "wrong as json": [*check, "wrong.json", world.report, "--json"],
        "namesake": [*check, "namesake.json"],
        "missing": [*check, "missing.json"],
        "doctored": [*check, "ours.json", "doctored.json"],
        "no report": [*check, "ours.json", "ours.json"],
    }
    return warm.run_all(cases, folder=folder)


class TestProfiles:
    def test_the_built_in_ones_are_listed_and_the_default_is_shown(self, done):
        listed = {each["id"]: each["sha256"] for each in done["list"].json}
        assert list(listed) == ["exact", "round-5", "threshold-5"]
        assert done["default"].json["id"] == "round-5"

    def test_every_fault_is_a_line_with_its_place(self, done):
        (line,) = done["wrong"].text.splitlines()
        assert line.startswith("fault at /rounding: at most twice the threshold, 6; else a count")
        fails(done["wrong"], 78, "profile wrong.json: 1 fault")
        fails(done["wrong as json"], 78, "1 fault")
        document = done["wrong as json"].json
        assert document["faults"][0]["pointer"] == "/rounding"
        assert (document["disclosure"], document["reports"]) == (None, [])

    def test_what_is_no_profile_is_said_in_one_line(self, done):
        fails(done["namesake"], 78, "is built in and has another content")
        fails(done["missing"], 78, "neither built in (exact, round-5, threshold-5)")


class TestReports:
    def test_what_is_hidden_is_said_with_what_it_would_give_away(self, done):
        (report,) = done["ours as json"].json["reports"]
        lines = done["ours"].text.splitlines()
        assert lines[0].endswith("): no fault")
        assert f"  {report['protected']} protected counts, " in done["ours"].text
        assert report["hidden"]
        for line, step in zip(lines[-len(report["hidden"]) :], report["hidden"], strict=True):
            for figure in (step, step["protects"]):
                assert f"{figure['measure']}|{figure['group']} {figure['year']}" in line

    def test_standard_input_and_several_reports_are_judged(self, done):
        assert "standard input, reference year 2022" in done["standard input"].text
        assert "; it protects nothing" in done["several"].text
        assert "several.json, report 2 of 2, reference year 2022" in done["several"].text

    def test_a_report_that_the_ledger_did_not_make_is_refused(self, done):
        fails(done["doctored"], 65, "its digest is not that of its figures")
        fails(done["no report"], 65, "ours.json: not a report")
