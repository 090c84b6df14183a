from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.e2e.command import count, event, events, fails, finish, rows, run, started
from tests.support.permissions import without_root

READING = {
    "report": ["report", "--year", "2022"],
    "tail": ["tail"],
    "doctor": ["doctor"],
}


def sqlite_of_somebody(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in ("create table theirs (a)", "insert into theirs values (1)", *statements):
            db.execute(statement)
            db.commit()


class TestForeignFiles:
    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, warm, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("foreign")
        sqlite_of_somebody(folder / "theirs.db")
        sqlite_of_somebody(folder / "theirs-wal.db", "pragma journal_mode = wal")
        (folder / "text.db").write_text("Dear diary,\n" * 1_000)
        (folder / "short.db").write_text("xy")
        (folder / "folder").mkdir()
        shutil.copy(world.log, folder / "newer.db")
        with closing(sqlite3.connect(folder / "newer.db")) as db:
            db.execute("pragma user_version = 2")
        (folder / "empty.db").write_bytes(b"")
        truncated = world.log.read_bytes()
        (folder / "truncated.db").write_bytes(truncated[: len(truncated) // 2 + 100])
        before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        names = ["theirs.db", "theirs-wal.db", "text.db", "short.db", "folder", "newer.db"]
        cases = {}
        for name in names:
            log = ["--log", f"sqlite:{name}"]
            cases["append", name] = (["append", "-", *log], {"stdin": event(1)})
            cases["tail", name] = ["tail", *log]
        for name in ("empty.db", "missing.db"):
            cases["tail", name] = ["tail", "--log", f"sqlite:{name}"]
        for command, words in READING.items():
            cases[command, "truncated.db"] = [*words, "--log", "sqlite:truncated.db"]
            cases[command, "none"] = [*words, "--log", "sqlite:none.db"]
        done = warm.run_all(cases, folder=folder)
        done["changed"] = [
            name for name, data in before.items() if (folder / name).read_bytes() != data
        ]
        done["new"] = sorted({path.name for path in folder.iterdir()} - {*before, "folder"})
        return done

    @pytest.mark.parametrize("command", ["append", "tail"])
    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("theirs.db", "not a log"),
            ("theirs-wal.db", "not a log"),
            ("text.db", "not a log"),
            ("short.db", "not a log"),
            ("folder", "is a folder"),
            ("newer.db", "upgrade the ledger"),
        ],
    )
    def test_a_foreign_file_is_refused(self, command, name, word, refused):
        fails(refused[command, name], 69, name, word)

    @pytest.mark.parametrize("name", ["empty.db", "missing.db"])
    def test_what_is_no_log_is_not_read(self, name, refused):
        fails(refused["tail", name], 69, name)

    @pytest.mark.parametrize("command", ["report", "tail"])
    def test_a_truncated_log_is_reported_in_one_line(self, command, refused):
        done = refused[command, "truncated.db"]
        fails(done._replace(out=b""), 69, "truncated.db", "doctor")

    def test_doctor_calls_a_truncated_log_broken(self, refused):
        done = refused["doctor", "truncated.db"]
        assert (69, b"") == (done.code, done.err), done
        assert "broken" in done.text

    @pytest.mark.parametrize("command", ["report", "tail"])
    def test_a_missing_log_is_reported_in_one_line(self, command, refused):
        fails(refused[command, "none"], 69, "none.db", "outcomes append")

    def test_no_file_is_changed(self, refused):
        assert [] == refused["changed"]

    def test_no_file_is_made(self, refused):
        assert [] == [name for name in refused["new"] if not name.endswith(("-shm", "-wal"))]


URLS = {
    "http://example.org/x": "http://example.org/x",
    "sqlite:": "sqlite:",
    "ledger.db": "sqlite:PATH",
    "sqlite:x.db?y=1": "partitions=N",
    "sqlite:x.db?partitions=0": "from 1 to",
    "sqlite:x.db?partitions=-1": "partitions=N",
    "sqlite:x.db?partitions=": "partitions=N",
    "sqlite:x.db?partitions=1&partitions=2": "partitions=N",
    "sqlite:x.db?partitions=1001": "from 1 to",
    "sqlite:x.db?partitions=" + "1" * 5_000: "from 1 to",
}


class TestUrls:
    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, warm, tmp_path_factory):
        folder = tmp_path_factory.mktemp("urls")
        cases = {url: (["append", "-", "--log", url], {"stdin": event(1)}) for url in URLS}
        done = warm.run_all(cases, folder=folder)
        done["left"] = list(folder.iterdir())
        return done

    @pytest.mark.parametrize("url", URLS, ids=lambda url: url[:40])
    def test_a_bad_url_is_a_configuration_error(self, url, refused):
        fails(refused[url], 78, "--log", URLS[url])

    def test_no_file_is_made(self, refused):
        assert [] == refused["left"]

    def test_a_demo_whose_log_no_url_could_name_is_refused(self, warm, tmp_path):
        done = warm.run("demo", "--students", "5", "--out", "a?b", folder=tmp_path)

        fails(done, 78, "a?b/demo-ledger.db", "choose another name")
        assert [] == list(tmp_path.iterdir())

    def test_the_partition_count_of_a_log_never_changes(self, ask, world):
        before = rows(world.log)
        done = ask("append", "-", "--log", f"{world.url}?partitions=2", stdin=event(1))
        fails(done, 78, "has 3 partitions, not 2")
        assert before == rows(world.log)

    def test_a_log_in_a_missing_folder_is_named(self, outcomes):
        done = outcomes("append", "-", "--log", "sqlite:none/ledger.db", stdin=event(1))
        fails(done, 69, "no folder none")

    def test_the_url_may_come_from_the_environment(self, ask, world):
        assert f"{count(world.log):,} records" in ask("doctor").text

    def test_an_odd_file_name_is_no_fault_of_the_ledger(self, warm, world, tmp_path):
        name = b"\xff.db"
        shutil.copy(world.log, os.fsencode(tmp_path) + b"/" + name)
        shutil.copy(world.report, os.fsencode(tmp_path) + b"/\xff.json")
        cases = {
            "doctor": ["doctor", "--log", b"sqlite:" + name],
            "verify": ["verify", b"\xff.json", "--log", world.url],
        }
        done = warm.run_all(cases, folder=tmp_path)
        assert [0, 0] == [item.code for item in done.values()], done


