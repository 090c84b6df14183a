"""A machine that stops, or a disk that is full, from some step of a run on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ledger.log.archive import files as archive_files


class Stop(Exception):  # noqa: N818
    """The machine stops here."""


FULL = OSError(errno.ENOSPC, "No space left on device", "a")


def stop_after(monkeypatch, steps, trouble):
    """Let so many calls of the system that change an archive pass, then raise the trouble.

    Returns a list that holds how many are left; it is below 0 once the run was stopped.
    """
    left = [steps]

    def counted(original):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise trouble
            return original(*arguments, **options)

        return call

    monkeypatch.setattr(archive_files.os, "fsync", counted(os.fsync))
    for name in ("replace", "unlink", "mkdir"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    return left
