"""The Nu HTML checker of the W3C: npm downloads it once into `.vnu/`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PACKAGE = "vnu-jar@26.9.27"
FOLDER = ROOT / ".vnu"
JAR = FOLDER / PACKAGE / "package" / "build" / "dist" / "vnu.jar"
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xss16m", "-jar")
# It computes no hash of a style and takes an address of `data:` for another site's; the test in
# Chromium sees whether the policy blocks anything.
NOT_ITS_MATTER = ".*Content Security Policy.*"


def findings(paths):
    """What the checker says of pages, a line each; without it a test is skipped, in CI it fails."""
    refused = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    for program in ("java", "npm"):
        if shutil.which(program) is None:
            refused(f"no {program} for the Nu HTML checker")
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "download.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not JAR.exists():
            _download(refused)
    command = [*JAVA, str(JAR), "--format", "gnu", "--filterpattern", NOT_ITS_MATTER]
    done = subprocess.run(
        [*command, *map(str, paths)], capture_output=True, text=True, timeout=120, check=False
    )
    return (done.stdout + done.stderr).splitlines()


def _download(refused):
    pack = ["npm", "pack", PACKAGE, "--silent"]
    done = subprocess.run(
        pack, capture_output=True, text=True, cwd=FOLDER, timeout=300, check=False
    )
    if done.returncode:
        refused(f"npm cannot download {PACKAGE}: {done.stderr.strip()[:200]}")
    archive = FOLDER / Path(done.stdout.strip()).name
    with tarfile.open(archive) as packed:
        packed.extractall(FOLDER / PACKAGE, filter="data")
    archive.unlink()
