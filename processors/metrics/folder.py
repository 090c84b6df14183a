"""Where processes keep their metrics, for another one that serves the sum.

This is the multiprocess mode of prometheus-client: each process writes to files of its own in one
folder. The environment names it, and is read when the library is imported, so not here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["keep_metrics_in", "metrics_folder"]

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """A folder for the metrics of some processes, removed when they have ended."""
    with TemporaryDirectory(prefix="outcomes-metrics-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def keep_metrics_in(folder: Path) -> None:
    """Have this process and its forks keep their metrics in files; call it first of all."""
    os.environ[_VARIABLE] = str(folder)
