"""A log that is not the one that was folded: its figures are never shown, and soon right again.

The read model remembers offsets. A log that was restored from a copy, or replaced, has other
records at the same offsets, so an offset alone says nothing.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.e2e.command import SECONDS_MAX, started

FOLDED = 300
STATE = "ledger.db.live-1.2.db"


@pytest.fixture(scope="module")
def lines(world):
    """The records of one log, as lines."""
    return world.records.read_bytes().splitlines(keepends=True)


@pytest.fixture
def ask(warm, tmp_path):
    """Runs a command in the test's folder."""

    def run(*words, stdin=b"", code=0):
        done = warm.run(
            *words, folder=tmp_path, stdin=stdin, env={"OUTCOMES_LOG": "sqlite:ledger.db"}
        )
        assert done.code == code, done
        return done

    return run


@pytest.fixture
def replace(ask, tmp_path):
    """Replaces the log by one of other records."""

    def make(lines, partitions=1):
        for file in tmp_path.glob("ledger.db*"):
            if ".live-" not in file.name:
                file.unlink()
        log = f"sqlite:ledger.db?partitions={partitions}"
        ask("append", "--records", "-", "--log", log, stdin=b"".join(lines))

    return make


REPLACEMENTS = {
    "a log restored from an older copy": (lambda lines: lines[: FOLDED - 40], 1),
    "a log restored and grown past what was folded": (
        lambda lines: [*lines[: FOLDED - 40], *lines[FOLDED:]],
        1,
    ),
    "a log restored and grown to the same length": (
        lambda lines: [*lines[: FOLDED - 40], *lines[FOLDED : FOLDED + 40]],
        1,
    ),
    "another log with the same first record": (lambda lines: [*lines[:1], *lines[2:]], 1),
    "another log": (lambda lines: lines[5:], 1),
    "a log of one record": (lambda lines: lines[:1], 1),
    "a log without records": (lambda _: [], 1),
    "a log of more partitions": (lambda lines: lines[:FOLDED], 3),
}


@pytest.mark.parametrize(("change", "partitions"), REPLACEMENTS.values(), ids=REPLACEMENTS)
class TestReplacedLog:
    def test_its_figures_are_refused_until_a_worker_has_folded_it_again(
        self, lines, ask, replace, change, partitions
    ):
        replace(lines[:FOLDED])
        ask("worker", "--once")
        replace(change(lines), partitions)

        refused = ask("live", "--year", "2022", code=69)
        (line,) = refused.err.decode().splitlines()
        assert "was folded from another log" in line
        assert "`outcomes worker` folds it again" in line
        assert b"" == refused.out

        checks = {check["name"]: check for check in ask("doctor", "--json").json}
        assert "warning" == checks["live figures"]["verdict"]
        assert "was folded from another log" in checks["live figures"]["detail"]

        worked = ask("worker", "--once")
        assert b"another log" in worked.err
        live = ask("live", "--year", "2022", "--json").json
        replayed = ask("report", "--year", "2022", "--json").json
        assert replayed["digest"] == live["digest"]
        assert replayed["log"]["cut"] == live["log"]["cut"]
        assert {0} == {partition["records"] for partition in live["live"]["partitions"]}


class TestGrownLog:
    def test_a_log_that_only_grew_is_not_folded_again(self, lines, ask, replace):
        replace(lines[:FOLDED])
        ask("worker", "--once")
        replace(lines)

        worked = ask("worker", "--once")

        assert b"another log" not in worked.err
        assert f"records={len(lines) - FOLDED}".encode() in worked.err


class TestRestoredReadModel:
    """A read model that was itself restored from a copy: the log has all that it needs."""

    @pytest.mark.parametrize("with_wal", [False, True])
    def test_an_older_copy_is_folded_on_whatever_lies_beside_it(
        self, lines, ask, replace, tmp_path, with_wal
    ):
        """What SQLite kept beside the newer file must not be replayed onto the older one."""
        replace(lines[:FOLDED])
        ask("worker", "--once")
        older = (tmp_path / STATE).read_bytes()
        env = {"OUTCOMES_LOG": "sqlite:ledger.db"}
        with started("worker", folder=tmp_path, env=env):
            ask("append", "--records", "-", stdin=b"".join(lines[FOLDED:]))
            wait_until_current(ask)
        wal = tmp_path / f"{STATE}-wal"
        assert wal.stat().st_size
        if not with_wal:
            wal.unlink()
        (tmp_path / STATE).write_bytes(older)

        ask("worker", "--once")

        live = ask("live", "--year", "2022", "--json").json
        assert ask("report", "--year", "2022", "--json").json["digest"] == live["digest"]


