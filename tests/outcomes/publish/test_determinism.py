"""The same report gives the same bytes, whatever the machine is set to.

`OUTCOMES_TEST_PYTHON` names another interpreter, with the extra `report`, that makes them too.
"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.e2e.command import ROOT, run_fresh, shared_warm

SETTINGS = {
    "plain": {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0"},
    "far": {
        "LC_ALL": "fr_FR.UTF-8", "LANG": "fr_FR.UTF-8", "LANGUAGE": "fr", "PYTHONHASHSEED": "42",
        "TZ": "Pacific/Kiritimati", "COLUMNS": "40", "SOURCE_DATE_EPOCH": "1",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of a small school, in a folder that nobody may write to."""
    folder = tmp_path_factory.mktemp("school")
    warm = shared_warm()
    events = warm.run("generate", "--students", "120", "--seed", "7", folder=folder).out
    (folder / "events.jsonl").write_bytes(events)
    assert warm.run("append", "events.jsonl", folder=folder).code == 0
    made = warm.run("report", "--year", "2022", "--json", folder=folder)
    path = folder / "report.json"
    path.write_bytes(made.out)
    path.chmod(0o444)
    return path


def published(report, folder, out, *, python=None, **environment):
    prefix = (python,) if python else ()
    if python:
        environment["PYTHONPATH"] = os.fspath(ROOT)
    words = ("publish", report, "--out", out)
    done = run_fresh(*words, folder=folder, env=environment, prefix=prefix)
    assert done.code == 0, done
    return {
        path.relative_to(folder / out).as_posix(): path.read_bytes()
        for path in (folder / out).rglob("*")
        if path.is_file()
    }


class TestBytes:
    def test_settings_folder_and_time_change_no_byte(self, report, tmp_path):
        plain = published(report, tmp_path, "plain", **SETTINGS["plain"])
        elsewhere = tmp_path / "été 2"
        elsewhere.mkdir()
        python = os.environ.get("OUTCOMES_TEST_PYTHON")
        copy = shutil.copy(report, elsewhere)
        far = published(copy, elsewhere, "autre nom", python=python, **SETTINGS["far"])

        assert plain.keys() == far.keys()
        assert [] == [name for name in plain if plain[name] != far[name]]

        traces = [os.fsencode(tmp_path), os.fsencode(ROOT)]
        assert [] == [name for name, data in plain.items() if any(each in data for each in traces)]

        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "plain").rglob("*")}
        done = shared_warm().run("verify", "plain", folder=tmp_path)
        assert done.code == 0, done
        assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "plain").rglob("*")}
