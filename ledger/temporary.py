"""Temporary folders, for what a command writes and discards.

A process that is killed removes nothing. So each folder has a file that its owner keeps locked, and
whoever makes the next folder beside it removes those whose owner is gone. A lock ends with its
process, in whatever way that ends; a clock or a process number would prove nothing.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir

from ledger.error_translation import Advice, translate_errors

__all__ = ["owned_folder", "temporary_folder"]

_NAMES = "outcomes-*"
_OWNER = ".owner"
_NAME_BYTES = 16
_ADVICE = (Advice((OSError,), "free space in the temporary folder or set TMPDIR to another one"),)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Create a folder in that of the system and remove it afterwards, see `owned_folder`.

    Args:
        prefix: See `owned_folder`.

    Raises:
        StoreError: If it cannot be created, or is full.
    """
    # Where no folder can be written to, this fails, too.
    with translate_errors("the temporary folder", "cannot be used", _ADVICE):
        parent = gettempdir()
    with (
        translate_errors(parent, "cannot be used", _ADVICE),
        owned_folder(prefix, Path(parent)) as folder,
    ):
        yield folder


@contextmanager
def owned_folder(prefix: str, parent: Path) -> Iterator[Path]:
    """Create a folder that only this user can open and remove it afterwards, unless in a fork.

    Those beside it that killed processes of this user have left are removed first.

    Args:
        prefix: The beginning of its name, `outcomes-` itself.
        parent: Where it is made.

    Raises:
        OSError: If it cannot be created.
    """
    assert Path(prefix).match(_NAMES), prefix
    _remove_abandoned(parent)
    owner, folder = os.getpid(), parent / f"{prefix}{secrets.token_hex(_NAME_BYTES)}"
    # Named before it is made: whoever is interrupted in between knows what to remove.
    try:
        folder.mkdir(mode=0o700)
        with _owner(folder):
            yield folder
    finally:
        # A fork that ends here leaves it to its owner.
        if os.getpid() == owner:
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)


@contextmanager
def _owner(folder: Path) -> Iterator[None]:
    """Say with a locked file that a folder is in use."""
    fresh = folder / f"{_OWNER}-of-{os.getpid()}"
    with fresh.open("wb") as file:
        # Where locks are not to be had, the folder is never taken for an abandoned one.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            # Under its name it is locked from the beginning.
            fresh.rename(folder / _OWNER)
        yield


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders whose owners are gone; trouble with them is nobody's."""
    with suppress(OSError):
        for folder in parent.glob(_NAMES):
            with suppress(OSError):
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    number = os.open(folder / _OWNER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(number)
