"""Commands issued one after another while brokers fail, and what became of each."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.workers import OUTCOMES, PATIENCE, wait_until

__all__ = ["Commands", "Done", "Followers", "run_command"]

READING = (
    ("report", "--year", "2022", "--json"),
    ("verify", "{folder}/report.json"),
    ("tail", "--jsonl"),
    ("doctor",),
    ("topic", "create"),
    ("append", "/dev/null"),
    ("archive", "{folder}/archive"),
    ("live", "--year", "2022", "--json"),
)
_REPORT = READING[0]


class Done(NamedTuple):
    """One command.

    Attributes:
        command: Its arguments.
        started: When, by the monotonic clock.
        ended: When it ended.
        code: Its exit code.
        output: What it wrote to stdout.
        errors: What it wrote to stderr.
    """

    command: tuple[str, ...]
    started: float
    ended: float
    code: int
    output: str
    errors: str

    @property
    def seconds(self):
        """How long it took."""
        return self.ended - self.started


def run_command(command, url):
    """Run one command on a log."""
    started = time.monotonic()
    ended = subprocess.run(
        [OUTCOMES, *command, "--log", url],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        check=False,
    )
    finished = time.monotonic()
    return Done(command, started, finished, ended.returncode, ended.stdout, ended.stderr)


class Commands(threading.Thread):
    """Runs commands, as drawn, until it is asked to finish.

    Attributes:
        done: Every command that has ended, without what it showed.
    """

    def __init__(self, url, chance, folder):
        """Make a report, which is verified again and again, and start.

        Args:
            url: Of the log.
            chance: The source of every choice.
            folder: For the report and an archive.
        """
        super().__init__(daemon=True)
        self.done = []
        self._url = url
        self._chance = random.Random(chance.random())
        self._folder = folder
        self._finished = threading.Event()
        report = run_command(_REPORT, url)
        assert report.code == 0, report.errors
        (folder / "report.json").write_text(report.output, encoding="utf-8")
        self.start()

    def run(self):
        while not self._finished.wait(self._chance.uniform(0, 0.3)):
            command = self._chance.choice(READING)
            named = tuple(part.format(folder=self._folder) for part in command)
            self.done.append(run_command(named, self._url)._replace(output=""))

    def wait_for_progress(self):
        """Wait until the command that runs now has ended."""
        count = len(self.done)
        wait_until(lambda: len(self.done) > count, "the end of a command", PATIENCE * 3)

    def finish(self):
        """Wait for the last command; those that failed."""
        self._finished.set()
        self.join(PATIENCE * 3)
        assert not self.is_alive()
        return [item for item in self.done if item.code]


class Followers:
    """`tail --follow` and `live --watch`, which outlive every fault."""

    def __init__(self, url, folder):
        """Start both.

        Args:
            url: Of the log.
            folder: For what they write.
        """
        following = (("tail", "--follow", "--jsonl"), ("live", "--year", "2022", "--watch"))
        self._folder = Path(tempfile.mkdtemp(prefix="followers-", dir=folder))
        self._processes = {command[0]: self._follow(command, url) for command in following}

    def _follow(self, command, url):
        output, errors = self._output(command[0]), self._output(f"{command[0]}-errors")
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            return subprocess.Popen(
                [OUTCOMES, *command, "--log", url], stdout=stdout, stderr=stderr
            )

    def _output(self, name):
        return self._folder / name

    def wait_for_output(self):
        """Wait until each has shown something."""
        for name in self._processes:
            wait_until(lambda name=name: self._shown(name), f"output of {name}")

    def _shown(self, name):
        assert self._processes[name].poll() is None, self._output(f"{name}-errors").read_text()
        return self._output(name).stat().st_size

    def finish(self, records):
        """Neither has ended, and so many records have been shown, each once; then stop them."""
        tail = self._output("tail")
        for name in self._processes:
            self._shown(name)
        wait_until(lambda: tail.read_bytes().count(b"\n") >= records, f"{records} in {tail}")
        places = [
            (record["partition"], record["offset"])
            for record in map(json.loads, tail.read_text(encoding="utf-8").splitlines())
        ]
        assert records == len(places) == len(set(places))
        self.close()

    def close(self):
        """Leave neither running."""
        for process in self._processes.values():
            process.kill()
            process.wait(PATIENCE)
