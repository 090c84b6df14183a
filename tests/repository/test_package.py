"""What is published is whole: either package, installed alone, does what the README says."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.e2e.command import environment
from tests.repository.test_guards import PACKAGES
from tests.support.repository import ROOT

SECONDS_MAX = 120


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INDEX="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, target: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, folder=source)
    (package,) = target.iterdir()
    return package


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory) -> Path:
    """Built from the sdist, as a package index does."""
    return build("wheel", unpacked, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=["sdist", "wheel"])
def installed(request, tmp_path_factory) -> Path:
    """The programs of a fresh environment with the package, and the dependencies of this one."""
    prefix = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", prefix, folder=prefix)
    python = prefix / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", code, folder=prefix).strip())
    # A folder that a .pth file names is searched, but its own .pth files are not read: the
    # dependencies are there, the checkout is not.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps")
    package = request.getfixturevalue(request.param)
    run(*pip, "--no-build-isolation", "--ignore-installed", package, folder=prefix)
    return prefix / "bin"


def files_of(package: str, folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


class TestContent:
    @pytest.mark.parametrize("package", [*PACKAGES, "tests", "verifier", "docs", "deploy"])
    def test_the_sdist_has_every_file_of_a_package(self, package, unpacked):
        assert files_of(package, unpacked) == files_of(package, ROOT)

    def test_the_wheel_has_every_file_of_every_package_and_nothing_else(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == set().union(*(files_of(package, ROOT) for package in PACKAGES))


class TestInstalled:
    def test_every_package_comes_from_the_environment(self, installed, tmp_path):
        code = (
            f"import {', '.join(PACKAGES)}; print({', '.join(f'{p}.__file__' for p in PACKAGES)})"
        )
        result = run(installed / "python", "-c", code, folder=tmp_path).split()
        assert all(Path(path).is_relative_to(installed.parent) for path in result), result

    def test_it_reports_follows_a_log_and_shows_live_figures(self, installed, tmp_path):
        def outcomes(*words: str) -> str:
            return run(installed / "outcomes", *words, folder=tmp_path)

        events = outcomes("generate", "--students", "20", "--seed", "7")
        (tmp_path / "events.jsonl").write_text(events, encoding="utf-8")
        outcomes("append", "events.jsonl")
        report = json.loads(outcomes("report", "--year", "2022", "--engine", "columnar", "--json"))
        outcomes("worker", "--once")
        live = json.loads(outcomes("live", "--year", "2022", "--json"))
        assert report["log"]["records"] > 20
        assert live["digest"] == report["digest"]

    def test_the_package_is_a_command_of_python_too(self, installed, tmp_path):
        run(installed / "python", "-m", "outcomes", "--version", folder=tmp_path)
