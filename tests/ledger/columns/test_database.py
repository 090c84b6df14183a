"""`ledger.columns.database`: output is left alone, and Ctrl-C stays Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from threading import Timer

import pytest

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
    def test_no_bar_is_drawn_on_the_output_in_a_process_without_a_script(self, tmp_path):
        # There DuckDB takes itself to be in an interactive session; after two seconds it would.
        done = subprocess.run(
            [sys.executable, "-c", BAR, str(tmp_path)], check=True, capture_output=True, timeout=60
        )

        assert b"[(False,)]" == done.stdout.strip()


class TestInterrupted:
    def test_a_statement_that_is_interrupted_is_no_fault_of_the_ledger(self, tmp_path):
        # It ends by itself too: DuckDB looks for Ctrl-C only while this thread has a part of it.
        number = "select sum(a.range * b.range) from range(4_000) a, range(100_000) b"
        timer = Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

        def interrupted():
            timer.start()
            database.run(number)
            timer.join()

        with closing(Database(tmp_path)) as database, pytest.raises(KeyboardInterrupt):
            interrupted()
