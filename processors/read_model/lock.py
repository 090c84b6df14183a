"""The lock of a read model: one process writes to it, and everybody can see which."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from pathlib import Path
from typing import IO

from ledger.errors import StoreError

__all__ = ["InUseError", "lock_for_writing", "lock_holder"]

_WAIT_SECONDS = 0.5
"""How long to try for the lock: a reader that asks who holds it has it for a moment."""

_READERS_SECONDS = 30.0
"""How long to try where readers alone have it: one that was stopped has it for ever."""

_PAUSE_SECONDS = 0.02

_NAME_MAX = 300
_NAME = re.compile(r"(\S+-[0-9]+)?")
"""A lock without a writer is empty, or has the name of one that was killed."""


class InUseError(StoreError):
    """Another process writes to the read model."""


def lock_for_writing(path: Path, owner: int | None = None) -> IO[str]:
    """Become the only writer, until the returned file is closed or the process ends.

    Args:
        path: Of the read model.
        owner: The process that others are to know as the writer; this one where None.

    Raises:
        InUseError: If another process is the writer.
        StoreError: If its file is another program's, or a reader does not let go of it.
    """
    # Opened without truncation: the file names the process that holds the lock.
    lock = _lock_path(path).open("a+", encoding="utf-8", errors="replace")
    lock.seek(0)
    if not _NAME.fullmatch(lock.read(_NAME_MAX)):
        lock.close()
        raise StoreError(
            f"{lock.name} is in the place of the lock of {path} and is no lock; name another file"
            " with --state"
        )
    started = time.monotonic()
    while not _try_lock(lock, fcntl.LOCK_EX):
        waited = time.monotonic() - started
        # A reader that the machine holds up for longer is no writer.
        if waited > _WAIT_SECONDS and (holder := lock_holder(path)) is not None:
            lock.close()
            raise InUseError(
                f"{path} has a worker already, {holder}; stop it, or name another file with --state"
            )
        if waited > _READERS_SECONDS:
            lock.close()
            raise StoreError(
                f"{lock.name} is held by a command that reads {path} and was stopped; end it"
                " and start the worker again"
            )
        time.sleep(_PAUSE_SECONDS)
    lock.truncate(0)
    lock.write(f"{socket.gethostname()}-{owner or os.getpid()}")
    lock.flush()
    return lock


def lock_holder(path: Path) -> str | None:
    """The process that writes to a read model, as `host-pid`; None where none is seen to."""
    try:
        with _lock_path(path).open(encoding="utf-8") as lock:
            # A process that is killed loses its lock, but leaves its name in the file.
            return None if _try_lock(lock, fcntl.LOCK_SH) else lock.read()
    except (FileNotFoundError, PermissionError):
        return None


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _try_lock(lock: IO[str], operation: int) -> bool:
    try:
        fcntl.flock(lock, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
