"""The folder of a publication: there as a whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
from itertools import count
from pathlib import Path

import pytest

from ledger.errors import BadInputError, StoreError, UsageError
from outcomes.publish.folder import (
    Folder,
    add_revision,
    create_folder,
    read_folder,
    refuse_existing,
)

FIRST = {"shown.json": b"{}\n", "report.fr.html": b"fr", "logo.png": b"\x89PNG"}
SECOND = {"shown.json": b"[]\n"}
NEED_ROOM = ("open", "os.mkdir", "os.rename")
STEPS = (*NEED_ROOM, "os.remove", "os.rmdir")
"""What a run does to files, by the names of Python's audit events."""
STEPS_MAX = 60


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def meets(step, work, trouble):
    """Do the work in a child that meets trouble at a step; whether it came to that step."""
    child = os.fork()
    if child == 0:
        steps = count()
        met = []

        def hook(event, arguments):
            # Nothing needs room that is only opened to be read.
            is_read = event == "open" and not (arguments[2] or 0) & os.O_CREAT
            is_free = trouble is fill_up and (is_read or event not in NEED_ROOM)
            if event in STEPS and not is_free and next(steps) == step:
                met.append(step)
                trouble()

        sys.addaudithook(hook)
        try:
            work()
        except StoreError as error:
            os._exit(3 if met and "\n" not in str(error) else 4)
        except BaseException:  # noqa: BLE001 - the child says so by its exit code
            os._exit(5)
        os._exit(3 if met else 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 3, -signal.SIGKILL), (step, status)
    return status != 0


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def fill_up():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestEveryStep:
    """Killed, or out of room, at whatever step: nothing half stands under a name."""

    @pytest.mark.parametrize("trouble", [kill, fill_up])
    def test_a_first_publication(self, tmp_path, trouble):
        for step in range(STEPS_MAX):
            parent = tmp_path / str(step)
            parent.mkdir()
            is_stopped = meets(
                step, lambda out=parent / "out": create_folder(out, b"1", FIRST), trouble
            )
            left = entries(parent)
            if "out" in left:
                assert Folder(b"1", (FIRST,)) == read_folder(parent / "out")
            assert trouble is kill or len(left) == ("out" in left), left
            if not is_stopped:
                break
        assert 5 < step < STEPS_MAX - 1

    @pytest.mark.parametrize("trouble", [kill, fill_up])
    def test_a_revision(self, tmp_path, trouble):
        states = []
        for step in range(STEPS_MAX):
            out = tmp_path / str(step)
            create_folder(out, b"1", FIRST)
            is_stopped = meets(step, lambda out=out: add_revision(out, 2, b"2", SECOND), trouble)
            state = read_folder(out)[:2]
            if state not in states:
                states.append(state)
            if not is_stopped:
                break
        assert 5 < step < STEPS_MAX - 1
        between = (b"1", (FIRST, SECOND))  # Whole, and not in the index yet.
        allowed = [(b"1", (FIRST,)), between, (b"2", (FIRST, SECOND))]
        assert [state for state in allowed if state in states] == sorted(states, key=allowed.index)
        assert between in states or trouble is fill_up

    def test_what_a_killed_run_has_left_is_removed_by_the_next(self, tmp_path):
        assert meets(10, lambda: create_folder(tmp_path / "out", b"1", FIRST), kill)
        assert len(entries(tmp_path)) == 1
        create_folder(tmp_path / "out", b"1", FIRST)
        assert ["out"] == entries(tmp_path)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["two words", "été", "日本", "a" * 200, "-dash", "new\nline", os.fsdecode(b"caf\xe9")],
    )
    def test_a_folder_of_any_name_can_be_read_back(self, tmp_path, name):
        create_folder(tmp_path / name, b"1", FIRST)
        assert Folder(b"1", (FIRST,)) == read_folder(tmp_path / name)

    def test_a_name_that_is_too_long_is_one_line(self, tmp_path):
        with pytest.raises(StoreError, match="shorter name"):
            refuse_existing(tmp_path / ("a" * 300))

    def test_a_parent_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(StoreError, match="no such folder"):
            refuse_existing(tmp_path / "missing" / "out")

    def test_names_of_files_fit_every_file_system(self):
        """Those that a FAT volume refuses, or takes for one another."""
        names = [*FIRST, "data.csv-metadata.json", "tables.fr.xlsx", "revision-1"]
        assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for name in names)

    @pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling"])
    def test_what_is_there_already_is_refused(self, tmp_path, kind):
        out, target = tmp_path / "out", tmp_path / "target"
        if kind == "folder":
            out.mkdir()
        elif kind == "file":
            out.write_bytes(b"")
        else:
            out.symlink_to(target)
            if kind == "link":
                target.mkdir()
        with pytest.raises(UsageError, match="is there already"):
            refuse_existing(out)

    def test_a_revision_goes_where_a_link_leads(self, tmp_path):
        create_folder(tmp_path / "out", b"1", FIRST)
        (tmp_path / "link").symlink_to("out")
        add_revision(tmp_path / "link", 2, b"2", SECOND)
        assert Folder(b"2", (FIRST, SECOND)) == read_folder(tmp_path / "out")

    def test_another_file_system_than_the_temporary_folder_will_do(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            create_folder(Path(memory) / "out", b"1", FIRST)
            assert Folder(b"1", (FIRST,)) == read_folder(Path(memory) / "out")
            assert ["out"] == entries(Path(memory))

    @pytest.mark.parametrize(
        ("mask", "folders", "files"), [(0o022, 0o755, 0o644), (0o027, 0o750, 0o640)]
    )
    def test_others_may_read_it_as_the_umask_has_it(self, tmp_path, mask, folders, files):
        before = os.umask(mask)
        try:
            create_folder(tmp_path / "out", b"1", FIRST)
        finally:
            os.umask(before)
        modes = {
            path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*")
        }
        assert {True: folders, False: files} == modes
        assert folders == (tmp_path / "out").stat().st_mode & 0o777

    def test_a_revision_that_somebody_else_has_just_made_is_not_replaced(self, tmp_path):
        create_folder(tmp_path / "out", b"1", FIRST)
        add_revision(tmp_path / "out", 2, b"2", SECOND)
        with pytest.raises(StoreError, match="somebody else"):
            add_revision(tmp_path / "out", 2, b"other", FIRST)
        assert Folder(b"2", (FIRST, SECOND)) == read_folder(tmp_path / "out")


class TestStrangers:
    """A folder that holds anything but a publication is read as none."""

    @pytest.fixture
    def out(self, tmp_path):
        create_folder(tmp_path / "out", b"1", FIRST)
        return tmp_path / "out"

    @pytest.mark.parametrize(
        "plant",
        [
            lambda out: (out / "notes.txt").write_text(""),
            lambda out: (out / "revision-3").mkdir(),
            lambda out: (out / "revision-02").mkdir(),
            lambda out: (out / "revision-1").rename(out / "revision-2"),
            lambda out: (out / "revision-1" / "link").symlink_to("shown.json"),
            lambda out: (out / "revision-1" / "link").symlink_to(out),
            lambda out: os.mkfifo(out / "revision-1" / "pipe"),
            lambda out: (out / "index.html").unlink() or (out / "index.html").mkdir(),
        ],
    )
    def test_it_is_refused(self, out, plant):
        plant(out)
        with pytest.raises(BadInputError):
            read_folder(out)

    def test_an_empty_folder_is_none(self, tmp_path):
        with pytest.raises(BadInputError, match="nothing"):
            read_folder(tmp_path)

    def test_what_a_run_that_was_stopped_has_left_is_told(self, out):
        (out / "outcomes-publication-x").mkdir()
        assert ("outcomes-publication-x",) == read_folder(out).unfinished
