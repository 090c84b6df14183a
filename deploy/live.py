"""`make live`: the whole story on Kafka with the real commands, ended by itself.

A broker, the topics, two workers, a synthetic school that comes in while they follow, live figures,
and a replay of the same log, which must give the same digest. What it starts it stops, on Ctrl-C
and on a failure too, and its files are thrown away.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from deploy.broker import Broker, NoKafkaError, kafka_jars, kill_with_parent
from deploy.ports import PortLease

OUTCOMES = str(Path(sys.executable).with_name("outcomes"))
YEAR = "2022"
YEARS_KEPT_LIVE = "2021..2023"
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WORKERS = ("worker-1", "worker-2")
_WAIT_SECONDS = 60
_END_SECONDS = 15
_POLL_SECONDS = 0.2


class StoryError(Exception):
    """The story does not come out as it should; the message says where in one line."""


class Story:
    """The commands of one log, as a person types them."""

    def __init__(self, url: str, folder: Path) -> None:
        """Narrate the settings that a person would export.

        Args:
            url: The log.
            folder: Where the workers keep their files.
        """
        self._folder = folder
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        wanted = {"OUTCOMES_LOG": url, "OUTCOMES_LIVE_YEARS": YEARS_KEPT_LIVE}
        for name, value in wanted.items():
            _type(f"export {name}={value}")
        own = {name: value for name, value in os.environ.items() if name[:9] != "OUTCOMES_"}
        self._environment = {**own, **wanted, "OUTCOMES_LOG_LEVEL": "warning"}

    def run(self, *arguments: str) -> bytes:
        """Run a command to its end.

        Returns:
            What it prints.

        Raises:
            StoryError: If it fails.
        """
        _type(shlex.join(["outcomes", *arguments]))
        done = self._ask(*arguments)
        if done.returncode:
            raise StoryError(_last_line(done.stderr) or f"exit code {done.returncode}")
        return done.stdout

    def append_world(self, students: int) -> None:
        """Make up a school and append its events, one command into the other.

        Raises:
            StoryError: If either fails.
        """
        generate = ["generate", "--students", str(students), "--seed", YEAR]
        _type(f"{shlex.join(['outcomes', *generate])} | outcomes append -")
        with subprocess.Popen(
            [OUTCOMES, *generate],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
        ) as generating:
            appended = self._ask("append", "-", stdin=generating.stdout)
        if generating.returncode or appended.returncode:
            raise StoryError(_last_line(appended.stderr) or "outcomes generate failed")
        _show(appended.stdout)

    def start_worker(self, name: str) -> None:
        """Start a worker with a read model of its own, in the background."""
        arguments = ["worker", "--state", f"{name}.db"]
        _type(f"{shlex.join(['outcomes', *arguments])} &")
        with self._output_of(name).open("wb") as output, _held_back():
            self._workers[name] = subprocess.Popen(
                [OUTCOMES, *arguments],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                # Out of reach of the terminal's Ctrl-C: workers are ended in good order, by name.
                start_new_session=True,
                preexec_fn=kill_with_parent,  # noqa: PLW1509 - one system call, no locks
            )

    def wait_until_live(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the live report is as it should be; a minute at most.

        Args:
            what: It is, for a person.
            holds: Whether it is.

        Raises:
            StoryError: If a worker has ended, or the minute has passed.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            for name, process in self._workers.items():
                if process.poll() is not None:
                    why = _last_line(self._output_of(name)) or f"exit code {process.returncode}"
                    raise StoryError(f"{name} has ended: {why}")
            done = self._ask("live", "--year", YEAR, "--json")
            if not done.returncode and holds(json.loads(done.stdout)):
                return
            time.sleep(_POLL_SECONDS)
        raise StoryError(f"after {_WAIT_SECONDS} s: not {what}; {_last_line(done.stderr)}")

    def end_workers(self) -> None:
        """Tell every worker to end, and see that it does so in good order.

        Raises:
            StoryError: If one does not end, or not with exit code 0.
        """
        _type(f"kill -TERM {' '.join(str(worker.pid) for worker in self._workers.values())}")
        for process in self._workers.values():
            process.terminate()
        for name, process in self._workers.items():
            try:
                code = process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise StoryError(f"{name} has not ended after {_END_SECONDS} s") from error
            if code:
                raise StoryError(f"{name}: exit code {code}: {_last_line(self._output_of(name))}")
            _show(f"{name}: exit code 0".encode())

    def clean_up(self) -> None:
        """Leave no worker running, whatever has happened."""
        for process in self._workers.values():
            process.kill()
            process.wait()

    def _output_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _ask(self, *arguments: str, stdin: Any = None) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401 - a pipe
        return subprocess.run(
            [OUTCOMES, *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def tell(story: Story, students: int) -> None:
    """The story, from the topics to the workers' end.

    Raises:
        StoryError: At the first thing that is not as it should be.
    """
    _say("The topics: the ledger's, and beside it the workers' figures and the dead letters")
    _show(story.run("topic", "create"))
    _say("Two workers, which share the partitions; each keeps a read model of its own")
    for name in WORKERS:
        story.start_worker(name)
    story.wait_until_live("two workers at work", _is_shared)
    _say(f"A synthetic school of {students:,} students comes in while they follow")
    story.append_world(students)
    story.wait_until_live("caught up with the log", _is_caught_up)
    _say("The live figures, added up from what the workers publish")
    _show(story.run("live", "--year", YEAR))
    _say("The same figures by a replay of the whole log, and the digests compared")
    live = json.loads(story.run("live", "--year", YEAR, "--json"))
    replayed = json.loads(story.run("report", "--year", YEAR, "--json"))
    _show(f"live      {live['digest']}\nreplayed  {replayed['digest']}".encode())
    if live["digest"] != replayed["digest"]:
        raise StoryError("the live figures and the replay DIFFER; please report it")
    _show(b"The same.")
    _say("The workers end in good order")
    story.end_workers()


def main() -> int:
    """Tell the story.

    Returns:
        0; 1 when it does not come out as it should, 130 when interrupted.
    """
    reader = argparse.ArgumentParser(prog="make live", description="The whole story on Kafka.")
    reader.add_argument("--kafka", metavar="HOST:PORT", help="a broker that is there already")
    reader.add_argument("--topic", default="student-lifecycle", help="of the log")
    reader.add_argument("--students", type=int, default=2_000, help="of the synthetic school")
    wanted = reader.parse_args()
    for name in INTERRUPTS:
        signal.signal(name, signal.default_int_handler)
    try:
        # What was started last is ended first.
        with ExitStack() as ending:
            folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="make-live-")))
            bootstrap = wanted.kafka or _start_broker(folder, ending)
            story = Story(f"kafka://{bootstrap}/{wanted.topic}", folder)
            ending.callback(story.clean_up)
            tell(story, wanted.students)
    except (NoKafkaError, StoryError) as error:
        print(f"make live: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake live: interrupted; all that was started is stopped", file=sys.stderr)
        return 130
    _say("All of it is stopped again, and its files are gone")
    return 0


def _start_broker(folder: Path, ending: ExitStack) -> str:
    _say("Apache Kafka, one broker (to keep one for yourself: make kafka)")
    jars = kafka_jars()
    lease = PortLease(2)
    ending.callback(lease.release)
    port, controller = lease.ports
    broker = Broker(folder, jars, port=port, controller=controller)
    ending.callback(broker.stop)
    broker.start()
    _show(f"{broker.bootstrap} answers".encode())
    return broker.bootstrap


@contextmanager
def _held_back() -> Iterator[None]:
    """Let no Ctrl-C come between a child's start and the note that is made of it."""
    come: list[int] = []
    before = {name: signal.signal(name, lambda got, _: come.append(got)) for name in INTERRUPTS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    if come:
        raise KeyboardInterrupt


def _is_shared(live: dict[str, Any]) -> bool:
    owners = {partition["owner"] for partition in live["live"]["partitions"]}
    return len(owners) == len(WORKERS) and None not in owners


def _is_caught_up(live: dict[str, Any]) -> bool:
    return all(partition["records"] == 0 for partition in live["live"]["partitions"])


def _last_line(output: bytes | Path) -> str:
    text = output.read_bytes() if isinstance(output, Path) else output
    return (text.decode(errors="replace").strip().splitlines() or [""])[-1]


def _say(line: str) -> None:
    print(f"\n# {line}", flush=True)


def _type(command: str) -> None:
    print(f"$ {command}", flush=True)


def _show(printed: bytes) -> None:
    print(printed.decode().rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