class TestGrowingArchive:
    def test_a_worker_follows_what_is_archived_later(self, lines, ask, replace, tmp_path):
        replace(lines[:FOLDED])
        ask("archive", "sealed")
        env = {"OUTCOMES_LOG": "archive:sealed"}
        with started("worker", folder=tmp_path, env=env):
            wait_until_current(ask, "archive:sealed")
            ask("append", "--records", "-", stdin=b"".join(lines[FOLDED:]))
            ask("archive", "sealed")
            live = wait_until_current(ask, "archive:sealed")

        assert live["log"]["records"] == len(lines)


class TestOlderFold:
    """A read model of an older version of the fold cannot be checked."""

    def test_live_does_not_show_its_figures(self, lines, ask, replace, tmp_path):
        replace(lines[:FOLDED])
        ask("worker", "--once")
        make_older(tmp_path / STATE)

        done = ask("live", "--year", "2022", code=69)

        assert b"another version" in done.err
        assert b"`outcomes worker`" in done.err

    def test_a_worker_folds_the_log_again(self, lines, ask, replace, tmp_path):
        replace(lines[:FOLDED])
        ask("worker", "--once")
        make_older(tmp_path / STATE)
        ask("worker", "--once")

        live = ask("live", "--year", "2022", "--json").json
        assert ask("report", "--year", "2022", "--json").json["digest"] == live["digest"]


def make_older(path):
    """Make a read model one of the first version of the fold, without the last record's hash."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("update about set value = '1.1' where name = 'fold'")
        db.execute("alter table partitions drop column last_record")
        db.execute("delete from _sqlite_migrations where name <> '_m001_tables'")
        db.commit()


class TestRunning:
    """What is open when the log is replaced must not read the deleted file for ever."""

    def test_a_worker_follows_the_file_that_is_there_now(self, lines, ask, replace, tmp_path):
        replace(lines[:FOLDED])
        env = {"OUTCOMES_LOG": "sqlite:ledger.db"}
        with started("worker", folder=tmp_path, env=env) as worker:
            wait_until_current(ask)
            restore(tmp_path, ask, lines)
            live = wait_until_current(ask)
            worker.send_signal(signal.SIGTERM)
            assert 0 == worker.wait(SECONDS_MAX)

        assert ask("report", "--year", "2022", "--json").json["digest"] == live["digest"]

    def test_a_watch_never_shows_figures_of_the_deleted_file(self, lines, ask, replace, tmp_path):
        replace(lines[:FOLDED])
        ask("worker", "--once")
        env = {"OUTCOMES_LOG": "sqlite:ledger.db"}
        words = ("live", "--year", "2022", "--watch", "--json")
        with started(*words, folder=tmp_path, env=env) as watch:
            assert watch.stdout.readline()
            restore(tmp_path, ask, lines)
            assert 69 == watch.wait(SECONDS_MAX)
            assert b"was folded from another log" in watch.stderr.read()


def restore(folder, ask, lines):
    """Put another log in place at once, as a restore by renaming does."""
    ask("append", "--records", "-", "--log", "sqlite:copy.db", stdin=b"".join(lines[5:FOLDED]))
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "copy.db").replace(folder / "ledger.db")


def wait_until_current(ask, log="sqlite:ledger.db"):
    """Wait until the live figures are those of the log's end; the live report."""
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        end = ask("report", "--year", "2022", "--json", "--log", log).json["log"]["cut"]
        try:
            live = ask("live", "--year", "2022", "--json", "--log", log).json
        except AssertionError:
            continue
        if live["log"]["cut"] == end:
            return live
    raise AssertionError("live figures are not current")
