"""Several workers under one command: one signal handling, one exit code, and no worker left behind.

Each is a fork of the command, with its own consumer and read model; Kafka shares the partitions
among them. One that ends takes the command down, so that whoever supervises it starts all again.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from ledger.diagnostics import logger
from ledger.errors import StoreError

__all__ = ["run_in_processes"]

STOP_SECONDS = 10
"""How long workers may take to end before they are killed; each takes two at most."""

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_in_processes(
    count: int, work: Callable[[], int], started: Callable[[], None] = lambda: None
) -> int:
    """Run some work in several processes until they are stopped, or one of them ends.

    Call it before threads are started. In each process it returns what the work returns there, or
    raises what it raises; so a worker that cannot go on says why, as if it were the only one.

    Args:
        count: At least one.
        work: Its exit code is that of its process.
        started: Called in the parent when they run; it may start threads.

    Returns:
        In the parent the exit code of all: 0 after SIGTERM, 130 after Ctrl-C, else that of the
        process that ended first.

    Raises:
        StoreError: In the parent, if a process ended without a reason of its own.
    """
    fleet = _Fleet(count)
    # A signal that comes too early waits until every process can hear of it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        is_parent = fleet.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if not is_parent:
        return work()
    started()
    return fleet.supervise()


class _Fleet:
    """The processes, seen from their parent."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._numbers: dict[int, int] = {}
        self._received: int | None = None
        self._reading, self._writing = os.pipe()
        self._handlers = {number: signal.signal(number, self._stop) for number in _SIGNALS}

    def start(self) -> bool:
        """Start the processes; False in each of them."""
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        for number in range(1, self._count + 1):
            child = os.fork()
            if not child:
                self._become_child(parent)
                return False
            self._numbers[child] = number
        os.close(self._reading)
        return True

    def _become_child(self, parent: int) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        # Ctrl-C reaches the whole foreground group: the parent alone passes it on.
        os.setpgid(0, 0)
        os.close(self._writing)
        if not _ask_to_die_with_parent():
            threading.Thread(target=self._die_with_parent, daemon=True).start()
        if os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)

    def _die_with_parent(self) -> NoReturn:
        """End when the other end of the pipe is closed, which the system does for a parent."""
        os.read(self._reading, 1)
        os._exit(128 + signal.SIGKILL)

    def supervise(self) -> int:
        """Wait for the processes, and stop all when one ends; the exit code."""
        logger().info("workers.started", pids=list(self._numbers))
        try:
            first, status = self._wait()
            stopped_by = self._received
            if stopped_by is None:
                self._stop(signal.SIGTERM)
            while self._numbers:
                self._wait()
        finally:
            signal.alarm(0)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            os.close(self._writing)
        if stopped_by is not None:
            return 130 if stopped_by == signal.SIGINT else 0
        return self._reason(first, status)

    def _wait(self) -> tuple[int, int]:
        """The number and the exit code of the next process that ends."""
        child = 0
        while child not in self._numbers:
            # The first process of a container is given the orphans of others.
            child, status = os.waitpid(-1, 0)
        return self._numbers.pop(child), os.waitstatus_to_exitcode(status)

    def _stop(self, number: int, _: FrameType | None = None) -> None:
        """Pass a signal on; whoever is still there later, or at the second one, is killed."""
        is_first = self._received is None
        if is_first:
            # At once: a second signal may come while the first is passed on.
            self._received = number
        for child in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(child, number if is_first else signal.SIGKILL)
        if is_first:
            signal.signal(signal.SIGALRM, self._stop)
            signal.alarm(STOP_SECONDS)

    def _reason(self, number: int, status: int) -> int:
        """The exit code of a process that has said why, else an error that says what is known."""
        if status > 0:
            return status
        cause = f"was killed by {signal.Signals(-status).name}" if status else "was stopped"
        raise StoreError(
            f"worker {number} of {self._count} {cause}, so the others were stopped too; start the"
            " command again, it resumes where they stopped"
        )


def _ask_to_die_with_parent() -> bool:
    """Whether the system promises to kill this process when its parent is gone; Linux does."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
