"""`make live`: live figures on Kafka, demonstrated with the real commands.

A broker, the topics, two workers, a synthetic school whose events arrive while they follow, live
figures, and a replay of the same log, which must give the same digest. Everything it starts is
stopped, also after Ctrl-C or a failure, and its files are deleted.
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
    """A step has failed; the message says which in one line."""


class Story:
    """The commands on one log, as a person types them."""

    def __init__(self, url: str, folder: Path) -> None:
        """Print the settings that a person would export.

        Args:
            url: The log.
            folder: Where the workers keep their files.
        """
        self._folder = folder
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        wanted = {"OUTCOMES_LOG": url, "OUTCOMES_LIVE_YEARS": YEARS_KEPT_LIVE}
        for name, value in wanted.items():
            _print_command(f"export {name}={value}")
        own = {name: value for name, value in os.environ.items() if name[:9] != "OUTCOMES_"}
        self._environment = {**own, **wanted, "OUTCOMES_LOG_LEVEL": "warning"}

    def run(self, *arguments: str) -> bytes:
        """Run a command to its end.

        Returns:
            What it prints.

        Raises:
            StoryError: If it fails.
        """
        _print_command(shlex.join(["outcomes", *arguments]))
        done = self._run(*arguments)
        if done.returncode:
            raise StoryError(_last_line(done.stderr) or f"exit code {done.returncode}")
        return done.stdout

    def append_world(self, students: int) -> None:
        """Generate a school and append its events, one command into the other.

        Raises:
            StoryError: If either fails.
        """
        generate = ["generate", "--students", str(students), "--seed", YEAR]
        _print_command(f"{shlex.join(['outcomes', *generate])} | outcomes append -")
        with subprocess.Popen(
            [OUTCOMES, *generate],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
        ) as generating:
            appended = self._run("append", "-", stdin=generating.stdout)
        if generating.returncode or appended.returncode:
            raise StoryError(_last_line(appended.stderr) or "outcomes generate failed")
        _print_output(appended.stdout)

    def start_worker(self, name: str) -> None:
        """Start a worker with a read model of its own, in the background."""
        arguments = ["worker", "--state", f"{name}.db"]
        _print_command(f"{shlex.join(['outcomes', *arguments])} &")
        with self._output_of(name).open("wb") as output, _deferred_interrupts():
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
            done = self._run("live", "--year", YEAR, "--json")
            if not done.returncode and holds(json.loads(done.stdout)):
                return
            time.sleep(_POLL_SECONDS)
        raise StoryError(f"after {_WAIT_SECONDS} s: not {what}; {_last_line(done.stderr)}")

    def end_workers(self) -> None:
        """Tell every worker to end, and see that it does so in good order.

        Raises:
            StoryError: If one does not end, or not with exit code 0.
        """
        _print_command(
            f"kill -TERM {' '.join(str(worker.pid) for worker in self._workers.values())}"
        )
        for process in self._workers.values():
            process.terminate()
        for name, process in self._workers.items():
            try:
                code = process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise StoryError(f"{name} has not ended after {_END_SECONDS} s") from error
            if code:
                raise StoryError(f"{name}: exit code {code}: {_last_line(self._output_of(name))}")
            _print_output(f"{name}: exit code 0".encode())

    def clean_up(self) -> None:
        """Kill every worker that still runs."""
        for process in self._workers.values():
            process.kill()
            process.wait()

    def _output_of(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _run(self, *arguments: str, stdin: Any = None) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401 - a pipe
        return subprocess.run(
            [OUTCOMES, *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def run_story(story: Story, students: int) -> None:
    """Every step, from the topics to the end of the workers.

    Raises:
        StoryError: At the first step that fails.
    """
    _print_heading("The topics: the log, and beside it the workers' figures and the dead letters")
    _print_output(story.run("topic", "create"))
    _print_heading("Two workers, which share the partitions; each has a read model of its own")
    for name in WORKERS:
        story.start_worker(name)
    story.wait_until_live("two workers at work", _is_shared)
    _print_heading(
        f"Events of a synthetic school of {students:,} students arrive while they follow"
    )
    story.append_world(students)
    story.wait_until_live("caught up with the log", _is_caught_up)
    _print_heading("The live figures, the sum of what the workers publish")
    _print_output(story.run("live", "--year", YEAR))
    _print_heading("The same figures by a replay of the whole log; the digests are compared")
    live = json.loads(story.run("live", "--year", YEAR, "--json"))
    replayed = json.loads(story.run("report", "--year", YEAR, "--json"))
    _print_output(f"live      {live['digest']}\nreplayed  {replayed['digest']}".encode())
    if live["digest"] != replayed["digest"]:
        raise StoryError("the live figures and the replay DIFFER; please report it")
    _print_output(b"The same.")
    _print_heading("The workers are stopped")
    story.end_workers()


def main() -> int:
    """Run the demonstration.

    Returns:
        0; 1 if a step fails, 130 if interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="make live", description="Live figures on Kafka, demonstrated."
    )
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a broker that runs already")
    parser.add_argument("--topic", default="student-lifecycle", help="of the log")
    parser.add_argument("--students", type=int, default=2_000, help="of the synthetic school")
    options = parser.parse_args()
    for name in INTERRUPTS:
        signal.signal(name, signal.default_int_handler)
    try:
        # What was started last is stopped first.
        with ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="make-live-")))
            bootstrap = options.kafka or _start_broker(folder, resources)
            story = Story(f"kafka://{bootstrap}/{options.topic}", folder)
            resources.callback(story.clean_up)
            run_story(story, options.students)
    except (NoKafkaError, StoryError) as error:
        print(f"make live: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake live: interrupted; all that was started is stopped", file=sys.stderr)
        return 130
    _print_heading("Everything is stopped, and its files are deleted")
    return 0


def _start_broker(folder: Path, resources: ExitStack) -> str:
    _print_heading("Apache Kafka, one broker (`make kafka` runs one that stays)")
    jars = kafka_jars()
    lease = PortLease(2)
    resources.callback(lease.release)
    port, controller = lease.ports
    broker = Broker(folder, jars, port=port, controller=controller)
    resources.callback(broker.stop)
    broker.start()
    _print_output(f"{broker.bootstrap} answers".encode())
    return broker.bootstrap


@contextmanager
def _deferred_interrupts() -> Iterator[None]:
    """Let no Ctrl-C arrive between a child's start and its registration."""
    received: list[int] = []
    before = {
        name: signal.signal(name, lambda number, _: received.append(number)) for name in INTERRUPTS
    }
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    if received:
        raise KeyboardInterrupt


def _is_shared(live: dict[str, Any]) -> bool:
    owners = {partition["owner"] for partition in live["live"]["partitions"]}
    return len(owners) == len(WORKERS) and None not in owners


def _is_caught_up(live: dict[str, Any]) -> bool:
    return all(partition["records"] == 0 for partition in live["live"]["partitions"])


def _last_line(output: bytes | Path) -> str:
    text = output.read_bytes() if isinstance(output, Path) else output
    return (text.decode(errors="replace").strip().splitlines() or [""])[-1]


def _print_heading(line: str) -> None:
    print(f"\n# {line}", flush=True)


def _print_command(command: str) -> None:
    print(f"$ {command}", flush=True)


def _print_output(output: bytes) -> None:
    print(output.decode().rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
