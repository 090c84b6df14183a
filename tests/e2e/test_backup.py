"""`outcomes backup`: a copy that is whole, whoever writes meanwhile, or no copy at all."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from ledger.log import NewRecord, open_log
from ledger.log.sqlite import backup as backup_module
from ledger.log.sqlite.backup import back_up
from ledger.log.sqlite.log import SqliteLog
from tests.e2e.command import fails, until
from tests.ledger.log.contract import everything
from tests.support.bounds import BOUND, in_time
from tests.support.histories import ROOT
from tests.support.permissions import without_root


@pytest.fixture
def path(tmp_path):
    """A log of three partitions whose latest records are only in the file beside it."""
    path = tmp_path / "ledger.db"
    append(path, range(300))
    return path


def append(path, numbers):
    with closing(open_log(f"sqlite:{path}?partitions=3", create=True)) as log:
        log.append(NewRecord(b"s-%d" % (n % 7), b"%d" % n) for n in numbers)


def records(path):
    with closing(open_log(f"sqlite:{path}")) as log:
        return everything(log)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


class TestCopy:
    def test_it_holds_what_only_the_wal_holds_and_nothing_lies_beside_it(
        self, path, tmp_path, warm
    ):
        (tmp_path / "out").mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("begin")
            reader.execute("select count(*) from records").fetchone()
            append(path, range(300, 400))
            words = ["backup", "out/copy.db", "--log", f"sqlite:{path}"]
            done = warm.run(*words, folder=tmp_path)

        assert (0, b"") == (done.code, done.err)
        assert done.text.startswith("out/copy.db: 400 records copied and compared; end 0:")
        assert ["copy.db"] == names(tmp_path / "out")
        assert records(path) == records(tmp_path / "out" / "copy.db")

    def test_it_is_a_log_to_go_on_with(self, path, tmp_path, warm):
        warm.run("backup", "copy.db", "--log", f"sqlite:{path}", folder=tmp_path)
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            assert ("wal",) == copy.execute("pragma journal_mode").fetchone()

        append(tmp_path / "copy.db", range(300, 310))

        assert 310 == len(records(tmp_path / "copy.db"))
        assert 300 == len(records(path))

    def test_json_says_how_much_it_holds(self, path, tmp_path, warm):
        words = ["backup", "copy.db", "--log", f"sqlite:{path}", "--json"]

        made = json.loads(warm.run(*words, folder=tmp_path).out)

        with closing(open_log(f"sqlite:{path}")) as log:
            end = {str(partition): offset for partition, offset in log.end().items()}
        size = (tmp_path / "copy.db").stat().st_size
        assert {"backup": "copy.db", "records": 300, "bytes": size, "end": end} == made

    def test_nobody_gets_to_read_it_who_could_not_read_the_log(self, path, tmp_path, warm):
        path.chmod(0o600)

        warm.run("backup", "copy.db", "--log", f"sqlite:{path}", folder=tmp_path)

        assert 0o600 == (tmp_path / "copy.db").stat().st_mode & 0o777

    def test_what_is_appended_meanwhile_is_whole_or_absent(self, path, tmp_path):
        script = (
            "import sys; from ledger.log import NewRecord, open_log\n"
            "log = open_log(f'sqlite:{sys.argv[1]}', create=True)\n"
            "print('up', flush=True)\n"
            "for n in range(10_000):\n"
            "    log.append([NewRecord(b's-%d' % m, b'x') for m in range(30)])\n"
        )
        with (
            subprocess.Popen(
                [sys.executable, "-c", script, path], cwd=ROOT, stdout=subprocess.PIPE
            ) as writer,
            closing(SqliteLog.open(path)) as log,
        ):
            try:
                assert b"up\n" == writer.stdout.readline()
                for number in range(4):
                    made = back_up(log, tmp_path / f"{number}.db")
                    assert 0 == made.records % 30
            finally:
                writer.kill()
        whole = records(path)
        for number in range(4):
            copied = set(records(tmp_path / f"{number}.db"))
            assert len(copied) >= 300
            assert copied <= set(whole)

    @pytest.mark.parametrize(
        "name", ["a#b%20c.db", "file:x.db", "-x.db", "[a]*{b}$c~'\";.db", b"caf\xe9.db", "a\nb.db"]
    )
    def test_any_name_that_a_log_url_can_express_is_exact(self, path, tmp_path, warm, name):
        (tmp_path / "out").mkdir()
        target = os.fsdecode(os.fsencode("out/") + os.fsencode(name))

        done = warm.run("backup", "--log", f"sqlite:{path}", "--", target, folder=tmp_path)

        assert 0 == done.code, done
        assert [os.fsdecode(name)] == names(tmp_path / "out")


def holds_bytes(path):
    """Whether a file has been written to; it may be gone already."""
    try:
        return path.is_file() and path.stat().st_size > 0
    except FileNotFoundError:
        return False


class TestRefused:
    def refused(self, warm, folder, words, code, *fragments):
        before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}

        fails(warm.run(*words, folder=folder), code, *fragments)

        left = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        sidecars = {file for file in left if file.name.endswith(("-wal", "-shm"))}
        assert before == {file: left[file] for file in left.keys() - (sidecars - before.keys())}

    @pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link", "itself"])
    def test_an_existing_target_is_never_replaced(self, path, tmp_path, warm, kind):
        target = path if kind == "itself" else tmp_path / "copy.db"
        if kind == "file":
            target.write_bytes(b"")
        elif kind == "folder":
            target.mkdir()
        elif kind == "link":
            target.symlink_to(path)
        elif kind == "dangling link":
            target.symlink_to(tmp_path / "none")

        words = ["backup", str(target), "--log", f"sqlite:{path}"]
        self.refused(warm, tmp_path, words, 69, target.name, "exists")

    def test_a_wal_of_another_log_never_becomes_part_of_it(self, path, tmp_path, warm):
        (tmp_path / "copy.db-wal").write_bytes(b"x" * 100)

        words = ["backup", "copy.db", "--log", f"sqlite:{path}"]
        self.refused(warm, tmp_path, words, 69, "copy.db-wal", "move it away")

    @pytest.mark.parametrize(
        ("target", "log", "failure"),
        [
            ("none/copy.db", "sqlite:ledger.db", (69, "no folder none")),
            ("a?b.db", "sqlite:ledger.db", (78, "a?b.db", "another name")),
            ("copy.db", "sqlite:none.db", (69, "no log at none.db")),
            ("copy.db", "archive:sealed", (2, "copy the folder")),
            ("copy.db", "kafka://h:9092/t", (2, "outcomes archive FOLDER --log kafka")),
        ],
    )
    @pytest.mark.usefixtures("path")
    def test_what_cannot_be_backed_up_is_refused_with_what_to_do(
        self, tmp_path, warm, target, log, failure
    ):
        self.refused(warm, tmp_path, ["backup", target, "--log", log], *failure)

    def test_a_damaged_log_has_no_backup(self, path, tmp_path, warm):
        append(path, range(300, 3_000))
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size // 3)
            file.write(b"\xff" * (size // 3))

        words = ["backup", "copy.db", "--log", f"sqlite:{path}"]
        self.refused(warm, tmp_path, words, 69, "damaged")

    def test_a_copy_that_differs_is_not_kept(self, path, tmp_path, monkeypatch):
        copy_to = SqliteLog.copy_to

        def altered(log, file, progress):
            copy_to(log, file, progress)
            with closing(sqlite3.connect(file)) as copy, copy:
                copy.execute("update records set value = x'00' where offset = 5")

        monkeypatch.setattr(SqliteLog, "copy_to", altered)
        with (
            closing(SqliteLog.open(path)) as log,
            pytest.raises(backup_module.StoreError, match="differs"),
        ):
            back_up(log, tmp_path / "copy.db")

        assert "copy.db" not in names(tmp_path)
        assert [] == [name for name in names(tmp_path) if name.startswith("outcomes-")]

    def test_a_full_disk_leaves_nothing(self, path, tmp_path, outcomes):
        (tmp_path / "out").mkdir()
        limited = ["sh", "-c", 'ulimit -f 8; PYTHONDONTWRITEBYTECODE=1 exec "$@"', "sh"]

        done = outcomes("backup", tmp_path / "out" / "copy.db", "--log", f"sqlite:{path}",
                        prefix=limited)  # fmt: skip

        fails(done, 69, "copy.db")
        assert [] == names(tmp_path / "out")

    def test_a_folder_that_cannot_be_written_to_is_said_with_what_to_do(
        self, path, tmp_path, outcomes
    ):
        (tmp_path / "out").mkdir(mode=0o555)

        done = outcomes("backup", tmp_path / "out" / "copy.db", "--log", f"sqlite:{path}",
                        prefix=without_root())  # fmt: skip

        fails(done, 69, "out/", "check the permissions")
        assert [] == names(tmp_path / "out")

    def test_an_interrupt_leaves_nothing(self, path, tmp_path):
        append(path, range(300, 60_000))
        (tmp_path / "out").mkdir()
        command = [sys.executable, "-m", "outcomes", "backup", tmp_path / "out" / "copy.db",
                   "--log", f"sqlite:{path}"]  # fmt: skip

        def attempt():
            (tmp_path / "out" / "copy.db").unlink(missing_ok=True)
            with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
                until(
                    lambda: (
                        any(map(holds_bytes, (tmp_path / "out").rglob("*")))
                        or process.poll() is not None
                    ),
                    "a copy",
                )
                process.send_signal(signal.SIGINT)
                output = process.communicate(timeout=BOUND)[1]
            return (process.returncode, output) if process.returncode else None

        code, output = in_time(attempt)
        assert 130 == code, output
        assert b"Traceback" not in output
        assert [] == names(tmp_path / "out")
