"""What a publication costs on one core: from a report's file, and from an archive of a large log.

Each command runs in a process of its own, from the start of Python to its end. See README.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

OUTCOMES = Path(sys.executable).with_name("outcomes")
WANTED = {"publish a report": 4.0, "publish of an archive": 10.0}


class Cost(NamedTuple):
    """Of a command.

    Attributes:
        clock: Seconds by the clock.
        cpu: Seconds of CPU.
    """

    clock: float
    cpu: float


def run(folder: Path, *words: str) -> bytes:
    """Run a command, which has to succeed."""
    return subprocess.run(  # noqa: S603 - the program is the one beside Python
        [OUTCOMES, *words], cwd=folder, check=True, stdout=subprocess.PIPE
    ).stdout


def cost(folder: Path, *words: str) -> Cost:
    """What a command costs."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    run(folder, *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(perf_counter() - start, used)


def make_archive(folder: Path, students: int) -> Path:
    """Make a log and its archive."""
    words = ("generate", "--students", str(students), "--seed", "2022", "--records")
    (folder / "records.jsonl").write_bytes(run(folder, *words))
    run(folder, "append", "--records", "records.jsonl", "--log", "sqlite:log.db?partitions=4")
    run(folder, "archive", "sealed", "--log", "sqlite:log.db")
    return folder / "sealed"


def main() -> None:
    """Measure, print, and say where less was wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200_000)
    parser.add_argument("--archive", type=Path, help="an archive that there is, only read")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with TemporaryDirectory(prefix="outcomes-bench-") as name:
        folder = Path(name)
        sealed = options.archive or make_archive(folder, options.students)
        archive = ("--log", f"archive:{sealed.resolve()}")
        report = run(folder, "report", "--year", "2022", "--json", *archive)
        (folder / "report.json").write_bytes(report)
        for step, words in {
            "publish a report": ("publish", "report.json", "--out"),
            "publish of an archive": ("publish", "--year", "2022", *archive, "--out"),
        }.items():
            costs = [
                cost(folder, *words, f"{step.replace(' ', '-')}-{number}")
                for number in range(options.runs)
            ]
            show(step, costs)
        show("verify without a log", [cost(folder, "verify", "publish-a-report-0")])
        show("verify with the archive", [cost(folder, "verify", "publish-a-report-0", *archive)])


def show(step: str, costs: list[Cost]) -> None:
    """Print a row."""
    cpu, clock = (median(values) for values in zip(*((c.cpu, c.clock) for c in costs), strict=True))
    wanted = WANTED.get(step)
    verdict = "" if wanted is None else f", wanted {wanted:.0f}: {'yes' if cpu <= wanted else 'NO'}"
    print(f"{step:26} {cpu:6.2f} CPU s, {clock:6.2f} s by the clock{verdict}")


if __name__ == "__main__":
    main()
