"""The hosted CI runs what a developer runs, and nothing else."""

from __future__ import annotations

import os
import re
import tomllib

import yaml

from tests.support.repository import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
SCRIPT = ROOT / ".ci" / "run"


def test_the_workflow_sets_up_the_machine_and_calls_the_script():
    steps = WORKFLOW["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]


def test_the_script_can_be_run_and_ends_with_the_target_that_developers_use():
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text(encoding="utf-8").splitlines()[-1] == "make test"


def test_the_oldest_and_the_newest_python_are_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [re.search(r":: (3\.\d+)$", classifier) for classifier in project["classifiers"]]
    versions = [match[1] for match in named if match]
    tested = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == [versions[0], versions[-1]]
    assert project["requires-python"] == f">={versions[0]}"


def test_a_pull_request_is_tested_before_it_is_merged():
    # YAML 1.1 reads the key `on` as a truth value.
    assert "pull_request" in WORKFLOW[True]


def test_the_workflow_may_only_read():
    assert WORKFLOW["permissions"] == {"contents": "read"}
