"""One generated history and one log of it a session; every test that writes makes its own."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from tests.e2e.command import run, shared_warm

STUDENTS = 120
SEED = 7


@pytest.fixture
def outcomes(tmp_path):
    """Runs the command in the test's own folder."""
    return partial(run, folder=tmp_path)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A generated history, a log of three partitions made of it, and its report; only to read."""
    folder = tmp_path_factory.mktemp("world")
    of_world = ("--students", str(STUDENTS), "--seed", str(SEED))
    events, records = folder / "events.jsonl", folder / "records.jsonl"
    events.write_bytes(run("generate", *of_world, folder=folder).out)
    records.write_bytes(run("generate", *of_world, "--records", folder=folder).out)
    log = folder / "ledger.db"
    url = f"sqlite:{log}"
    appended = run("append", "--records", records, "--log", f"{url}?partitions=3", folder=folder)
    assert appended.code == 0, appended
    made = run("report", "--year", "2022", "--json", "--log", url, folder=folder)
    assert made.code == 0, made
    report = folder / "report.json"
    report.write_bytes(made.out)
    return SimpleNamespace(
        folder=folder,
        events=events,
        records=records,
        log=log,
        url=url,
        report=report,
        appended=appended,
    )


@pytest.fixture
def ask(world):
    """Runs the command against the session's log."""
    return partial(run, folder=world.folder, env={"OUTCOMES_LOG": world.url})


@pytest.fixture(scope="session")
def warm():
    """Runs tables of commands without loading the ledger for each."""
    return shared_warm()