class TestReadOnlyFolder:
    @pytest.fixture
    def kept(self, world, tmp_path):
        folder = tmp_path / "kept"
        folder.mkdir()
        shutil.copy(world.log, folder / "ledger.db")
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)

    def test_a_report_works_and_an_append_is_refused(self, kept, world):
        context = {"folder": kept, "prefix": without_root()}
        done = run("report", "--year", "2022", "--json", **context)
        assert (0, world.report.read_bytes(), b"") == (done.code, done.out, done.err)
        refused = run("append", "-", stdin=event(1), **context)
        fails(refused, 69, "ledger.db", "permissions")
        assert ["ledger.db"] == [path.name for path in kept.iterdir()]

    def test_a_new_log_there_is_refused(self, kept):
        done = run(
            *("append", "-", "--log", "sqlite:new.db"),
            stdin=event(1),
            folder=kept,
            prefix=without_root(),
        )
        fails(done, 69, "new.db", "permissions")

    def test_an_unreadable_file_is_reported_in_one_line(self, tmp_path):
        for name in ("ledger.db", "events.jsonl", "policy.json", "report.json"):
            (tmp_path / name).write_bytes(b"{}")
            (tmp_path / name).chmod(0)
        cases = {
            "tail": (69, ["tail"]),
            "append": (65, ["append", "events.jsonl", "--log", "sqlite:other.db"]),
            "report": (78, ["report", "--year", "2022", "--policy", "policy.json"]),
            "verify": (65, ["verify", "report.json"]),
        }
        for code, words in cases.values():
            fails(run(*words, folder=tmp_path, prefix=without_root()), code)


