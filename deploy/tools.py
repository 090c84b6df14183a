"""Programs of others: run with a bound, and jars that Maven downloads once."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["ToolError", "maven_jars", "run_tool"]

_DOWNLOAD_SECONDS = 600


class ToolError(Exception):
    """A program is missing or failed; the message says why in one line."""


def run_tool(*command: str, tool: str, seconds: float = 60) -> str:
    """Run a program to its end; what it prints.

    Args:
        command: Its words.
        tool: What a message calls it.
        seconds: How long it may take.

    Raises:
        ToolError: If it cannot be run, takes longer, or says that it failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except OSError as error:
        raise ToolError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{tool}: still running after {seconds:.0f} s") from error
    if done.returncode:
        raise ToolError(f"{tool}: {' '.join((done.stdout + done.stderr).split())[:300]}")
    return done.stdout


def maven_jars(
    name: str, recipe: Path, cache: Path, before_download: Callable[[], None] = lambda: None
) -> Path:
    """The folder of the jars that a recipe asks for, downloaded by Maven if missing.

    Args:
        name: What a message calls them.
        recipe: A `pom.xml`.
        cache: Where they are kept; they are downloaded again when the recipe changes.
        before_download: Called when there is something to download, and what does it.

    Raises:
        ToolError: If Java or Maven is missing, or Maven cannot download.
    """
    if shutil.which("java") is None:
        raise ToolError("no java; install a Java 17 runtime")
    cache.mkdir(parents=True, exist_ok=True)
    # Two test processes of a new checkout ask at the same moment.
    with (cache / "download.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = cache / "pom.xml"
        if not (stamp.exists() and stamp.read_bytes() == recipe.read_bytes()):
            _download(name, recipe, cache, before_download)
            shutil.copy(recipe, stamp)
    return cache / "libs"


def _download(name: str, recipe: Path, cache: Path, before_download: Callable[[], None]) -> None:
    libs = cache / "libs"
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolError(f"{name} is missing and so is mvn to download it; install maven")
    before_download()
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as folder:
        fresh = Path(folder) / "libs"
        command = [maven, "-B", "-q", "-f", str(recipe), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        run_tool(*command, tool=f"Maven cannot download {name}", seconds=_DOWNLOAD_SECONDS)
        shutil.rmtree(libs, ignore_errors=True)
        fresh.rename(libs)
