"""A log is its file: what lies beside it is never lost, never ignored and never another log's."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest

from ledger import sqlite_file
from ledger.errors import StoreError
from ledger.log import NewRecord, open_log
from ledger.log.sqlite import log as sqlite_log
from ledger.log.sqlite import opening
from outcomes.doctor import examine
from tests.ledger.log.contract import everything, numbered
from tests.support.bounds import AN_HOUR, BOUND, finish
from tests.support.histories import ROOT
from tests.support.permissions import without_root


@pytest.fixture
def path(tmp_path):
    """A log of three records, closed."""
    path = tmp_path / "ledger.db"
    append(path, 3)
    return path


@pytest.fixture
def endless(monkeypatch):
    """Whoever waits for a lock waits for an hour."""
    for module in (sqlite_file, opening):
        monkeypatch.setattr(module, "BUSY_SECONDS", AN_HOUR)


def append(path, count, *, first=0):
    with closing(open_log(f"sqlite:{path}", create=True)) as log:
        log.append(NewRecord(b"s-1", b"%d" % n) for n in range(first, first + count))


def values(path):
    with closing(open_log(f"sqlite:{path}")) as log:
        return [int(record.value) for record in everything(log)]


def wal_of(path):
    return path.with_name(f"{path.name}-wal")


def wal_bytes(path):
    return wal_of(path).stat().st_size if wal_of(path).exists() else 0


def copy_of(path, folder):
    """The file alone, without anything beside it."""
    folder.mkdir()
    return shutil.copy(path, folder / path.name)


@contextmanager
def reader(path, query=None):
    """A connection of another program; with a query it keeps the snapshot of that moment."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if query is not None:
            connection.execute("begin")
            connection.execute(query).fetchone()
        yield connection


@contextmanager
def behind_its_wal(path):
    """A log that has appended a record beside a reader of the past, which is gone."""
    with closing(open_log(f"sqlite:{path}", create=True)) as log:
        with reader(path, COUNT):
            log.append(numbered(1))
        yield log


COUNT = "select count(*) from records"


def checks(path):
    with closing(open_log(f"sqlite:{path}")) as log:
        return list(log.examine())


class TestAppend:
    """After an append the file alone holds all that open readers allow it to."""

    def test_beside_an_idle_reader_the_file_alone_holds_everything(self, path, tmp_path):
        with reader(path) as idle:
            idle.execute(COUNT).fetchone()
            append(path, 3, first=3)

            assert 0 == wal_bytes(path)
            assert list(range(6)) == values(copy_of(path, tmp_path / "copy"))

    def test_a_file_moved_away_takes_everything_along(self, path, tmp_path):
        with reader(path) as idle:
            idle.execute(COUNT).fetchone()
            append(path, 3, first=3)
        (tmp_path / "moved").mkdir()

        moved = path.rename(tmp_path / "moved" / "ledger.db")

        append(path, 1, first=100)
        assert list(range(6)) == values(moved)
        assert [100] == values(path)

    def test_beside_a_reader_of_the_end_nothing_waits_and_the_file_alone_holds_everything(
        self, path, tmp_path, endless
    ):
        append(path, 3, first=3)
        with reader(path, COUNT):
            finish(lambda: append(path, 3, first=6))
            with reader(path, COUNT):
                finish(lambda: append(path, 3, first=9))

        def append_and_close():
            with behind_its_wal(path) as log, reader(path, COUNT):
                log.close()

        finish(append_and_close)
        assert [*range(12), 0] == values(path)

    def test_beside_a_reader_of_the_past_an_append_neither_waits_nor_fails(self, path, endless):
        with reader(path, COUNT) as old:
            finish(lambda: append(path, 3, first=3))

            assert (3,) == old.execute(COUNT).fetchone()
        assert list(range(6)) == values(path)

        append(path, 1, first=6)
        assert 0 == wal_bytes(path)

    def test_a_writer_that_stays_open_empties_the_wal_at_most_once_a_second(
        self, path, monkeypatch
    ):
        now = [0.0]
        monkeypatch.setattr(sqlite_log, "time", SimpleNamespace(monotonic=lambda: now[0]))
        with reader(path) as idle, closing(open_log(f"sqlite:{path}", create=True)) as log:
            idle.execute(COUNT).fetchone()
            sizes = []
            for moment in (10.0, 10.5, 10.9, 11.0, 11.5):
                now[0] = moment
                log.append(numbered(1))
                sizes.append(wal_bytes(path))

            assert [True, False, False, True, False] == [size == 0 for size in sizes]
        assert 0 == wal_bytes(path)

    def test_another_process_that_writes_is_not_waited_for(self, path, endless):
        def append_and_close():
            with behind_its_wal(path) as log, reader(path) as other:
                other.execute("begin immediate")
                log.close()
                other.execute("rollback")

        finish(append_and_close)

    def test_a_disk_that_has_room_for_the_wal_alone_fails_no_append(self, path):
        script = (
            "import os, resource, sys; from ledger.log import NewRecord, open_log\n"
            "import sqlite3; reader = sqlite3.connect(sys.argv[1])\n"
            "reader.execute('select count(*) from records').fetchone()\n"
            "size = os.stat(sys.argv[1]).st_size\n"
            "log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, resource.RLIM_INFINITY))\n"
            "print(log.append([NewRecord(b'a', b'7')]).end[0])\n"
            "log.close()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, path],
            cwd=ROOT, capture_output=True, text=True, timeout=BOUND, check=False,
        )  # fmt: skip

        assert ("4\n", "") == (done.stdout, done.stderr)
        assert [0, 1, 2, 7] == values(path)


