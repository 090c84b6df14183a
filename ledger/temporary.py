"""A temporary folder for what a replay makes and throws away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from ledger.errors import StoreError

__all__ = ["scratch"]


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder that is gone afterwards.

    Args:
        prefix: Of its name.

    Raises:
        StoreError: If it cannot be made, or is full.
    """
    try:
        with TemporaryDirectory(prefix=prefix) as folder:
            yield Path(folder)
    except OSError as error:
        raise StoreError(
            f"{error.filename or gettempdir()}: {error.strerror}; make room in the temporary folder"
            " or name another one in TMPDIR"
        ) from error
