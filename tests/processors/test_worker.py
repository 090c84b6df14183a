"""A worker on a file ends at SIGTERM, at whatever moment it comes."""

from __future__ import annotations

import subprocess
import sys

from ledger.log import open_log
from tests.support.repository import ROOT

SECONDS_MAX = 120
# The signal comes while a wait holds its event's lock, as each does for some microseconds.
SCRIPT = """
import os, signal, sys, threading

class Event(threading.Event):
    waits = 0

    def wait(self, timeout=None):
        Event.waits += 1
        if Event.waits == 1:
            with self._cond:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return super().wait(timeout)

threading.Event = Event

from ledger.log import parse_address
from processors.worker import run_worker
from projections.policy import built_in_policies

sys.exit(run_worker(parse_address("sqlite:ledger.db"), list(built_in_policies().values())))
"""


def test_a_signal_in_the_middle_of_a_wait_ends_it(tmp_path):
    open_log(f"sqlite:{tmp_path / 'ledger.db'}", create=True).close()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
