"""`outcomes.cli.verify`: what is said when the engines do not agree, or the zone data differ."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ledger.replay import replay, sql_engine
from ledger.report import build_report, encode_report
from outcomes.cli.run import run
from projections.zones import zone_data_release
from tests.support.histories import log_of, new_record, policy_of, story


@pytest.fixture
def report(tmp_path):
    """A report of one applicant, and a log."""
    with log_of(tmp_path, [new_record(event) for event in story("applied a1 2022-03-10")]) as log:
        replayed = replay(log, log.end(), [policy_of()])
        made = build_report(replayed, log_name=log.name, policy=policy_of(), year=2022)
    file = tmp_path / "report.json"
    file.write_bytes(encode_report(made))
    return file


@pytest.fixture
def _wrong_engine(monkeypatch):
    right = sql_engine.query_log

    def wrong(*arguments, **options):
        (result,) = right(*arguments, **options)
        for figures in result.figures.values():
            figures.cells[2022, "applicants", "all"] += 1
        return [replace(result, latest_recorded_at=result.latest_recorded_at)]

    monkeypatch.setattr(sql_engine, "query_log", wrong)


@pytest.mark.usefixtures("_wrong_engine")
@pytest.mark.usefixtures("_wrong_engine")
def test_on_an_archive_forged_columns_are_named_as_a_cause(report, capfdbinary):
    sealed = report.parent / "sealed"
    run(["archive", str(sealed), "--log", f"sqlite:{report.parent / 'ledger.db'}"])
    code = run(["verify", str(report), "--log", f"archive:{sealed}"])

    last = capfdbinary.readouterr().out.decode().splitlines()[-1]
    assert 1 == code
    assert "typed columns are forged" in last
    assert f"`outcomes archive {sealed} --refresh`" in last


@pytest.mark.usefixtures("_wrong_engine")
def test_engines_that_disagree_are_told_of_cell_by_cell(report, capfdbinary):
    code = run(["verify", str(report), "--log", f"sqlite:{report.parent / 'ledger.db'}"])

    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert 1 == code
    assert "applicants|all count: the fold says 1, the columnar replay says 2 (+1)" in lines, lines
    assert "the engines disagree: this is a bug in the ledger, please report it" == lines[-1]
    assert "no difference" in lines[-2]


def verify(report, members, capfdbinary):
    """The exit code and the lines of a verification of a report with other members."""
    report.write_text(json.dumps(json.loads(report.read_bytes()) | members))
    code = run(["verify", str(report), "--log", f"sqlite:{report.parent / 'ledger.db'}"])
    return code, capfdbinary.readouterr().out.decode().splitlines()


@pytest.mark.parametrize("members", [{}, {"reference_year": 2021}])
def test_another_release_of_the_zone_data_is_named_before_any_difference(
    report, members, capfdbinary
):
    code, lines = verify(report, members | {"zone_data": "2019.3"}, capfdbinary)

    assert bool(members) == code
    assert "made with zone data 2019.3, replayed with " + zone_data_release() in lines[0]
    assert len(lines) > 1


def test_another_log_s_name_is_said_and_no_difference(report, capfdbinary):
    members = json.loads(report.read_bytes())["log"] | {"name": "elsewhere"}
    code, lines = verify(report, {"log": members}, capfdbinary)

    assert (0, 2) == (code, len(lines))
    assert "made from a log named elsewhere, replayed from student-lifecycle" in lines[0]


def test_a_broken_root_is_no_clean_verdict(report, tmp_path, capfdbinary):
    log = ("--log", f"sqlite:{tmp_path / 'ledger.db'}")
    for name in ("first", "second"):
        run(["key", "new", str(tmp_path / name), "--origin", "o.example"])
    signing = ["checkpoint", str(tmp_path / "evidence"), *log, "--key"]
    assert [0, 0] == [run([*signing, str(tmp_path / name)]) for name in ("first", "second")]
    assert b"1 checkpoint in " in capfdbinary.readouterr().err
    members = json.loads(report.read_bytes())
    members["log"]["roots"] = {"0": "00" * 32}

    code, lines = verify(report, members, capfdbinary)
    assert (0, 2) == (code, len(lines))
    assert "its roots are not checked without --evidence" in lines[0]
    evidence = ("--evidence", str(tmp_path / "evidence"), "--key", str(tmp_path / "first.pub"))
    assert 1 == run(["verify", str(report), *log, *evidence])
    last = capfdbinary.readouterr().out.decode().splitlines()[-1]
    assert "no difference in figures, but what was signed does not hold" in last


def test_a_file_that_cannot_be_read_does_not_keep_others_from_being_verified(report, capfdbinary):
    (report.parent / "odd.json").write_text("{}")
    files = [str(report.parent / name) for name in ("none.json", "report.json", "odd.json")]
    code = run(["verify", *files, "--log", f"sqlite:{report.parent / 'ledger.db'}"])

    captured = capfdbinary.readouterr()
    assert 65 == code
    assert b"report.json: no difference" in captured.out
    assert [b"none.json", b"odd.json"] == [
        name for line in captured.err.splitlines() for name in (b"none.json", b"odd.json")
        if name in line
    ]  # fmt: skip


@pytest.mark.parametrize("release", [zone_data_release(), None, 7])
def test_the_same_release_or_none_is_not_mentioned(report, release, capfdbinary):
    code, lines = verify(report, {"zone_data": release}, capfdbinary)

    assert (0, 1) == (code, len(lines))
    assert "zone data" not in lines[0]


def test_a_report_from_before_zone_data_were_named_is_accepted(report, capfdbinary):
    members = json.loads(report.read_bytes())
    del members["zone_data"]
    report.write_text(json.dumps(members))

    assert 0 == run(["verify", str(report), "--log", f"sqlite:{report.parent / 'ledger.db'}"])
    assert "zone data" not in capfdbinary.readouterr().out.decode()
