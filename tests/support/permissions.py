"""Running a command without the right of root to read and write everywhere."""

from __future__ import annotations

import os
import shutil

import pytest


def without_root():
    """The beginning of a command that gives that right up; skips where nothing can."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root writes everywhere and there is no setpriv to prevent it")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"]
