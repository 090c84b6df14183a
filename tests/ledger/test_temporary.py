"""`ledger.temporary`: a folder that is gone afterwards, and trouble with it in one line."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest

from ledger.errors import StoreError
from ledger.temporary import temporary_folder


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
