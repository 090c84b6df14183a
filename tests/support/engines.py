"""Both engines on one log, in a form in which a difference can be read."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from ledger.replay import ENGINES, Selection, replay_each
from tests.support.histories import log_of

# Where there is a file system in memory: no test here is about the disk.
_MEMORY = Path("/dev/shm")
_FOLDER = _MEMORY if os.access(_MEMORY, os.W_OK) else None


@contextmanager
def log_with(records, partitions=1):
    """An embedded log in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(dir=_FOLDER) as folder,
        log_of(Path(folder), records, partitions=partitions) as log,
    ):
        yield log


def figures_by(engine, log, policies, cut=None, years=None):
    """All that an engine finds: cut, counters, latest record, and every cell that is not 0.

    With years only their cells, which the engine may then make alone.
    """
    cuts = [log.end() if cut is None else cut]
    selection = Selection(policies, years)
    (replayed,) = replay_each(log, cuts, selection, engine=engine)
    return {
        "cut": replayed.cut,
        "records": replayed.records.as_dict(),
        "latest_recorded_at": replayed.latest_recorded_at,
        "cells": {
            (number, *cell): count
            for number, policy in enumerate(policies)
            for cell, count in replayed.figures[policy.sha256].cells.items()
            if count and (years is None or cell[0] in years)
        },
    }


def differences(log, policies, cut=None, years=None):
    """What the engines do not agree on: by cell, or by name of a counter, what each says."""
    fold, columnar = (_flat(figures_by(engine, log, policies, cut, years)) for engine in ENGINES)
    return {
        name: (fold.get(name, 0), columnar.get(name, 0))
        for name in sorted(fold.keys() | columnar.keys(), key=str)
        if fold.get(name, 0) != columnar.get(name, 0)
    }


def _flat(output):
    return (
        output["cells"]
        | output["records"]
        | {name: output[name] for name in ("cut", "latest_recorded_at")}
    )
