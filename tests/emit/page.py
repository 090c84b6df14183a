"""The programs and commands of docs/emit.md, extracted and run as a reader would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.repository.test_readme import TOOLS, blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "emit.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 120
PIPE_BYTES = 65_536
"""The capacity of a pipe; when more was written, somebody has read."""


def files():
    """The programs: name → text; the first line of each says how it is called."""
    programs = [
        text for language in ("python", "java", "js", "go") for text in blocks(PAGE, language)
    ]
    return {re.match(r"(?:#|//) (\S+)\n", text)[1]: text for text in programs}


def command(word):
    """The only shell block that contains a word."""
    (result,) = [block for block in blocks(PAGE, "sh") if word in block]
    return result


def put_files(folder):
    """The programs in their own folder."""
    folder.mkdir()
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def environment(broker, topic, **more):
    """The variables that the page tells its reader to set, without the ledger's own settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("OUTCOMES_")}
    path = f"{TOOLS}{os.pathsep}{own['PATH']}"
    return {**own, "PATH": path, "BROKER": broker, "TOPIC": topic, **more}


def wait_until(holds, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.02)


class Running:
    """A running command of the page; its output is in files beside it."""

    def __init__(self, words, folder, environment):
        self.folder = folder
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                ["bash", "-c", words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        """Kill it and all its children, as a power cut would."""
        if self.is_alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def finish(self):
        """Its exit code and last line of output, once it has ended."""
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        finally:
            self.kill()
        text = (self.folder / "stderr").read_text(encoding="utf-8")
        assert "Traceback" not in text, text
        printed = (self.folder / "stdout").read_text(encoding="utf-8").splitlines()
        return code, printed[-1] if printed else None


class Fed:
    """A named pipe: its reader gets events piece by piece.

    Attributes:
        bytes: The number of bytes written to the pipe.
    """

    def __init__(self, path, *pieces):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        self.bytes = 0
        self.gates = [threading.Event() for _ in pieces]
        self.closing = threading.Event()
        self._work = (path, pieces)
        threading.Thread(target=self._feed, daemon=True).start()

    def let_go(self):
        """Pass every gate, and close."""
        for gate in (*self.gates, self.closing):
            gate.set()

    def _feed(self):
        path, pieces = self._work
        try:
            with path.open("wb", buffering=0) as pipe:
                for gate, piece in zip(self.gates, pieces, strict=True):
                    gate.wait()
                    for line in piece:
                        self.bytes += pipe.write(line + b"\n")
                self.closing.wait()
        except BrokenPipeError:
            pass  # The reader was killed; the test says whether it should have been.