class TestOpening:
    """What lies beside a file is looked for where the file really is."""

    def test_a_link_shows_what_only_the_wal_beside_its_target_holds(self, path, tmp_path):
        snapshot = tmp_path / "snapshot"
        snapshot.mkdir()
        with reader(path, COUNT):
            append(path, 3, first=3)
            for file in (path, wal_of(path)):
                shutil.copy(file, snapshot / file.name)
        link = tmp_path / "latest.db"
        link.symlink_to("snapshot/ledger.db")

        assert list(range(6)) == values(link)

    @pytest.mark.parametrize("name", ["snapshot/ledger.db", "latest.db", "deep/link.db"])
    def test_a_wal_that_cannot_be_read_is_refused_by_every_name(self, path, tmp_path, name):
        snapshot = tmp_path / "snapshot"
        snapshot.mkdir()
        with reader(path, COUNT):
            append(path, 3, first=3)
            for file in (path, wal_of(path)):
                shutil.copy(file, snapshot / file.name)
        (tmp_path / "latest.db").symlink_to("snapshot/ledger.db")
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "link.db").symlink_to("../latest.db")
        snapshot.chmod(0o555)
        try:
            done = subprocess.run(
                [*without_root(), sys.executable, "-m", "outcomes", "tail", "--log",
                 f"sqlite:{tmp_path / name}"],
                cwd=ROOT, capture_output=True, text=True, timeout=BOUND, check=False,
            )  # fmt: skip
        finally:
            snapshot.chmod(0o755)

        assert (69, "") == (done.returncode, done.stdout)
        assert "ledger.db-wal" in done.stderr
        assert "copy both" in done.stderr

    def test_a_reader_without_locks_ends_when_the_file_changes(self, path):
        path.parent.chmod(0o555)
        script = (
            "import sys; from ledger.errors import StoreError; from ledger.log import open_log\n"
            "log = open_log(f'sqlite:{sys.argv[1]}')\n"
            "print(log.end()[0], flush=True); sys.stdin.readline()\n"
            "try: print(len(list(log.read({0: 0}, {0: 9}))))\n"
            "except StoreError as error: print(error)\n"
        )
        command = [*without_root(), sys.executable, "-c", script, path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
            try:
                assert "3\n" == process.stdout.readline()
                path.parent.chmod(0o755)
                append(path, 3, first=3)
                output = process.communicate("\n", timeout=BOUND)[0]
            finally:
                path.parent.chmod(0o755)
                process.kill()

        assert "changed while it was read" in output

    def test_a_new_log_is_not_made_beside_the_wal_of_one_that_was_moved_away(self, path, tmp_path):
        with reader(path, COUNT):
            append(path, 3, first=3)
            before = wal_of(path).read_bytes()
            away = path.rename(tmp_path / "away.db")
            for attempt in (lambda: append(path, 1), lambda: values(path)):
                with pytest.raises(StoreError, match=r"ledger\.db-wal") as raised:
                    attempt()
                assert "move" in str(raised.value)

            assert before == wal_of(path).read_bytes()
            assert not path.exists()
        away.rename(path)
        assert list(range(6)) == values(path)

    def test_an_empty_file_beside_a_wal_is_not_made_a_log(self, path):
        with reader(path, COUNT):
            append(path, 3, first=3)
            path.unlink()
            path.touch()
            before = wal_of(path).read_bytes()

            with pytest.raises(StoreError, match=r"ledger\.db-wal"):
                append(path, 1)
            assert before == wal_of(path).read_bytes()

    def test_opening_to_append_restores_write_ahead_logging(self, path, tmp_path):
        copy = tmp_path / "copy.db"
        with reader(path) as source:
            source.execute("vacuum into ?", (str(copy),))
        with reader(copy) as result:
            assert ("delete",) == result.execute("pragma journal_mode").fetchone()

        append(copy, 1, first=3)

        with reader(copy) as result:
            assert ("wal",) == result.execute("pragma journal_mode").fetchone()
        assert [0, 1, 2, 3] == values(copy)

    def test_a_reader_does_not_keep_an_append_from_a_file_without_write_ahead_logging(
        self, path, tmp_path
    ):
        copy = tmp_path / "copy.db"
        with reader(path) as source:
            source.execute("vacuum into ?", (str(copy),))

        with reader(copy, COUNT), closing(open_log(f"sqlite:{copy}", create=True)) as log:
            assert {0: 3} == log.end()

    @pytest.mark.parametrize("create", [False, True])
    def test_what_is_no_regular_file_is_refused(self, tmp_path, create):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to("loop")
        for name in (tmp_path / "pipe", tmp_path / "loop", "/dev/null"):
            with pytest.raises(StoreError) as raised:
                open_log(f"sqlite:{name}", create=create)
            assert str(name) in str(raised.value)


def grown(path, before, count):
    """A log of `before` records that gets `count` more beside a reader: its file and its WAL."""
    append(path, before)
    with reader(path, COUNT):
        append(path, count, first=before)
        return path.read_bytes(), wal_of(path).read_bytes()


def append_text(path, count, text):
    with closing(open_log(f"sqlite:{path}", create=True)) as log:
        log.append(NewRecord(b"s-%d" % (n % 9), b"%s %d" % (text, n)) for n in range(count))


class TestTheWalOfAnother:
    """SQLite takes any WAL for that of the file beside it; a log is not mixed with another one."""

    @pytest.mark.parametrize(
        ("before", "count"), [(3, 3), (3, 300), (300, 3), (300, 300), (3_000, 300)]
    )
    def test_it_is_refused_and_nothing_is_changed(self, tmp_path, before, count):
        other, path = tmp_path / "other.db", tmp_path / "ledger.db"
        _, foreign = grown(other, before, count)
        append_text(path, before, b"ours")
        whole = path.read_bytes()
        wal_of(path).write_bytes(foreign)

        for attempt in (lambda: values(path), lambda: append(path, 1)):
            with pytest.raises(StoreError, match="belongs to another log") as raised:
                attempt()
            assert f"{wal_of(path)}" in str(raised.value)
        assert "broken" in {check.severity for check in examine(f"sqlite:{path}")}
        assert (whole, foreign) == (path.read_bytes(), wal_of(path).read_bytes())

        wal_of(path).unlink()
        with closing(open_log(f"sqlite:{path}")) as log:
            assert before == log.end()[0]

    def test_that_of_the_same_log_gone_another_way_is_refused(self, path, tmp_path):
        append(path, 300, first=3)
        restored = shutil.copy(path, tmp_path / "restored.db")
        with reader(path, COUNT):
            append(path, 300, first=303)
            foreign = wal_of(path).read_bytes()
        append(restored, 400, first=9_000)
        wal_of(restored).write_bytes(foreign)

        with pytest.raises(StoreError, match="belongs to another log"):
            values(restored)

    @pytest.mark.parametrize("count", [3, 300, 3_000])
    def test_its_own_is_read_with_it(self, path, tmp_path, count):
        snapshot = tmp_path / "snapshot"
        snapshot.mkdir()
        with reader(path, COUNT):
            append(path, count, first=3)
            for file in (path, wal_of(path)):
                shutil.copy(file, snapshot / file.name)

        assert list(range(3 + count)) == values(snapshot / "ledger.db")

    @pytest.mark.parametrize("pages", [1, 3, 9])
    def test_a_file_into_which_half_of_its_own_was_moved_is_whole_with_it(
        self, path, tmp_path, pages
    ):
        older, wal = grown(tmp_path / "grown.db", 300, 600)
        whole = tmp_path / "whole.db"
        whole.write_bytes(older)
        wal_of(whole).write_bytes(wal)
        assert list(range(900)) == values(whole)
        append(whole, 1, first=900)
        size = 4_096
        moved = whole.read_bytes()[: pages * size] + older[pages * size :]
        path.write_bytes(moved)
        wal_of(path).write_bytes(wal)

        assert list(range(900)) == values(path)

    def test_a_writer_at_work_is_never_taken_for_another_log(self, path):
        script = (
            "import sys; from ledger.log import NewRecord, open_log\n"
            "for number in range(50):\n"
            "    log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "    log.append(NewRecord(b's-%d' % n, b'7') for n in range(40)); log.close()\n"
        )
        with (
            reader(path) as idle,
            subprocess.Popen([sys.executable, "-c", script, path], cwd=ROOT) as writer,
        ):
            idle.execute(COUNT).fetchone()
            while writer.poll() is None:
                with closing(open_log(f"sqlite:{path}")) as log:
                    assert log.end()[0] >= 3
        assert 3 + 50 * 40 == len(values(path))


class TestAMissingRecord:
    @pytest.mark.parametrize(
        "read",
        [
            lambda log: log.read({0: 0}, {0: 3}),
            lambda log: log.read_by_key({0: 3}),
            lambda log: log.read_partition_by_key(0, 3, tick=bool),
        ],
        ids=["by offset", "by key", "of a partition by key"],
    )
    def test_it_is_an_error_and_never_fewer_records(self, path, read):
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("delete from records where offset = 1")
        missing = pytest.raises(StoreError, match=r"record is missing at offset .* of partition 0")
        with closing(open_log(f"sqlite:{path}")) as log, missing:
            list(read(log))


class TestExamination:
    """`outcomes doctor` says what a copy of the file alone would lose."""

    def test_records_that_only_the_wal_holds_are_counted(self, path):
        with reader(path, COUNT):
            append(path, 4, first=3)

            warnings = [check.detail for check in checks(path) if check.severity == "warning"]

        (warning,) = warnings
        assert "4 of 7 records are only in" in warning
        assert "ledger.db-wal" in warning
        assert "outcomes backup" in warning

    def test_they_are_counted_through_a_link(self, path, tmp_path):
        link = tmp_path / "link.db"
        link.symlink_to(path)
        with reader(path, COUNT):
            append(path, 4, first=3)

            assert ["fine", "warning"] == [check.severity for check in checks(link)]

    def test_a_log_that_is_only_a_wal_so_far_is_counted_whole(self, tmp_path):
        path = tmp_path / "new.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("pragma journal_mode = wal")
            other.execute("begin")
            other.execute("select count(*) from sqlite_master").fetchone()
            append(path, 2)

            (warning,) = [check.detail for check in checks(path) if check.severity == "warning"]

        assert "2 of 2 records are only in" in warning

    def test_without_a_wal_nothing_is_said_of_it(self, path):
        assert ["fine"] == [check.severity for check in checks(path)]

    def test_an_older_copy_put_beside_a_later_wal_is_found_broken(self, path, tmp_path):
        append(path, 3_000, first=3)
        older = copy_of(path, tmp_path / "older")
        append(path, 3_000, first=3_003)
        with reader(path, COUNT):
            append(path, 3_000, first=6_003)
            later = wal_of(path).read_bytes()
        restored = tmp_path / "restored.db"
        shutil.copy(older, restored)
        wal_of(restored).write_bytes(later)

        assert "broken" in {check.severity for check in examine(f"sqlite:{restored}")}
