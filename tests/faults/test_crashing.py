"""`tests.faults.crashing_worker`: each place where a worker can end is still there."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import ROOT

_EVERY_MODE = (
    "from tests.faults.crashing_worker import MODES\nfor mode in MODES.values():\n    mode()"
)


def test_a_worker_can_be_made_to_end_at_every_place_that_is_named():
    command = [sys.executable, "-c", _EVERY_MODE]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (0, "") == (done.returncode, done.stderr)
