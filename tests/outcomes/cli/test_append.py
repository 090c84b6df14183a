"""`outcomes validate` and `outcomes append`: what is listed, counted and printed."""

from __future__ import annotations

import json

import pytest

from outcomes.cli.run import run
from tests.e2e.command import event, events


@pytest.fixture
def outcomes(tmp_path, monkeypatch, capfdbinary):
    """Runs a command in the test's folder: exit code, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)

    def do(*words):
        code = run([*words])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode().splitlines()

    return do


@pytest.fixture(autouse=True)
def files(tmp_path):
    (tmp_path / "fine.jsonl").write_bytes(events(3))
    (tmp_path / "faulty.jsonl").write_bytes(events(2) + b"[]\n" * 1_234)
    (tmp_path / "array.json").write_bytes(b"[" + event(1) + b",{}]")
    (tmp_path / "personal.jsonl").write_bytes(event(1, subject="anna.schmidt"))
    (tmp_path / "cells.csv").write_bytes(b"id,type\n1,2\n")


class TestValidate:
    def test_listing_stops_after_a_hundred_faults_and_a_summary_follows(self, outcomes):
        code, out, err = outcomes("validate", "faulty.jsonl")
        assert (65, 100) == (code, len(out.splitlines()))
        assert [
            "1,134 more faults; --max-faults 0 lists all",
            "1,236 lines, 1,234 at fault (envelope_must_be_a_cloud_event 1,234), 0 warnings",
        ] == err

    @pytest.mark.parametrize(("limit", "listed"), [("0", 1_234), ("5", 5)])
    def test_the_limit_can_be_changed(self, limit, listed, outcomes):
        out = outcomes("validate", "--max-faults", limit, "faulty.jsonl")[1]
        assert listed == len(out.splitlines())
        out = outcomes("validate", "--json", "--max-faults", limit, "faulty.jsonl")[1]
        assert listed == len(json.loads(out)["faults"])

    def test_several_files_are_named_and_their_counts_added(self, outcomes):
        code, out, err = outcomes("validate", "fine.jsonl", "array.json", "personal.jsonl")
        first, *_, last = out.decode().splitlines()
        assert 65 == code
        assert first.startswith("array.json, item 2: envelope_must_be_a_cloud_event at /")
        assert last.startswith("personal.jsonl, line 1: subject_must_not_be_a_name at /subject: ")
        faults, warnings = "envelope_must_be_a_cloud_event 1", "subject_must_not_be_a_name 1"
        assert [f"6 events of 3 files, 1 at fault ({faults}), 1 warning ({warnings})"] == err

    def test_json_has_each_file(self, outcomes):
        document = json.loads(outcomes("validate", "--json", "fine.jsonl", "array.json")[1])
        assert 5 == document["lines"]
        assert {"envelope_must_be_a_cloud_event": 1} == document["faults_by_rule"]
        assert [("fine.jsonl", "line", 3, 0), ("array.json", "item", 2, 1)] == [
            tuple(file.values()) for file in document["files"]
        ]
        assert {("array.json", 2)} == {(f["file"], f["item"]) for f in document["faults"]}

    def test_what_is_like_a_name_is_a_warning_and_not_shown(self, outcomes):
        code, out, err = outcomes("validate", "personal.jsonl")
        assert 0 == code
        assert b"anna" not in out
        assert ["1 line, none at fault, 1 warning (subject_must_not_be_a_name 1)"] == err


@pytest.mark.parametrize("command", ["validate", "append"])
def test_another_format_is_one_line(command, outcomes):
    code, out, err = outcomes(command, "fine.jsonl", "cells.csv")
    assert (65, b"", 1) == (code, out, len(err))
    assert err[0].startswith("outcomes: cells.csv: CSV, not JSON lines in UTF-8; convert it: ")


class TestAppend:
    def test_json_is_printed_when_an_append_fails(self, outcomes):
        code, out, err = outcomes("append", "--json", "faulty.jsonl")
        assert 65 == code
        document = json.loads(out)
        assert err[-1] == f"outcomes: {document.pop('error')}"
        assert {
            "acknowledged": 0,
            "skipped": 0,
            "end": None,
            "warnings_by_rule": {},
            "conflicts": 0,
        } == document

    def test_what_looks_like_a_person_is_one_warning_with_counts(self, outcomes):
        code, out, err = outcomes("append", "personal.jsonl", "fine.jsonl")

        assert (0, b"4 records acknowledged; end 0:4\n") == (code, out)
        (warning,) = [line for line in err if "a warning" in line]
        assert "(subject_must_not_be_a_name 1)" in warning
        assert "anna" not in out.decode() + "".join(err)
        document = json.loads(outcomes("append", "--json", "personal.jsonl")[1])
        assert {"subject_must_not_be_a_name": 1} == document["warnings_by_rule"]

    def test_a_conflict_is_said(self, outcomes, tmp_path):
        (tmp_path / "other.jsonl").write_bytes(event(1, time="2023-01-01T00:00:00Z"))
        outcomes("append", "fine.jsonl")
        code, _, err = outcomes("append", "other.jsonl")

        assert 0 == code
        (warning,) = [line for line in err if "a warning" in line]
        assert warning.startswith("a warning: 1 line in conflict with earlier records")

    def test_counts_have_separators(self, outcomes):
        assert "1,234 lines are at fault" in outcomes("append", "faulty.jsonl")[2][-1]

    def test_several_files_are_one_append(self, outcomes):
        code, out, _ = outcomes("append", "fine.jsonl", "array.json", "--skip-invalid")
        assert (0, b"4 records acknowledged, 1 event skipped; end 0:4\n") == (code, out)
