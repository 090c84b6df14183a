"""Several processes under one command: stopped together, and none outlives the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.support.repository import ROOT
from tests.support.workers import PATIENCE, wait_until

# Three processes that say who they are, and then wait for a signal, as workers do.
SCRIPT = """
import os, signal, sys, threading
from ledger.errors import LedgerError, StoreError
from processors.kafka import processes

if sys.argv[1] == "pipe":
    processes._ask_to_die_with_parent = lambda: False
processes.STOP_SECONDS = 3600

def work():
    codes = {signal.SIGTERM: 0, signal.SIGINT: 130}
    if sys.argv[1] == "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"no\\n"))
        os.write(1, b"%d\\n" % os.getpid())
        threading.Event().wait()
    # A handler that sets an Event can wait for ever for the lock of the wait that it interrupts.
    signal.pthread_sigmask(signal.SIG_BLOCK, codes)
    os.write(1, b"%d\\n" % os.getpid())
    return codes[signal.sigwait(codes)]

def failing():
    os.write(1, b"%d\\n" % os.getpid())
    if sys.stdin.readline():
        raise StoreError("the reason")
    return work()

try:
    code = processes.run_in_processes(3, failing if sys.argv[1] == "failing" else work)
except LedgerError as error:
    print(error, file=sys.stderr, flush=True)
    code = error.exit_code
os._exit(code)
"""


class Command:
    """The script, with the ids of its processes."""

    def __init__(self, mode):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, mode],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children = [int(self.process.stdout.readline()) for _ in range(3)]

    def ended(self):
        """Its exit code and what it printed as trouble, once nobody is left."""
        code = self.process.wait(PATIENCE)
        wait_until(lambda: not any(map(is_alive, self.children)), "the end of all processes")
        lines = [line for line in self.process.stderr.read().splitlines() if "info" not in line]
        return code, lines


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def start():
    """Starts the script; nothing of it is left in the end."""
    commands = []

    def start(mode="plain"):
        commands.append(Command(mode))
        return commands[-1]

    yield start
    for command in commands:
        for pid in (command.process.pid, *command.children):
            if command.process.poll() is None or is_alive(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        command.process.communicate()


class TestStop:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    def test_one_signal_stops_all_of_them(self, number, code, start):
        command = start()
        command.process.send_signal(number)

        assert (code, []) == command.ended()

    def test_whoever_does_not_stop_is_killed_at_the_second_signal(self, start):
        command = start("stubborn")
        command.process.terminate()
        assert ["no\n"] * 3 == [command.process.stdout.readline() for _ in range(3)]
        command.process.terminate()

        assert (0, []) == command.ended()

    def test_ctrl_c_is_heard_once(self, start):
        """A terminal sends it to a whole process group; the processes are in none of the parent."""
        command = start()

        assert os.getpgid(command.process.pid) not in map(os.getpgid, command.children)
        command.process.terminate()
        command.ended()


class TestEnd:
    @pytest.mark.parametrize("way", ["plain", "pipe"])
    def test_no_process_outlives_a_parent_that_is_killed(self, way, start):
        command = start(way)
        command.process.kill()

        assert -signal.SIGKILL == command.ended()[0]

    def test_one_that_fails_takes_the_others_down_with_its_reason(self, start):
        command = start("failing")
        command.process.stdin.write("fail\n")
        command.process.stdin.flush()

        assert (69, ["the reason"]) == command.ended()

    def test_one_that_is_killed_takes_the_others_down_and_is_named(self, start):
        command = start()
        os.kill(command.children[0], signal.SIGKILL)
        code, (line,) = command.ended()

        assert 69 == code
        assert line.startswith("worker ")
        assert "of 3 was killed by SIGKILL, so the others were stopped too" in line
