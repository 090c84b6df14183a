"""`ledger.replay.database`: trouble becomes one line, and Ctrl-C stays Ctrl-C."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from threading import Timer

import pytest

from ledger.replay.database import Database


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
