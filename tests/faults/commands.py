"""Commands issued one after another while brokers fail, and what became of each."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import NamedTuple

from tests.support.workers import OUTCOMES, PATIENCE

__all__ = ["Commands", "Done", "Followers"]

READING = (
    ("report", "--year", "2022", "--json"),
    ("tail", "--jsonl"),
    ("doctor",),
    ("topic", "create"),
    ("append", "/dev/null"),
    ("live", "--year", "2022", "--json"),
)


class Done(NamedTuple):
    """One command.

    Attributes:
        command: Its arguments.
        started: When, by the monotonic clock.
        ended: When it ended.
        code: Its exit code.
        errors: What it wrote to stderr.
    """

    command: tuple[str, ...]
    started: float
    ended: float
    code: int
    errors: str


class Commands(threading.Thread):
    """Runs commands, as drawn, until it is asked to finish.

    Attributes:
        done: Every command that has ended.
    """

    def __init__(self, url, chance, commands=READING):
        super().__init__(daemon=True)
        self.done = []
        self._url = url
        self._chance = chance
        self._commands = commands
        self._finished = threading.Event()
        self.start()

    def run(self):
        while not self._finished.wait(self._chance.uniform(0, 0.5)):
            self.issue(self._chance.choice(self._commands))

    def issue(self, command):
        """Run one command now."""
        started = time.monotonic()
        ended = subprocess.run(
            [OUTCOMES, *command, "--log", self._url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE * 3,
            check=False,
        )
        done = Done(command, started, time.monotonic(), ended.returncode, ended.stderr)
        self.done.append(done)
        return done

    def finish(self):
        """Wait for the last command; those that failed."""
        self._finished.set()
        self.join(PATIENCE * 3)
        assert not self.is_alive()
        return [item for item in self.done if item.code]


class Followers:
    """Commands that never end: they outlive every fault."""

    def __init__(self, url):
        following = (("tail", "--follow"), ("live", "--year", "2022", "--watch"))
        self._processes = [
            subprocess.Popen(
                [OUTCOMES, *command, "--log", url],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for command in following
        ]

    def finish(self):
        """Stop them; their errors if one had ended already."""
        processes, self._processes = self._processes, []
        ended = [process for process in processes if process.poll() is not None]
        for process in processes:
            process.kill()
        errors = [process.communicate(timeout=PATIENCE)[1] for process in processes]
        return errors if ended else []
