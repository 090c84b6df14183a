"""`make coverage`: every branch of the words and the rules, and a gate that can close."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

from tests.support.repository import ROOT

COVERAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]


class TestCoverage:
    def test_every_branch_of_both_packages_is_asked_for(self):
        assert COVERAGE["run"] == {"branch": True, "source_pkgs": ["projections", "schemas"]}
        assert 100 == COVERAGE["report"]["fail_under"]

    def test_a_run_that_leaves_branches_out_fails(self, tmp_path):
        command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
        done = subprocess.run(
            (*command, "tests/schemas/test_partition.py", "--cov"),
            cwd=ROOT,
            env={**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert done.returncode == 1, done.stdout
        assert "1 passed" in done.stdout
        assert "Required test coverage of 100.0% not reached" in done.stdout
