"""`live --watch` on a terminal, and `live --max-lag` in a schedule."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import contextmanager

import pytest

from tests.e2e.command import OUTCOMES, SECONDS_MAX, environment, failure, run, started

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch")
    lines = run("generate", "--students", "40", "--seed", "7", folder=folder).out
    (folder / "events.jsonl").write_bytes(lines)
    assert 0 == run("append", "events.jsonl", folder=folder).code
    assert 0 == run("worker", "--once", folder=folder).code
    return folder


class Screen:
    """A terminal with a program on it."""

    def __init__(self, folder, *words, rows, columns=110):
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.output = b""
        self.process = subprocess.Popen(
            [OUTCOMES, *words], cwd=folder, stdin=slave, stdout=slave, stderr=slave,
            env=environment(TERM="xterm-256color"), start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def size(self, rows, columns=110):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text):
        until = time.monotonic() + SECONDS_MAX
        while text not in self.output:
            assert time.monotonic() < until, (text, self.output[-2_000:])
            self.read()
        return self.output

    def read(self):
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.output += os.read(self.master, 65_536)
            except OSError:
                return False
        return True

    def ended(self):
        """The exit code, once all output is read."""
        until = time.monotonic() + SECONDS_MAX
        while self.process.poll() is None and time.monotonic() < until:
            self.read()
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return self.process.wait(1)


@contextmanager
def watching(folder, *options, rows=80, columns=110):
    words = ("live", "--year", "2022", "--watch", *options)
    screen = Screen(folder, *words, rows=rows, columns=columns)
    try:
        yield screen
    finally:
        screen.process.kill()
        screen.process.wait()
        os.close(screen.master)


class TestScreen:
    """The page is drawn in place, and cursor and screen are whole in the end."""

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    def test_it_is_restored_after(self, folder, number, code):
        with watching(folder) as screen:
            screen.wait_for(b"Digest")
            screen.process.send_signal(number)
            assert code == screen.ended()
        assert screen.output.rindex(ENTER) < screen.output.rindex(LEAVE)
        assert screen.output.rindex(HIDE) < screen.output.rindex(SHOW)

    def test_a_page_without_room_is_brief_and_says_so_until_the_window_grows(self, folder):
        with watching(folder, rows=24) as screen:
            screen.wait_for(b"have no room here")
            assert b"partition 0" not in screen.output
            screen.size(90)
            screen.process.send_signal(signal.SIGWINCH)
            screen.wait_for(b"partition 0")

    def test_on_a_narrow_one_lines_are_broken_and_not_cut(self, folder):
        digest = json.loads(run("report", "--year", "2022", "--json", folder=folder).out)["digest"]
        with watching(folder, "--brief", rows=60, columns=40) as screen:
            screen.wait_for(digest[-20:].encode())

    def test_where_there_is_no_terminal_lines_follow_each_other(self, folder):
        with started("live", "--year", "2022", "--watch", folder=folder) as child:
            assert b"Impact report 2022" in child.stdout.readline()

    def test_json_is_one_object_a_line(self, folder):
        with started("live", "--year", "2022", "--watch", "--json", folder=folder) as child:
            line = child.stdout.readline()
        assert line.startswith(b"{")
        assert line.endswith(b"}\n")


class TestMaxLag:
    """A check that a schedule can act on."""

    def test_figures_that_nobody_keeps_fail_it(self, folder):
        done = run("live", "--year", "2022", "--max-lag", "30", folder=folder)

        assert 1 == done.code
        assert "partition 0: no worker; start `outcomes worker`\n" == done.text

    def test_figures_that_are_kept_pass_it(self, folder):
        with started("worker", folder=folder):
            until = time.monotonic() + SECONDS_MAX
            done = None
            while time.monotonic() < until:
                done = run("live", "--year", "2022", "--max-lag", "30", folder=folder)
                if done.code == 0:
                    break
            assert (0, "1 partition, 0.0 s behind\n") == (done.code, done.text)

    def test_it_looks_once(self, folder):
        done = run("live", "--year", "2022", "--max-lag", "1", "--watch", folder=folder)

        assert 2 == done.code
        assert "--watch" in failure(done)
