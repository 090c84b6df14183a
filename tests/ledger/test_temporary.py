"""`ledger.temporary`: a folder that is gone afterwards, and trouble with it in one line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.temporary import owned_folder, temporary_folder
from tests.support.histories import ROOT

BOUND = 60


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class TestTemporaryFolder:
    def test_it_is_removed_with_all_that_is_in_it(self, parent):
        with temporary_folder("outcomes-") as folder:
            (folder / "file").touch()
            assert parent == folder.parent

        assert [] == list(parent.iterdir())

    def test_a_fork_that_ends_leaves_it_to_its_owner(self, parent):
        try:
            with temporary_folder("outcomes-") as folder:
                child = os.fork()
                if not child:
                    sys.exit()
                assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                assert folder.exists()
        except SystemExit:
            os._exit(0)

        assert [] == list(parent.iterdir())

    def test_whoever_is_interrupted_once_it_is_made_leaves_none(self, parent, monkeypatch):
        whole = Path.mkdir

        def interrupted(folder, mode):
            whole(folder, mode)
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "mkdir", interrupted)
        with pytest.raises(KeyboardInterrupt), temporary_folder("outcomes-"):
            pytest.fail("it was interrupted")

        assert [] == list(parent.iterdir())

    def test_a_full_disk_gives_one_line_that_names_the_folder(self, parent):
        with pytest.raises(StoreError) as raised, temporary_folder("outcomes-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        assert (
            f"{parent} cannot be used (No space left on device): free space in the temporary folder"
            " or set TMPDIR to another one"
        ) == str(raised.value)

    def test_a_machine_without_any_gives_one_line(self, monkeypatch):
        def fail():
            raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

        monkeypatch.setattr("ledger.temporary.gettempdir", fail)
        with (
            pytest.raises(StoreError, match=r"No usable.*set TMPDIR"),
            temporary_folder("outcomes-"),
        ):
            pytest.fail("there is no folder")


@contextmanager
def owner(parent):
    """A process that has a folder with a file in it, and stays."""
    script = (
        "import sys, time; from pathlib import Path; from ledger.temporary import owned_folder\n"
        "with owned_folder('outcomes-replay-', Path(sys.argv[1])) as folder:\n"
        "    (folder / 'inner').mkdir(); (folder / 'inner' / 'file').write_bytes(b'x' * 999)\n"
        "    print(folder.name, flush=True); sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", script, parent]
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        try:
            yield process, parent / process.stdout.readline().strip()
        finally:
            process.kill()


def look(parent):
    """Make another folder beside those that are there; what is left of these."""
    with owned_folder("outcomes-spill-", parent) as folder:
        return {path.name for path in parent.iterdir()} - {folder.name}


class TestAFolderWithoutItsOwner:
    def test_what_a_killed_process_has_left_is_removed_by_the_next_one(self, parent):
        with owner(parent) as (process, folder):
            process.kill()
            process.wait(BOUND)
            assert (folder / "inner" / "file").exists()

            assert set() == look(parent)
        assert [] == list(parent.iterdir())

    def test_the_folder_of_a_living_process_is_untouched_however_idle_it_is(self, parent):
        with owner(parent) as (process, folder):
            assert {folder.name} == look(parent)
            process.send_signal(signal.SIGSTOP)
            os.utime(folder, (0, 0))
            assert {folder.name} == look(parent)
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=BOUND)
            assert 0 == process.returncode

        assert [] == list(parent.iterdir())

    def test_one_of_this_process_is_untouched(self, parent):
        with temporary_folder("outcomes-replay-") as folder:
            assert {folder.name} == look(parent)
            assert folder.exists()

    def test_what_is_no_such_folder_is_untouched(self, parent):
        (parent / "outcomes-2022").mkdir()
        (parent / "outcomes-2022" / "report.json").touch()
        (parent / "outcomes-report.json").touch()
        (parent / "other").mkdir()
        (parent / "other" / ".owner").touch()
        (parent / "outcomes-link").symlink_to("other")

        assert {"outcomes-2022", "outcomes-report.json", "outcomes-link", "other"} == look(parent)
        assert (parent / "outcomes-2022" / "report.json").exists()
        assert (parent / "other" / ".owner").exists()

    def test_where_there_are_no_locks_no_folder_is_taken_for_abandoned(self, parent, monkeypatch):
        def fail(*_):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("ledger.temporary.fcntl.flock", fail)
        with temporary_folder("outcomes-replay-") as folder:
            assert {folder.name} == look(parent)

        assert [] == list(parent.iterdir())
