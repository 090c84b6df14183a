"""The embedded log: the contract of every log, and what a file of its own can go through."""

from __future__ import annotations

import resource
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from ledger import sqlite_file
from ledger.errors import ConfigurationError, StoreError
from ledger.log import NewRecord, open_log
from ledger.log.sqlite import log as sqlite_log
from ledger.log.sqlite.log import SqliteLog
from ledger.log.sqlite.opening import APPLICATION_ID
from tests.ledger.log.contract import BOUND, NOON, KeepingLogContract, everything, numbered
from tests.support.histories import ROOT

NOBODY = 65_534
SHORT_SECONDS = 0.05


def url_of(path, partitions=None):
    return f"sqlite:{path}" + ("" if partitions is None else f"?partitions={partitions}")


def faults_of(log):
    """What the examination of a log finds broken."""
    return [check.detail for check in log.examine() if check.severity == "broken"]


def line_of(raised):
    """The message, which must be one line that names what it is about."""
    text = str(raised.value)
    assert text.isprintable()
    return text


def files_in(folder):
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def running(script, *arguments, **options):
    """A Python process with a script; it is killed in the end whatever happens."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process, line):
    assert select.select([process.stdout], [], [], BOUND)[0], "nothing came"
    assert f"{line}\n" == process.stdout.readline()


def finish(process):
    """The end of a process: what it printed, and that it was well."""
    output, trouble = process.communicate(timeout=BOUND)
    assert (0, "") == (process.returncode, trouble)
    return output


class TestEach:
    """An append of a few records that says where each of them is."""

    def test_one_that_finds_another_writer_says_so_and_leaves_nothing(self, tmp_path):
        url = url_of(tmp_path / "ledger.db")
        with (
            closing(open_log(url, create=True)) as log,
            closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other,
        ):
            other.execute("begin immediate")

            appended = log.append_each(numbered(3), wait_seconds=SHORT_SECONDS)

            assert [None, None, None] == appended.locations
            assert "another process is writing to it" in str(appended.failure)
            other.execute("rollback")
            assert [] == everything(log)
            assert log.append_each(numbered(3), wait_seconds=BOUND).failure is None


class TestContract(KeepingLogContract):
    """The embedded log keeps the promises of every log."""

    @pytest.fixture
    def make(self, tmp_path):
        with ExitStack() as stack:
            yield lambda partitions: stack.enter_context(
                closing(open_log(url_of(tmp_path / "ledger.db", partitions), create=True))
            )

    @pytest.fixture
    def open_again(self, tmp_path):
        return lambda: open_log(url_of(tmp_path / "ledger.db"))


@pytest.fixture
def path(tmp_path):
    """The path of a log of one partition with three records."""
    path = tmp_path / "ledger.db"
    with closing(open_log(url_of(path), create=True)) as log:
        log.append(numbered(3))
    return path


class TestOpen:
    """A file is opened if it is a log of this schema, and otherwise left alone."""

    def test_a_new_log_has_one_partition_and_the_name_of_the_specification(self, tmp_path):
        with closing(open_log(url_of(tmp_path / "new.db"), create=True)) as log:
            assert (1, "student-lifecycle") == (log.partitions, log.name)

    @pytest.mark.parametrize(
        "name", ["a b.db", "é\U0001f600.db", "100%25#x.db", "-x", "a;b'c\".db"]
    )
    def test_a_path_may_hold_any_character_but_a_question_mark(self, tmp_path, name):
        with closing(open_log(url_of(tmp_path / name), create=True)) as log:
            log.append(numbered(1))

        assert (tmp_path / name).is_file()
        with closing(open_log(url_of(tmp_path / name, 1))) as log:
            assert {0: 1} == log.end()

    def test_opening_again_to_write_keeps_what_is_there(self, path):
        with closing(open_log(url_of(path), create=True)) as log:
            assert {0: 3} == log.end()

    def test_a_log_of_a_thousand_partitions_is_read_by_key(self, tmp_path):
        with closing(open_log(url_of(tmp_path / "wide.db", 1_000), create=True)) as log:
            log.append(NewRecord(b"s-%d" % n, b"", NOON) for n in range(2_000))

            assert 2_000 == sum(1 for _ in log.read_by_key(log.end()))

    def test_reading_does_not_make_a_log(self, tmp_path):
        with pytest.raises(StoreError) as raised:
            open_log(url_of(tmp_path / "none.db"))

        assert str(tmp_path / "none.db") in line_of(raised)
        assert {} == files_in(tmp_path)

    @pytest.mark.parametrize("create", [False, True])
    def test_a_folder_is_refused(self, tmp_path, create):
        with pytest.raises(StoreError, match="folder"):
            open_log(url_of(tmp_path), create=create)

    @pytest.mark.parametrize("create", [False, True])
    def test_a_file_in_a_missing_folder_is_refused(self, tmp_path, create):
        with pytest.raises(StoreError) as raised:
            open_log(url_of(tmp_path / "none" / "ledger.db"), create=create)

        assert str(tmp_path / "none") in line_of(raised)

    @pytest.mark.parametrize("create", [False, True])
    @pytest.mark.parametrize(
        "value", [b"x", b"not a log\n" * 500, bytes(5_000), b"SQLite format 3"]
    )
    def test_a_file_that_is_no_database_is_refused_and_left_alone(self, tmp_path, value, create):
        (tmp_path / "notes.txt").write_bytes(value)

        with pytest.raises(StoreError) as raised:
            open_log(url_of(tmp_path / "notes.txt"), create=create)

        assert "notes.txt" in line_of(raised)
        assert {"notes.txt": value} == files_in(tmp_path)

    @pytest.mark.parametrize("create", [False, True])
    @pytest.mark.parametrize("mode", ["delete", "wal"])
    @pytest.mark.parametrize(
        "script",
        [
            "create table log (name, partitions); insert into log values ('x', 1)",
            "create table t (x); insert into t values (1)",
            "pragma application_id = 7; create table t (x)",
            "pragma application_id = 7",
            "create view v as select 1",
        ],
    )
    def test_a_foreign_database_is_refused_and_left_byte_identical(
        self, tmp_path, script, mode, create
    ):
        foreign = tmp_path / "app.db"
        with closing(sqlite3.connect(foreign)) as connection:
            connection.execute(f"pragma journal_mode = {mode}")
            connection.executescript(script)
        before = foreign.read_bytes()

        with pytest.raises(StoreError) as raised:
            open_log(url_of(foreign), create=create)

        assert "app.db" in line_of(raised)
        assert before == foreign.read_bytes()
        with closing(sqlite3.connect(foreign)) as connection:
            assert [(mode,)] == connection.execute("pragma journal_mode").fetchall()

    def test_what_a_process_killed_while_it_made_a_log_left_behind_becomes_one(self, tmp_path):
        path = tmp_path / "begun.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma journal_mode = wal")
            (page_bytes,) = connection.execute("pragma page_size").fetchone()
        assert page_bytes == path.stat().st_size

        with closing(open_log(url_of(path), create=True)) as log:
            log.append(numbered(1))
            assert {0: 1} == log.end()

    @pytest.mark.parametrize("create", [False, True])
    def test_an_empty_file_becomes_a_log_only_when_it_is_opened_to_write(self, tmp_path, create):
        (tmp_path / "empty.db").touch()

        if create:
            with closing(open_log(url_of(tmp_path / "empty.db"), create=True)) as log:
                assert {0: 0} == log.end()
        else:
            with pytest.raises(StoreError):
                open_log(url_of(tmp_path / "empty.db"))
            assert {"empty.db": b""} == files_in(tmp_path)

    @pytest.mark.parametrize("create", [False, True])
    def test_a_log_of_a_newer_schema_is_refused_and_left_alone(self, path, create):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma user_version = 2")
        before = path.read_bytes()

        with pytest.raises(StoreError) as raised:
            open_log(url_of(path), create=create)

        assert "upgrade" in line_of(raised)
        assert before == path.read_bytes()

    @pytest.mark.parametrize("create", [False, True])
    def test_another_partition_count_is_a_configuration_error(self, path, create):
        with pytest.raises(ConfigurationError) as raised:
            open_log(url_of(path, 2), create=create)

        assert "partitions" in line_of(raised)
        with closing(open_log(url_of(path, 1))) as log:
            assert {0: 3} == log.end()

    @pytest.mark.parametrize(
        "query",
        ["?partitions=0", "?partitions=-1", "?partitions=x", "?partitions=", "?partitions=1001",
         "?partitions=1&partitions=1", "?partitions=\u0661", "?mode=ro", "?partitions=1&x=1"],
    )  # fmt: skip
    def test_a_query_that_is_no_partition_count_is_a_configuration_error(self, tmp_path, query):
        with pytest.raises(ConfigurationError) as raised:
            open_log(f"sqlite:{tmp_path / 'ledger.db'}{query}", create=True)

        line_of(raised)
        assert {} == files_in(tmp_path)

    def test_a_file_says_what_it_is_to_any_tool(self, path):
        with closing(sqlite3.connect(path)) as connection:
            (result,) = connection.execute("pragma application_id").fetchone()

        assert APPLICATION_ID == result
        assert b"OLOG" == APPLICATION_ID.to_bytes(4)


class TestReadOnly:
    """A log opened for reading is never written to, in any folder."""

    def test_an_append_is_refused_with_the_reason(self, path):
        with closing(open_log(url_of(path))) as log:
            with pytest.raises(StoreError) as raised:
                log.append(numbered(1))

            assert "ledger.db" in line_of(raised)
            assert {0: 3} == log.end()

    def test_reading_leaves_the_file_as_it_is(self, path):
        before = path.read_bytes()

        with closing(open_log(url_of(path))) as log:
            everything(log)
            list(log.read_by_key(log.end()))

        assert before == path.read_bytes()

    @pytest.mark.parametrize("folder_mode", [0o555, 0o755])
    @pytest.mark.parametrize("was_read", [False, True])
    def test_a_log_in_a_read_only_place_is_read(self, path, folder_mode, was_read):
        script = (
            "import os, sys\n"
            "from ledger.errors import StoreError; from ledger.log import NewRecord, open_log\n"
            "if os.geteuid() == 0:\n"
            "    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))\n"
            "if os.access(sys.argv[1], os.W_OK) or not os.access(sys.argv[1], os.R_OK):\n"
            "    sys.exit(77)\n"
            "log = open_log(f'sqlite:{sys.argv[1]}')\n"
            "print(log.end()[0], len(list(log.read_by_key(log.end()))))\n"
            "try: open_log(f'sqlite:{sys.argv[1]}', create=True).append([NewRecord(b'a', b'')])\n"
            "except StoreError as error: print(str(error).isprintable())\n"
        )
        if was_read:
            # A reader that may write leaves an empty -wal file and a -shm file behind.
            open_log(url_of(path)).close()
        # Not in pytest's folder, which others may not enter.
        place = Path(tempfile.mkdtemp())
        try:
            for item in path.parent.iterdir():
                shutil.copyfile(item, place / item.name)
                (place / item.name).chmod(0o444)
            before = files_in(place)
            place.chmod(folder_mode)
            with running(script, place / path.name, NOBODY) as process:
                output, trouble = process.communicate(timeout=BOUND)
            if process.returncode == 77:
                pytest.skip("here this user can write to a read-only file, or not read it")
            assert (0, "", "3 3\nTrue\n") == (process.returncode, trouble, output)
            assert before == files_in(place)
        finally:
            place.chmod(0o755)
            shutil.rmtree(place)


class TestSorting:
    """A partition is sorted before its first record is handed out."""

    @pytest.fixture
    def log(self, tmp_path):
        """Three megabytes, of which SQLite sorts one in memory."""
        with closing(open_log(url_of(tmp_path / "ledger.db"), create=True)) as log:
            log.append(NewRecord(b"s-%d" % (n % 7), bytes(10_000), NOON) for n in range(300))
            log._connection.execute("pragma cache_size = 10")
            yield log

    def test_what_a_tick_raises_ends_it_and_the_log_is_read_on(self, log, monkeypatch):
        monkeypatch.setattr(sqlite_log, "_TICK_INSTRUCTIONS", 100)
        ticks = iter(range(3))

        def tick():
            if next(ticks, None) is None:
                raise LookupError

        with pytest.raises(LookupError):
            list(log.read_partition_by_key(0, 300, tick=tick))

        assert 300 == len(list(log.read_partition_by_key(0, 300, tick=bool)))

    def test_a_full_temporary_folder_is_reported_in_one_line(self, log):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(StoreError, match="cannot be sorted in the temporary folder") as it:
                list(log.read_partition_by_key(0, 300, tick=bool))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert "full" in line_of(it)


class TestTwoProcesses:
    """Several processes may append; each waits for its turn and nothing is lost."""

    SCRIPT = (
        "import sys; from ledger.log import NewRecord, open_log\n"
        "print('up', flush=True); sys.stdin.readline()\n"
        "log = open_log(f'sqlite:{sys.argv[1]}?partitions=3', create=True)\n"
        "for batch in range(15):\n"
        "    keys = [f'{sys.argv[2]}-{n}'.encode() for n in range(20)]\n"
        "    assert log.append(NewRecord(key, b'%d' % batch) for key in keys).records == 20\n"
    )

    def test_two_processes_that_append_to_a_new_log_at_once_lose_nothing(self, tmp_path):
        place = tmp_path / "ledger.db"
        with ExitStack() as stack:
            both = [stack.enter_context(running(self.SCRIPT, place, name)) for name in "ab"]
            for process in both:
                wait_for_line(process, "up")
            for process in both:
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in both:
                finish(process)

        with closing(open_log(url_of(place))) as log:
            records = everything(log)
            assert [] == faults_of(log)
        expected = [(f"{name}-{n}".encode(), b"%d" % batch) for batch in range(15)
                    for name in "ab" for n in range(20)]  # fmt: skip
        assert sorted(expected) == sorted((record.key, record.value) for record in records)
        for partition in range(3):
            own = [record for record in records if record.partition == partition]
            assert list(range(len(own))) == [record.offset for record in own]
            for key in {record.key for record in own}:
                values = [int(record.value) for record in own if record.key == key]
                assert list(range(15)) == values

    def test_processes_that_create_a_log_at_once_create_one_log(self, tmp_path):
        script = (
            "import sys; from ledger.log import NewRecord, open_log\n"
            "print('up', flush=True); sys.stdin.readline()\n"
            "open_log(f'sqlite:{sys.argv[1]}', create=True).append([NewRecord(b'a', b'')])\n"
        )
        place = tmp_path / "ledger.db"
        with ExitStack() as stack:
            processes = [stack.enter_context(running(script, place)) for _ in range(4)]
            for process in processes:
                wait_for_line(process, "up")
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in processes:
                finish(process)

        with closing(open_log(url_of(place))) as log:
            assert {0: 4} == log.end()

    def test_a_writer_that_is_kept_waiting_too_long_says_so(self, path, monkeypatch):
        monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0)
        with (
            closing(open_log(url_of(path), create=True)) as log,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            other.execute("begin immediate")
            with pytest.raises(StoreError, match="another process") as raised:
                log.append(numbered(1))
            line_of(raised)
            assert {0: 3} == log.end()
            other.execute("rollback")

            assert {0: 4} == log.append(numbered(1)).end


class TestFaults:
    """Whatever ends an append midway, the log holds all of it or none, and opens again."""

    def test_a_process_killed_in_the_middle_of_an_append_leaves_none_of_it(self, tmp_path):
        script = (
            "import sys; from ledger.log import NewRecord, open_log\n"
            "log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "log.append(NewRecord(b'a', b'%d' % n) for n in range(10))\n"
            "def endless():\n"
            "    while True:\n"
            # More than the cache, so that part of it has gone to the disk.
            "        yield from [NewRecord(b'b', bytes(60_000))] * 1_500\n"
            "        print('midway', flush=True); sys.stdin.readline()\n"
            "log.append(endless())\n"
        )
        place = tmp_path / "ledger.db"
        with running(script, place) as process:
            wait_for_line(process, "midway")
            assert place.with_name("ledger.db-wal").stat().st_size > 10_000_000
            process.kill()
            process.wait(BOUND)

        for create in (False, True):
            with closing(open_log(url_of(place), create=create)) as log:
                assert [b"%d" % n for n in range(10)] == [
                    record.value for record in everything(log)
                ]
                assert [] == faults_of(log)
        with closing(open_log(url_of(place), create=True)) as log:
            assert {0: 11} == log.append(numbered(1)).end

    def test_a_process_killed_after_its_append_was_acknowledged_loses_nothing(self, tmp_path):
        script = (
            "import sys; from ledger.log import NewRecord, open_log\n"
            "log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "log.append(NewRecord(b'a', b'%d' % n) for n in range(1_000))\n"
            "print('acknowledged', flush=True); sys.stdin.readline()\n"
        )
        place = tmp_path / "ledger.db"
        with running(script, place) as process:
            wait_for_line(process, "acknowledged")
            process.kill()
            process.wait(BOUND)

        with closing(open_log(url_of(place))) as log:
            assert {0: 1_000} == log.end()

    def test_a_full_disk_is_reported_and_the_log_opens_again(self, path):
        script = (
            "import resource, sys; from ledger.errors import StoreError\n"
            "from ledger.log import NewRecord, open_log\n"
            "log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))\n"
            "for _ in range(3):\n"
            "    try: log.append([NewRecord(b'b', bytes(60_000))] * 2_000)\n"
            "    except StoreError as error: print(str(error).isprintable(), log.end()[0])\n"
            "print(log.append([NewRecord(b'a', b'')]).end[0])\n"
        )
        with running(script, path) as process:
            assert "True 3\n" * 3 + "4\n" == finish(process)

        with closing(open_log(url_of(path), create=True)) as log:
            assert {0: 5} == log.append(numbered(1)).end
            assert [] == faults_of(log)

    def test_a_damaged_file_is_reported_in_one_line(self, tmp_path):
        place = tmp_path / "ledger.db"
        with closing(open_log(url_of(place), create=True)) as log:
            log.append(NewRecord(b"s-%d" % n, b"%d" % n * 20, NOON) for n in range(2_000))
        size = place.stat().st_size
        with place.open("r+b") as file:
            file.seek(size // 3)
            file.write(b"\xff" * (size // 3))

        with closing(open_log(url_of(place))) as log:
            for read in (lambda: everything(log), lambda: list(log.read_by_key(log.end()))):
                with pytest.raises(StoreError) as raised:
                    read()
                assert "damaged" in line_of(raised)

    @pytest.mark.parametrize(
        ("statement", "sentence"),
        [
            ("delete from records where offset = 1", "partition 0 has 2 records below offset 3"),
            ("update records set recorded_at = 1 where offset = 2", "recorded_at goes back"),
        ],
    )
    def test_a_log_that_was_tampered_with_shows_it(self, path, statement, sentence):
        with closing(open_log(url_of(path))) as log:
            assert [] == faults_of(log)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)

        with closing(open_log(url_of(path))) as log:
            (fault,) = faults_of(log)

        assert fault.startswith(sentence)

    def test_a_missing_record_is_reported_with_its_offset(self, path):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("delete from records where offset = 0")

        with closing(open_log(url_of(path))) as log:
            with pytest.raises(StoreError) as raised:
                log.latest_recorded_at({0: 1})

            assert "offset 0" in line_of(raised)

    def test_an_error_in_opening_leaves_no_connection(self, path):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("drop table log")

        with pytest.raises(StoreError) as raised:
            SqliteLog.open(path)

        line_of(raised)
