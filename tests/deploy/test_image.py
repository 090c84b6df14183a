"""The steps that build the image, done here in a folder instead of by an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.image import IMAGE, ROOT, last_stage

PREFIX = "/opt/outcomes"
DATA = {
    "projections/policies/openclassrooms-2022.json",
    "projections/policies/openclassrooms-2023.json",
    "schemas/ledger.student.enrolled.v1.json",
    "ledger/py.typed",
    "outcomes/serve/templates/live.html",
    "outcomes/presentation/locales/fr/LC_MESSAGES/outcomes.po",
}


def build_steps() -> list[tuple[str, str]]:
    return IMAGE[: len(IMAGE) - len(last_stage(IMAGE))]


def copy(argument: str, folder: Path) -> None:
    *sources, target = argument.split()
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, folder / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, folder / target)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage leaves for the second one."""
    folder = tmp_path_factory.mktemp("build")
    prefix = tmp_path_factory.mktemp("image") / "outcomes"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, argument in build_steps():
        if name == "COPY":
            copy(argument, folder)
        elif name == "RUN":
            done = subprocess.run(
                ["sh", "-e", "-c", argument.replace(PREFIX, str(prefix))],
                cwd=folder,
                env={
                    **os.environ,
                    "PATH": path,
                    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                    # What `make` has installed here, by the same constraints, is not fetched again.
                    "PIP_NO_DEPS": "1",
                    "PIP_NO_BUILD_ISOLATION": "0",
                    "PIP_NO_INDEX": "1",
                },
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert 0 == done.returncode, done.stderr
    (packages,) = (prefix / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return prefix


def required(package: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """The names of all packages that one needs, itself included."""
    names = {canonicalize_name(package)}
    for line in requires(package) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            names |= required(requirement.name, frozenset(requirement.extras))
    return names


def outcomes(prefix: Path, *arguments: str, cwd: Path) -> str:
    environment = {"PATH": f"{prefix}/bin", "TMPDIR": str(cwd)}
    done = subprocess.run(
        ["outcomes", *arguments],
        executable=prefix / "bin" / "outcomes",
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


class TestTheInstalledCommand:
    def test_it_tells_its_version(self, installed: Path, tmp_path: Path) -> None:
        assert outcomes(installed, "--version", cwd=tmp_path).startswith("outcomes 0.")

    def test_it_has_the_five_packages_with_their_data(self, installed: Path) -> None:
        (packages,) = (installed / "lib").glob("python*/site-packages")
        (record,) = packages.glob("outcome_ledger-*.dist-info/RECORD")
        names = {line.partition(",")[0] for line in record.read_text().splitlines()}
        tops = {name.partition("/")[0] for name in names if not name.startswith("..")}
        assert {"outcomes", "processors", "ledger", "projections", "schemas"} == {
            top for top in tops if not top.endswith(".dist-info")
        }
        assert names >= DATA

    def test_it_needs_none_of_the_tests_tools_and_every_version_is_fixed(self) -> None:
        lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        fixed = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
        # The version of pip is that of the image.
        (extras,) = re.findall(r"\[([a-z,]+)\]", dict(last_stage(build_steps()))["RUN"])
        needed = required("outcome-ledger", frozenset(extras.split(",")))
        needed -= {"outcome-ledger", "pip"}
        assert {"aiokafka", "cramjam", "duckdb", "fastapi", "prometheus-client"} <= needed
        assert {"pytest", "hypothesis", "hatchling", "ruff"} & needed == set()
        assert needed <= fixed

    def test_it_works_and_writes_nowhere_but_in_its_folder(
        self, installed: Path, tmp_path: Path
    ) -> None:
        before = files(installed)
        outcomes(installed, "demo", "--students", "30", cwd=tmp_path)
        log = f"sqlite:{tmp_path}/demo/demo-ledger.db"
        outcomes(installed, "worker", "--once", "--log", log, cwd=tmp_path)
        shown = outcomes(installed, "live", "--log", log, "--year", "2022", cwd=tmp_path)

        assert "Impact report 2022" in shown
        assert before == files(installed)
