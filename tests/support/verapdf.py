"""veraPDF, the validator of the PDF Association: Maven downloads it once into `.verapdf/`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from deploy.tools import ToolError, maven_jars, run_tool

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).with_name("verapdf")
# The virtual machine lives for two seconds: it need not optimise.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


def validate(paths: Iterable[Path]) -> list[str]:
    """What veraPDF says of each file; without it a test is skipped, and with `CI=true` it fails."""
    refused = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    if shutil.which("javac") is None:
        refused("no javac for veraPDF; on Debian install default-jdk-headless")
    try:
        jars = maven_jars("veraPDF", FOLDER / "pom.xml", ROOT / ".verapdf")
    except ToolError as error:
        refused(str(error))
    program = [*JAVA, "-cp", f"{jars}/*", str(FOLDER / "Validate.java"), *map(str, paths)]
    return run_tool(*program, tool="veraPDF").splitlines()
