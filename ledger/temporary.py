"""Temporary folders, for what a replay writes and discards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from ledger.error_translation import Advice, translate_errors

__all__ = ["temporary_folder"]

_ADVICE = (Advice((OSError,), "free space in the temporary folder or set TMPDIR to another one"),)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Create a folder and remove it afterwards.

    Args:
        prefix: The beginning of its name.

    Raises:
        StoreError: If it cannot be created, or is full.
    """
    # Where no folder can be written to, this fails, too.
    with translate_errors("the temporary folder", "cannot be used", _ADVICE):
        parent = gettempdir()
    with (
        translate_errors(parent, "cannot be used", _ADVICE),
        TemporaryDirectory(prefix=prefix, dir=parent) as folder,
    ):
        yield Path(folder)
