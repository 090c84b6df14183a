"""`ledger.columns.database`: output is left alone, and Ctrl-C stays Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from threading import Timer

import pytest

from ledger.columns import memory
from ledger.columns.database import Database

BAR = """
import sys
from contextlib import closing
from pathlib import Path
from ledger.columns.database import Database

with closing(Database(Path(sys.argv[1]))) as database:
    print(database.rows("select current_setting('enable_progress_bar')"))
"""


class TestOutput:
    def test_no_progress_bar_is_drawn_on_standard_output(self, tmp_path):
        # There DuckDB takes itself to be in an interactive session; after two seconds it would.
        done = subprocess.run(
            [sys.executable, "-c", BAR, str(tmp_path)], check=True, capture_output=True, timeout=60
        )

        assert b"[(False,)]" == done.stdout.strip()


class TestSpilling:
    def test_spilled_files_are_removed_and_other_files_in_the_folder_are_kept(
        self, tmp_path, monkeypatch
    ):
        # DuckDB has removed the folder itself, with all that was in it.
        monkeypatch.setattr(memory, "MEMORY_MAX", 20_000_000)
        (tmp_path / "lines.jsonl").write_bytes(b"{}")
        with closing(Database(tmp_path)) as database:
            database.run("set threads = 1; create table number as"
                         " select range as n, hash(range) as h from range(3_000_000)")  # fmt: skip
            assert 1 < len(list(tmp_path.iterdir()))

        assert ["lines.jsonl"] == [path.name for path in tmp_path.iterdir()]


class TestHome:
    """No folder of the user is needed, read or written."""

    @pytest.mark.parametrize("home", [None, "", "/nowhere", "kind=raise"])
    def test_columns_are_written_and_read_without_a_home(self, tmp_path, monkeypatch, home):
        if home is None:
            monkeypatch.delenv("HOME", raising=False)
        else:
            monkeypatch.setenv("HOME", str(home))
        with closing(Database(tmp_path)) as database:
            database.write_parquet("select 7 as kind", tmp_path / "file.parquet")
            database.create_parquet_view("file", [tmp_path / "file.parquet"])

            assert [(7,)] == database.rows("from file")

    def test_nothing_is_written_into_the_home_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name in ("home", "work"):
            (tmp_path / name).mkdir()
        with closing(Database(tmp_path / "work")) as database:
            database.write_parquet("select 7 as kind", tmp_path / "work" / "file.parquet")

        assert [] == list((tmp_path / "home").iterdir())


class TestJsonLines:
    def test_a_name_that_ends_in_gz_does_not_make_a_file_compressed(self, tmp_path):
        (tmp_path / "lines.json.gz").write_bytes(b'{"kind": "raise"}\n')
        with closing(Database(tmp_path)) as database:
            database.create_json_view("line", tmp_path / "lines.json.gz", {"kind": "varchar"})

            assert [("raise",)] == database.rows("from line")


class TestInterrupted:
    def test_ctrl_c_interrupts_a_statement_as_it_does_any_python(self, tmp_path):
        # It ends by itself too: DuckDB looks for Ctrl-C only while this thread has a part of it.
        number = "select sum(a.range * b.range) from range(4_000) a, range(100_000) b"
        timer = Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

        def interrupted():
            timer.start()
            database.run(number)
            timer.join()

        with closing(Database(tmp_path)) as database, pytest.raises(KeyboardInterrupt):
            interrupted()
