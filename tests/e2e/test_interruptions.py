from __future__ import annotations

import array
import fcntl
import os
import signal
import sqlite3
import termios
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.command import (
    count,
    event,
    events,
    failure,
    finish,
    run,
    started,
    until,
)
from tests.support.bounds import in_time

MANY = 60_000


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """So many record lines that appending them takes a while."""
    file = tmp_path_factory.mktemp("many") / "records.jsonl"
    line = '{{"key":"s-{0}","value":"{1}"}}\n'
    file.write_text("".join(line.format(number, "x" * 200) for number in range(MANY)))
    return file


def is_being_written(log):
    """Whether somebody holds the log's write lock."""
    if not log.exists():
        return False
    with closing(sqlite3.connect(log, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("begin immediate")
            db.execute("rollback")
        except sqlite3.OperationalError:
            return True
    return False


def unread(pipe):
    """How many bytes wait in a pipe."""
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0]


class TestInTheMiddleOfAnAppend:
    @pytest.fixture
    def log(self, outcomes, tmp_path):
        assert 0 == outcomes("append", "-", stdin=events(3)).code
        return tmp_path / "ledger.db"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_all_of_a_file_is_there_or_nothing(self, number, log, many, outcomes):
        def attempt():
            before = count(log)
            with started("append", "--records", many, folder=log.parent) as child:
                until(lambda: is_being_written(log) or child.poll() is not None, "the append")
                child.send_signal(number)
                done = finish(child)
            held = count(log)
            assert held in (before, before + MANY)
            # All of it is there where the signal came after the commit.
            return (done, held) if done.code and held == before else None

        done, held = in_time(attempt)
        assert (130 if number == signal.SIGINT else -number) == done.code
        if done.code == 130:
            assert "all of" in failure(done)
        assert 0 == outcomes("append", "-", stdin=event(4)).code
        report = outcomes("report", "--year", "2022", "--json")
        assert (0, held + 1) == (report.code, report.json["log"]["records"])
        assert b"broken" not in outcomes("doctor").out

    def test_an_interrupt_while_a_file_is_read_appends_nothing(self, log, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        with (
            started("append", "fifo", folder=tmp_path) as child,
            (tmp_path / "fifo").open("wb", buffering=0) as fifo,
        ):
            fifo.write(events(10))
            until(lambda: unread(fifo) == 0, "the lines to be read")
            child.send_signal(signal.SIGINT)
            done = finish(child)
        assert (130, 3) == (done.code, count(log))
        assert "interrupted" in failure(done)

    def test_an_interrupt_of_a_pipe_keeps_what_was_acknowledged_and_says_so(self, log, tmp_path):
        with started("append", "-", folder=tmp_path) as child:
            child.stdin.write(events(5))
            child.stdin.flush()
            until(lambda: count(log) == 8, "five records")
            child.stdin.write(event(6)[:20])
            child.stdin.flush()
            until(lambda: unread(child.stdin) == 0, "half a line to be read")
            child.send_signal(signal.SIGINT)
            until(lambda: child.poll() is not None, "the end")
            done = finish(child)
        assert (130, 8) == (done.code, count(log))
        assert "5" in failure(done)

    def test_a_wait_for_another_writer_ends_with_the_interrupt(self, log, tmp_path):
        with closing(sqlite3.connect(log, isolation_level=None)) as writer:
            writer.execute("begin immediate")
            with started("append", "-", folder=tmp_path) as child:
                child.stdin.write(events(2))
                child.stdin.close()
                child.stdin = None
                until(lambda: waits_for_the_lock(child.pid, log), "the append to wait")
                child.send_signal(signal.SIGINT)
                writer.execute("rollback")
                done = finish(child)
        assert (130, 3) == (done.code, count(log))


def waits_for_the_lock(pid, log):
    """Whether a process has the log open; on Linux its open files are links."""
    try:
        names = [path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return False
    return log.with_name(f"{log.name}-wal") in names


class TestKilled:
    def test_the_next_command_removes_what_a_killed_one_has_left(self, outcomes, tmp_path):
        room = tmp_path / "room"
        room.mkdir()
        outcomes("append", "-", stdin=events(3_000))
        words = ("report", "--year", "2022", "--engine", "columnar")

        def owners():
            return list(room.glob("outcomes-*/.owner"))

        def attempt():
            with started(*words, folder=tmp_path, env={"TMPDIR": str(room)}) as child:
                until(lambda: owners() or child.poll() is not None, "a folder for the replay")
            return owners() or None

        in_time(attempt)
        assert 0 == outcomes(*words, env={"TMPDIR": str(room)}).code
        assert [] == list(room.iterdir())


class TestElsewhere:
    def test_an_interrupt_of_tail_is_one_line(self, outcomes, tmp_path):
        outcomes("append", "-", stdin=event(1))
        with started("tail", "--follow", folder=tmp_path) as child:
            child.stdout.readline()
            child.send_signal(signal.SIGINT)
            done = finish(child)
        assert 130 == done.code
        assert "interrupted" in failure(done)

    def test_an_interrupt_of_generate_is_one_line(self, tmp_path):
        words = ("generate", "--students", "20000", "--seed", "1")
        with started(*words, folder=tmp_path) as child:
            child.stdout.readline()
            child.send_signal(signal.SIGINT)
            done = finish(child)
        assert 130 == done.code
        assert "interrupted" in failure(done)

    def test_an_interrupt_while_the_ledger_is_loaded_shows_no_traceback(self, tmp_path):
        (tmp_path / "sitecustomize.py").write_text(
            "import os, signal, sys\n"
            "class Interrupt:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'outcomes.cli.app':\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Interrupt())\n"
        )
        done = run("--version", folder=tmp_path, env={"PYTHONPATH": str(tmp_path)})
        assert b"Traceback" not in done.err
        assert 130 == done.code
