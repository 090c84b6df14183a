"""A replay by column where there is no room: one line, no figure, nothing left behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from ledger.log import NewRecord
from outcomes.synthetic import generate
from tests.support.histories import log_of

SECONDS = 60
SPILLING = """
import resource, sys
from contextlib import closing
from ledger.errors import StoreError
from ledger.log import open_log
from ledger.columns import memory, reading
from ledger.replay import replay
from projections.policy import built_in_policies

write, files = reading.write_column_files, []

def full_from_now_on(*arguments):
    files.extend(write(*arguments))
    memory.MEMORY_MAX = 30_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    return files

reading.write_column_files = full_from_now_on
with closing(open_log(sys.argv[1])) as log:
    try:
        replay(log, log.end(), list(built_in_policies().values()), engine="columnar")
    except StoreError as error:
        print(error)
"""


@pytest.fixture
def log(tmp_path):
    """The URL of a log of some thousands of events."""
    records = [
        NewRecord(record.key, record.value, record.recorded_at) for record in generate(3_000, 5)
    ]
    with log_of(tmp_path, []) as log:
        log.append(records)
        return f"sqlite:{log.path}"


def run(*words, folder, bytes_max=None):
    def small():
        if bytes_max is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))

    folder.mkdir()
    return subprocess.run(
        [sys.executable, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=small,
        env={**os.environ, "TMPDIR": str(folder)},
    )


DEFAULT = """
import sys
from ledger.replay import engines
from outcomes.__main__ import main

engines.COLUMNAR_FROM = 1
sys.exit(main())
"""


class TestFullDisk:
    def test_a_report_that_names_no_engine_is_made_by_the_fold_then(self, log, tmp_path):
        words = ("report", "--year", "2022", "--log", log, "--json")
        fold, default, columnar = (
            run(*start, *words, *more, folder=tmp_path / name, bytes_max=bytes_max)
            for name, start, more, bytes_max in (
                ("fold", ("-m", "outcomes"), ("--engine", "fold"), None),
                ("default", ("-c", DEFAULT), (), 100_000),
                ("columnar", ("-c", DEFAULT), (), None),
            )
        )

        assert fold.stdout == default.stdout == columnar.stdout != ""
        assert ("", 1) == (columnar.stderr, default.stderr.count("\n"))
        assert default.stderr.startswith("replayed student by student, since the columnar engine")
        assert "free space in the temporary folder" in default.stderr
        assert [] == list((tmp_path / "default").iterdir())

    @pytest.mark.parametrize("bytes_max", [1, 100_000, 2_000_000], ids="{:,} bytes".format)
    def test_columns_that_do_not_fit_on_the_disk_give_one_line(self, log, tmp_path, bytes_max):
        folder = tmp_path / "temporary"
        words = ("report", "--year", "2022", "--engine", "columnar", "--log", log, "--json")
        done = run("-m", "outcomes", *words, folder=folder, bytes_max=bytes_max)

        assert (69, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
        assert "free space in the temporary folder" in done.stderr
        assert [] == list(folder.iterdir())

    def test_a_replay_that_cannot_spill_gives_one_line(self, log, tmp_path):
        folder = tmp_path / "temporary"
        done = run("-c", SPILLING, log, folder=folder)

        assert (0, "", 1) == (done.returncode, done.stderr, done.stdout.count("\n"))
        assert done.stdout.startswith("DuckDB stopped")
        assert [] == list(folder.iterdir())
