"""The lock of a read model: one writer, whose name everybody can see while it writes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from ledger.errors import StoreError
from processors.read_model import lock
from processors.read_model.lock import lock_for_writing, lock_holder

HOLD = """
import sys
from pathlib import Path
from processors.read_model.lock import lock_for_writing
lock = lock_for_writing(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""

ASK = """
import sys
from pathlib import Path
from processors.read_model.lock import lock_holder
print("asking", flush=True)
while True:
    lock_holder(Path(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "live.db"


class TestHolder:
    def test_without_a_lock_nobody_is_named(self, path):
        assert lock_holder(path) is None

    def test_a_writer_is_named_until_it_lets_go(self, path):
        with lock_for_writing(path):
            assert lock_holder(path).endswith(f"-{os.getpid()}")

        assert lock_holder(path) is None

    def test_a_writer_that_was_killed_is_no_longer_named(self, path):
        command = [sys.executable, "-c", HOLD, path]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert "held\n" == writer.stdout.readline()
            assert lock_holder(path).endswith(f"-{writer.pid}")
            writer.kill()

        assert lock_holder(path) is None


class TestLocking:
    def test_a_second_writer_is_refused_and_the_first_one_still_named(self, path):
        with lock_for_writing(path):
            with pytest.raises(StoreError, match="has a worker already"):
                lock_for_writing(path)

            assert lock_holder(path).endswith(f"-{os.getpid()}")

    def test_a_reader_that_is_held_up_while_it_asks_is_no_writer(self, path, monkeypatch):
        lock_for_writing(path).close()
        with path.with_name(f"{path.name}.lock").open() as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)
            monkeypatch.setattr(lock, "_WAIT_SECONDS", -1)
            monkeypatch.setattr(lock.time, "sleep", lambda _: fcntl.flock(reader, fcntl.LOCK_UN))

            with lock_for_writing(path):
                assert lock_holder(path).endswith(f"-{os.getpid()}")

    def test_a_reader_that_was_stopped_while_it_asks_is_said(self, path, monkeypatch):
        lock_for_writing(path).close()
        monkeypatch.setattr(lock, "_WAIT_SECONDS", -1)
        monkeypatch.setattr(lock, "_READERS_SECONDS", -1)
        with path.with_name(f"{path.name}.lock").open() as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)

            with pytest.raises(StoreError, match=r"held by a command that reads .*; end it"):
                lock_for_writing(path)

    def test_a_reader_that_asks_at_that_moment_does_not_refuse_a_writer(self, path):
        lock_for_writing(path).close()
        readers = [
            subprocess.Popen([sys.executable, "-c", ASK, path], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        try:
            for reader in readers:
                reader.stdout.readline()
            for _ in range(20):
                lock_for_writing(path).close()
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()
