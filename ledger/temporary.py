"""Temporary folders, for what a replay writes and discards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from ledger.errors import StoreError

__all__ = ["temporary_folder"]


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Create a folder and remove it afterwards.

    Args:
        prefix: The beginning of its name.

    Raises:
        StoreError: If it cannot be created, or is full.
    """
    try:
        with TemporaryDirectory(prefix=prefix) as folder:
            yield Path(folder)
    except OSError as error:
        raise StoreError(
            f"{error.filename or gettempdir()}: {error.strerror}; free space in the temporary"
            " folder or set TMPDIR to another one"
        ) from error
