"""Where processes keep their metrics, for another one that serves the sum.

This is the multiprocess mode of prometheus-client: each process writes to files of its own in one
folder. The environment names it, and is read when the library is imported, so not here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ledger.errors import StoreError
from ledger.temporary import temporary_folder

__all__ = ["keep_metrics_in", "metrics_folder"]

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """A folder for the metrics of some processes, removed when they have ended.

    Raises:
        StoreError: If it cannot be created.
    """
    resources = ExitStack()
    folder = resources.enter_context(temporary_folder("outcomes-metrics-"))
    try:
        yield folder
    finally:
        # Apart from what fails inside, which is no trouble of the folder's.
        with suppress(StoreError):
            resources.close()


def keep_metrics_in(folder: Path) -> None:
    """Have this process and its forks keep their metrics in files; call it first of all."""
    os.environ[_VARIABLE] = str(folder)
