"""Running `outcomes` as a user does: a process of its own, bytes in, bytes out, an exit code."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import pty
import select
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
OUTCOMES = Path(sys.executable).with_name("outcomes")
SECONDS_MAX = 300
_OF_THE_TERMINAL = ("NO_COLOR", "COLUMNS", "LINES", "GITHUB_ACTIONS", "PY_COLORS")


class Done(NamedTuple):
    """What a finished command has left behind."""

    code: int
    out: bytes
    err: bytes

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def text(self):
        return self.out.decode()


def environment(**changes):
    """The tests' environment without what would change how the command looks or where it reads."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OUTCOMES_", "_OUTCOMES", "FORCE_", "TTY_", "PYTHON"))
        and name not in _OF_THE_TERMINAL
    }
    return {**kept, **changes}


def run(*words, folder, stdin=b"", env=None, prefix=(), **options):
    """Run `outcomes` to its end; `prefix` is a command that starts it.

    Without a prefix or options of `subprocess.run` the process is forked from one that has loaded
    the ledger already, see `Warm`, unless its environment says how Python starts.
    """
    if prefix or options or any(name.startswith(("PYTHON", "LC_", "LANG")) for name in env or ()):
        return run_fresh(*words, folder=folder, stdin=stdin, env=env, prefix=prefix, **options)
    return shared_warm().run(*words, folder=folder, stdin=stdin, env=env)


def run_fresh(*words, folder, stdin=b"", env=None, prefix=(), **options):
    """Run `outcomes` from the start of Python to its end, see `run`."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    if "stdin_from" in options:
        options["stdin"] = options.pop("stdin_from")
    else:
        options["input"] = stdin
    done = subprocess.run(
        [*prefix, OUTCOMES, *words],
        cwd=folder,
        env=environment(**(env or {})),
        timeout=SECONDS_MAX,
        check=False,
        **options,
    )
    return Done(done.returncode, done.stdout or b"", done.stderr or b"")


def without_roots(report):
    """A report of an archive as its log's is: the roots are all that it has more."""
    document = json.loads(report)
    del document["log"]["roots"]
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


class Warm:
    """Runs commands one after the other, see `warm`; a command that needs more runs by itself."""

    def __init__(self, folder):
        self.streams = [folder / name for name in ("stdin", "stdout", "stderr")]
        for stream in self.streams:
            stream.touch()
        request, asking = os.pipe()
        answering, answers = os.pipe()
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.warm", str(request), str(answers)],
            cwd=ROOT,
            env=environment(),
            pass_fds=(request, answers),
        )
        os.close(request)
        os.close(answers)
        self.asking, self.answering = os.fdopen(asking, "wb"), os.fdopen(answering, "rb")

    def close(self):
        self.asking.close()
        self.server.wait(SECONDS_MAX)
        self.answering.close()

    def run(self, *words, folder, stdin=b"", env=None, stdout=None, file_bytes_max=None):
        """Run a command; `stdout` is a path to write to, `file_bytes_max` limits its files."""
        streams = [*self.streams]
        streams[0].write_bytes(stdin)
        if stdout is not None:
            streams[1] = stdout
        request = {
            "words": [os.fsdecode(word) for word in words],
            "folder": str(folder),
            "environment": environment(**(env or {})),
            "streams": [str(stream) for stream in streams],
            "file_bytes_max": file_bytes_max,
        }
        self.asking.write(json.dumps(request).encode() + b"\n")
        self.asking.flush()
        ready, _, _ = select.select([self.answering], [], [], SECONDS_MAX)
        assert ready, words
        code = int(self.answering.readline())
        out = b"" if stdout is not None else streams[1].read_bytes()
        return Done(code, out, streams[2].read_bytes())

    def run_all(self, cases, *, folder):
        """Run several commands: name → words, or (words, options of `run`)."""
        done = {}
        for name, case in cases.items():
            words, options = case if isinstance(case, tuple) else (case, {})
            done[name] = self.run(*words, **{"folder": folder, **options})
        return done


@cache
def shared_warm():
    """The runner of all tests of this process; it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="outcomes-warm-"))
    runner = Warm(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(runner.close)
    return runner


def run_all(cases, *, folder):
    """Run several commands side by side, each by itself, see `Warm.run_all`."""

    def run_case(case):
        words, options = case if isinstance(case, tuple) else (case, {})
        return run_fresh(*words, **{"folder": folder, **options})

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(cases, pool.map(run_case, cases.values()), strict=True))


@contextmanager
def started(*words, folder, env=None, **options):
    """A running command, killed at the end where it still runs."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen(
        [OUTCOMES, *words],
        cwd=folder,
        env=environment(**(env or {})),
        **{**pipes, **options},
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def finish(child):
    """Wait for a running command's end."""
    out, err = child.communicate(timeout=SECONDS_MAX)
    return Done(child.returncode, out or b"", err or b"")


def until(holds, what):
    """Wait for a condition, for so long as no machine needs."""
    end = time.monotonic() + SECONDS_MAX / 2
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def on_terminal(*words, folder, columns, env=None):
    """Run a command whose standard output is a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    child = subprocess.Popen(
        [OUTCOMES, *words],
        cwd=folder,
        env=environment(TERM="xterm-256color", **(env or {})),
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
    )
    os.close(slave)
    out = bytearray()
    try:
        while chunk := os.read(master, 65_536):
            out += chunk
    except OSError:
        pass  # Linux: the last holder of the terminal is gone.
    finally:
        os.close(master)
    err = child.communicate(timeout=SECONDS_MAX)[1]
    return Done(child.returncode, bytes(out).replace(b"\r\n", b"\n"), err)


def failure(done):
    """The one line in which a command says what is wrong; fault lines of input may precede it."""
    lines = done.err.decode().splitlines()
    results = [line for line in lines if not line.startswith("line ")]
    assert b"Traceback" not in done.err + done.out, done
    assert len(results) == 1, done
    assert results[0].startswith("outcomes: "), done
    assert lines[-1] == results[0], done
    assert "internal error" not in results[0], done
    return results[0]


def fails(done, code, *words):
    """Assert that a command failed as the specification says, its one line naming some words."""
    line = failure(done)
    assert code == done.code, done
    assert [] == [word for word in words if word not in line], line


def rows(path):
    """A log's records by (partition, offset), read past the code under test."""
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as db:
        query = (
            "select partition, offset, recorded_at, key, value from records"
            " order by partition, offset"
        )
        return db.execute(query).fetchall()


def count(path):
    """How many records a log holds for a reader beside the writer; 0 while there is no log."""
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as db:
            return db.execute("select count(*) from records").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def event(number=1, *, subject=None, kind="student.applied", data=None, **attributes):
    """One event as the bytes of a line, without the line end."""
    made = {
        "specversion": "1.0",
        "id": str(number),
        "source": "/crm",
        "type": f"ledger.{kind}.v1",
        "subject": subject or f"s-{number}",
        "time": "2022-01-02T10:00:00Z",
        "data": data
        or {"application_id": f"a-{number}", "programme": "dev", "applied_on": "2022-01-01"},
        **attributes,
    }
    return json.dumps(made, separators=(",", ":")).encode()


def events(count, **attributes):
    """Lines of so many events."""
    return b"".join(event(number, **attributes) + b"\n" for number in range(1, count + 1))
