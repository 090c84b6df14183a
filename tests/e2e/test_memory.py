from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.command import OUTCOMES, SECONDS_MAX, environment, event

COMMANDS = [("validate",), ("append",)]
MIB = 1_048_576
RSS_MAX = 200 * MIB
# Measured by a small process: a child starts out with the peak of the process that starts it.
PROBE = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]))
"""


def peak(*words, folder):
    """A command's exit code and the most memory that it had."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, OUTCOMES, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=SECONDS_MAX,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def peaks(tmp_path_factory):
    """Exit code and peak of each command on each file, two measured at a time."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "line").write_bytes(b'"' + b"x" * 10_000_000 + b'"\n' + event(1) + b"\n")
    head, *rest = event(123456789).decode().split("123456789")
    with (folder / "lines").open("w") as stream:
        for number in range(200_000):
            stream.write(f"{head}{number}{str(number).join(rest)}\n")
    line = event(1, remark="x" * 60_000) + b"\n"
    with (folder / "events").open("wb") as stream:
        for _ in range(4_000):
            stream.write(line)
        stream.write(b"{\n")
    cases = [(*words, file) for file in ("lines", "events", "line") for words in COMMANDS]
    cases.append(("append", "--records", "line"))

    def peak_of(case):
        own = ("--log", f"sqlite:{case[-1]}-{len(case)}.db") if case[0] == "append" else ()
        return peak(*case, *own, folder=folder)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(cases, pool.map(peak_of, cases), strict=True))


@pytest.mark.parametrize("words", [*COMMANDS, ("append", "--records")], ids=" ".join)
def test_a_line_of_10_mb_is_refused_in_little_memory(words, peaks):
    code, rss = peaks[*words, "line"]
    assert 65 == code
    assert rss < RSS_MAX


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_file_of_200_000_lines_takes_little_memory(words, peaks):
    code, rss = peaks[*words, "lines"]
    assert 0 == code
    assert rss < RSS_MAX


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_events_of_the_greatest_size_are_not_all_held_at_once(words, peaks):
    code, rss = peaks[*words, "events"]
    assert 65 == code
    assert rss < RSS_MAX
