"""What a command prints or saves is there whole, or the exit code says so, however it is written.

Members of the kind come from reports about Python, rich and click: short writes of an unbuffered
stream (python/cpython 86210), streams that another process has set non-blocking (Textualize/rich
2492), a flush that fails only when Python ends (pixelb/ps_mem 69), text that the encoding of a
stream lacks (pallets/click 705), and widths of the terminal that are no numbers (cowrie 40477).
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.command import (
    events,
    fails,
    finish,
    rows,
    run,
    started,
    until,
)

BUFFERING = {"buffered": {}, "unbuffered": {"PYTHONUNBUFFERED": "1"}}
PRINTING = {
    "help": ["--help"],
    "nothing": [],
    "help of a command": ["report", "--help"],
    "help of a group": ["policy", "--help"],
    "version": ["--version"],
    "completion": ({"_OUTCOMES_COMPLETE": "source_bash"},),
    "completed words": (
        {"_OUTCOMES_COMPLETE": "complete_bash", "COMP_WORDS": "outcomes ", "COMP_CWORD": "1"},
    ),
    "report": ["report", "--year", "2022"],
    "report as json": ["report", "--year", "2022", "--json"],
    "verify": ["verify", "report.json"],
    "verify as json": ["verify", "report.json", "--json"],
    "live": ["live", "--year", "2022", "--state", "state.db"],
    "live as json": ["live", "--year", "2022", "--state", "state.db", "--json"],
    "tail": ["tail"],
    "tail as json": ["tail", "--jsonl"],
    "generate": ["generate", "--students", "20", "--seed", "1"],
    "validate": ["validate", "faulty.jsonl"],
    "validate as json": ["validate", "faulty.jsonl", "--json"],
    "append": ["append", "events.jsonl", "--log", "sqlite:own.db"],
    "append as json": ["append", "events.jsonl", "--log", "sqlite:own.db", "--json"],
    "archive": ["archive", "sealed"],
    "archive as json": ["archive", "sealed", "--json"],
    "backup": ["backup", "copy-{}.db"],
    "backup as json": ["backup", "copy-{}.db", "--json"],
    "demo": ["demo", "--students", "5"],
    "schema": ["schema"],
    "schema of a type": ["schema", "ledger.student.applied.v1"],
    "policy list": ["policy", "list"],
    "policy list as json": ["policy", "list", "--json"],
    "policy show": ["policy", "show"],
    "doctor": ["doctor"],
    "doctor as json": ["doctor", "--json"],
}
LONG = {
    "reports": ["report", "--year", "2021..2023", "--json"],
    "pages": ["report", "--year", "2000..2023"],
    "tail": ["tail", "--jsonl"],
    "generate": ["generate", "--students", "50", "--seed", "1"],
}


@pytest.fixture(scope="module")
def place(world, warm, tmp_path_factory):
    """A folder in which every command has something to print."""
    folder = tmp_path_factory.mktemp("printed")
    (folder / "report.json").write_bytes(world.report.read_bytes())
    (folder / "events.jsonl").write_bytes(events(2))
    (folder / "faulty.jsonl").write_bytes(b"{\n")
    warm.run("worker", "--once", "--state", "state.db", "--log", world.url, folder=folder)
    return folder


@pytest.fixture
def command(world, warm, place):
    """Runs a command of the tables, with changes of its environment."""

    def do(case, runner=warm.run, **options):
        env = {"OUTCOMES_LOG": world.url, **options.pop("env", {})}
        if isinstance(case, tuple):
            case, env = [], env | case[0]
        return runner(*case, folder=place, env=env, **options)

    return do


@pytest.mark.parametrize("mode", BUFFERING)
class TestFullDisk:
    @pytest.mark.parametrize("name", PRINTING)
    def test_a_full_device_is_one_line_and_exit_69(self, name, mode, command):
        words = PRINTING[name]
        if isinstance(words, list):
            words = [word.format(f"{name}-{mode}") for word in words]
        done = command(words, stdout="/dev/full", env=BUFFERING[mode])
        fails(done._replace(err=done.err.splitlines(keepends=True)[-1]), 69, "standard output")

    @pytest.mark.parametrize("name", LONG)
    def test_output_that_fits_in_part_is_not_taken_for_whole(self, name, mode, command, tmp_path):
        file = tmp_path / "out"
        file.touch()
        limit = {"file_bytes_max": 20_480}
        done = command(LONG[name], stdout=str(file), env=BUFFERING[mode], **limit)
        assert 20_480 == file.stat().st_size
        fails(done, 69, "standard output")


def set_nonblocking(descriptor):
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)


class TestNonBlockingOutput:
    """A pipe that another process has set non-blocking, and whose reader is slower than we are."""

    @pytest.mark.parametrize("mode", BUFFERING)
    @pytest.mark.parametrize("name", ["tail", "pages"])
    def test_a_slow_reader_gets_all_of_it(self, name, mode, world, place):
        env = {"OUTCOMES_LOG": world.url, **BUFFERING[mode]}
        expected = run(*LONG[name], folder=place, env=env).out
        reading, writing = os.pipe()
        set_nonblocking(writing)
        with started(*LONG[name], folder=place, env=env, stdout=writing) as child:
            os.close(writing)
            with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                received = b"".join(iter(lambda: pipe.read(1_000), b""))
            done = finish(child)
        assert (0, b"") == (done.code, done.err)
        assert 65_536 < len(expected)
        assert expected == received

    @pytest.mark.parametrize("mode", BUFFERING)
    def test_help_waits_for_its_reader_too(self, mode, place):
        expected = run("report", "--help", folder=place).out
        reading, writing = os.pipe()
        set_nonblocking(writing)
        os.write(writing, b"." * 65_536)
        env = BUFFERING[mode]
        with started("report", "--help", folder=place, env=env, stdout=writing) as child:
            os.close(writing)
            with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                received = b"".join(iter(lambda: pipe.read(1_000), b""))
            done = finish(child)
        assert (0, b"." * 65_536 + expected) == (done.code, received)

    def test_a_reader_that_goes_away_ends_the_wait(self, world, place):
        reading, writing = os.pipe()
        set_nonblocking(writing)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
        env = {"OUTCOMES_LOG": world.url}
        with started("tail", "--jsonl", folder=place, env=env, stdout=writing) as child:
            os.close(writing)
            os.read(reading, 1)
            os.close(reading)
            done = finish(child)
        assert (0, b"") == (done.code, done.err)

    def test_an_interruption_ends_the_wait(self, world, place):
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
        env = {"OUTCOMES_LOG": world.url}
        with started("tail", "--jsonl", folder=place, env=env, stdout=writing) as child:
            os.close(writing)
            os.read(reading, 1)
            child.send_signal(signal.SIGINT)
            done = finish(child)
            os.close(reading)
        fails(done, 130, "interrupted")

    def test_lines_on_standard_error_wait_for_their_reader(self, tmp_path):
        (tmp_path / "faulty.jsonl").write_bytes(b"{\n" * 2_000)
        reading, writing = os.pipe()
        set_nonblocking(writing)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
        words = ["append", "faulty.jsonl", "--skip-invalid"]
        with started(*words, folder=tmp_path, stderr=writing) as child:
            os.close(writing)
            with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
                received = b"".join(iter(lambda: pipe.read(1_000), b""))
            done = finish(child)
        assert (0, 2_000) == (done.code, received.count(b"\n"))


def sleeps(pid, samples=20):
    """Whether a process sleeps, and goes on doing so for a while, as one that waits for input."""
    for _ in range(samples):
        if " (outcomes) S " not in Path(f"/proc/{pid}/stat").read_text():
            return False
        time.sleep(0.005)
    return True


class TestNonBlockingInput:
    """Standard input in non-blocking mode is waited for, as any other."""

    @pytest.fixture
    def fed(self, world, place):
        """Runs a command that looks for standard input before any of it, and the rest, is there."""

        def do(data, *words):
            reading, writing = os.pipe()
            set_nonblocking(reading)
            env = {"OUTCOMES_LOG": world.url}
            half = len(data) // 2
            with started(*words, folder=place, env=env, stdin=reading) as child:
                os.close(reading)
                for part in (data[:half], data[half:]):
                    until(partial(sleeps, child.pid), "a command that waits")
                    os.write(writing, part)
                os.close(writing)
                return finish(child)

        return do

    def test_append_takes_all_of_it(self, fed, tmp_path):
        done = fed(events(30), "append", "-", "--log", f"sqlite:{tmp_path / 'own.db'}")
        assert (0, b"") == (done.code, done.err)
        assert 30 == len(rows(tmp_path / "own.db"))

    def test_validate_takes_all_of_it(self, fed):
        assert b"30 lines, none at fault" in fed(events(30), "validate", "-").err

    def test_verify_takes_all_of_it(self, fed, world):
        done = fed(world.report.read_bytes(), "verify", "-")
        assert (0, b"") == (done.code, done.err)
        assert "no difference" in done.text


class TestSavedFiles:
    """A file appears under its name when it is whole."""

    def test_a_report_of_the_demo_that_does_not_fit_leaves_the_one_before(self, warm, tmp_path):
        words = ["demo", "--students", "3", "--out", "out"]
        assert 0 == warm.run(*words, folder=tmp_path).code
        reports = sorted((tmp_path / "out").glob("*.json"))
        before = [file.read_bytes() for file in reports]
        done = warm.run(*words, folder=tmp_path, file_bytes_max=len(before[0]) - 1)
        assert (69, b"") == (done.code, done.out)
        assert before == [file.read_bytes() for file in reports]
        assert {"demo-ledger.db", *(file.name for file in reports)} >= {
            file.name
            for file in (tmp_path / "out").iterdir()
            if not file.name.endswith(("-wal", "-shm"))
        }


class TestEncoding:
    """Help comes out where the stream's encoding lacks its characters."""

    @pytest.mark.parametrize("encoding", ["ascii", "latin1", "cp1252", "ascii:strict"])
    @pytest.mark.parametrize("words", [["--help"], ["report", "--help"], ["report", "--year", "x"]])
    def test_a_narrow_encoding_is_no_reason_to_fail(self, encoding, words, tmp_path):
        done = run(*words, folder=tmp_path, env={"PYTHONIOENCODING": encoding})
        assert (2 if "x" in words else 0) == done.code, done
        assert b"Traceback" not in done.err
        assert b"internal error" not in done.err

    def test_data_is_utf_8_in_every_locale(self, world, place):
        env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        page = run("report", "--year", "2022", "--log", world.url, folder=place, env=env)
        assert "“none of the five”" in page.out.decode("utf-8")


class TestWidth:
    """A width of the terminal that makes no sense is left aside."""

    @pytest.mark.parametrize("variable", ["COLUMNS", "TERMINAL_WIDTH", "LINES"])
    @pytest.mark.parametrize("value", ["abc", "", "0", "-5", "²", "99999999999999", "9" * 5_000])
    def test_help_comes_out(self, variable, value, warm, tmp_path):
        done = warm.run("report", "--help", folder=tmp_path, env={variable: value})
        assert (0, b"") == (done.code, done.err)
        assert b"--as-of" in done.out