class TestFullDisk:
    def test_a_limit_on_file_sizes_leaves_nothing_of_the_append(self, outcomes, world, tmp_path):
        log = tmp_path / "ledger.db"
        outcomes("append", "-", stdin=events(3))
        before = rows(log)
        limited = ["sh", "-c", 'ulimit -f 300; exec "$@"', "sh"]
        fails(outcomes("append", world.events, prefix=limited), 69, "was not appended to", "full")
        assert before == rows(log)
        assert 0 == outcomes("append", world.events).code
        assert len(before) + world.events.read_bytes().count(b"\n") == count(log)

    def test_a_full_file_system_leaves_nothing_of_the_append(self, outcomes, tmp_path):
        small = tmp_path / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", small]
        if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small file system")
        try:
            url = f"sqlite:{small}/ledger.db"
            outcomes("append", "-", "--log", url, stdin=events(3))
            (small / "ballast").write_bytes(b"x" * 600_000)
            (tmp_path / "large.jsonl").write_bytes(events(3_000))
            fails(
                outcomes("append", "large.jsonl", "--log", url), 69, "was not appended to", "full"
            )
            assert 3 == count(small / "ledger.db")
            done = outcomes("append", "-", "--log", url, "--batch", "1", stdin=events(2))
            assert 0 == done.code, done
            (small / "ballast").unlink()
            assert 0 == outcomes("tail", "--log", url).code
        finally:
            subprocess.run(["umount", small], check=True)


class TestSeveralAtOnce:
    def test_appends_to_a_new_log_all_succeed(self, world, tmp_path):
        words = ("append", world.events, "--log", "sqlite:ledger.db?partitions=2")
        with (
            started(*words, folder=tmp_path) as item,
            started(*words, folder=tmp_path) as two,
            started(*words, folder=tmp_path) as three,
        ):
            done = [finish(child) for child in (item, two, three)]
        assert [0, 0, 0] == [item.code for item in done], done
        held = rows(tmp_path / "ledger.db")
        assert 3 * world.events.read_bytes().count(b"\n") == len(held)
        for partition in (0, 1):
            offsets = [row[1] for row in held if row[0] == partition]
            assert list(range(len(offsets))) == offsets

    def test_a_reader_sees_what_is_acknowledged_while_another_writes(self, outcomes, tmp_path):
        outcomes("append", "-", stdin=events(3))
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as writer:
            writer.execute("begin immediate")
            writer.execute("insert into records values (0, 3, 9999999999999, x'00', x'00')")
            report = outcomes("report", "--year", "2022", "--json")
            assert (0, b"") == (report.code, report.err)
            assert {"0": 3} == report.json["log"]["cut"]
            assert 3 == len(outcomes("tail").out.splitlines())
            writer.execute("rollback")


class TestWildTimes:
    """Another program may have stamped records of a file with any number."""

    @pytest.mark.parametrize(
        ("stamp", "text"),
        [
            (1_700_000_000_000_000, b"+055840-11-08T22:13:20.000Z"),
            (2**63 - 1, b"+292278994-08-17T07:12:55.807Z"),
            (-1, b"1969-12-31T23:59:59.999Z"),
            (-(2**63), b"-292275055-05-16T16:47:04.192Z"),
        ],
    )
    def test_every_command_reads_them(self, warm, outcomes, tmp_path, stamp, text):
        outcomes("append", "-", stdin=events(3))
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            db.execute("drop trigger if exists records_are_final")
            db.execute("update records set recorded_at = ?", (stamp,))
            db.commit()
        worker, live = ["worker", "--once"], ["live", "--year", "2022", "--json"]
        done = warm.run_all({"worker": worker}, folder=tmp_path)
        # A worker that comes back finds the same records.
        done |= warm.run_all({"again": worker}, folder=tmp_path)
        cases = {
            "live": live,
            "tail": ["tail"],
            "lines": ["tail", "--jsonl"],
            "doctor": ["doctor"],
            "report": ["report", "--year", "2022", "--json"],
        }
        done |= warm.run_all(cases, folder=tmp_path)

        assert dict.fromkeys(done, 0) == {name: item.code for name, item in done.items()}, done
        for name in ("tail", "lines", "doctor"):
            assert text in done[name].out, name
        assert done["report"].json["digest"] == done["live"].json["digest"]
