"""A backlog folded by student leaves, to the byte, what folding it in batches leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ledger.errors import StoreError
from ledger.log.sqlite.log import SqliteLog
from processors import build
from processors.build import is_build_due
from processors.follower import Follower
from processors.live_fold import FoldCancelledError, LiveFold
from processors.read_model.store import Store
from tests.support.live_fold import (
    BUILT_IN,
    fold_in_batches,
    open_fold,
    outcome_record,
    rows_of,
    temporary_log,
)
from tests.support.repository import ROOT
from tests.support.strategies import records

SECONDS_MAX = 120


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Every bound is reached by a few records."""
    monkeypatch.setattr(build, "_STUDENTS_AT_ONCE", 2)
    monkeypatch.setattr(build, "_RECORDS_AT_ONCE", 3)
    monkeypatch.setattr(build, "_CHECK_EVERY", 2)


def everything(log, partition=0):
    return log.read({partition: 0}, {partition: log.end()[partition]})


def outcomes(count, students):
    return [outcome_record(number, f"s-{number % students}") for number in range(count)]


class TestSame:
    @given(records(), st.integers(1, 9), st.integers(0, 12))
    def test_any_history_whatever_was_folded_before(self, history, size, before):
        with temporary_log(history, partitions=2) as (log, folder):
            fold_in_batches(log, folder / "batches.db", [size])
            with open_fold(log, folder / "built.db") as fold:
                fold.apply(1, list(log.read({1: 0}, {1: min(before, log.end()[1])})))
                for partition in range(log.partitions):
                    fold.build(partition, everything(log, partition))
                unsorted = dict(fold.states)
                for partition, end in log.end().items():
                    ordered = log.read_partition_by_key(partition, end, tick=bool)
                    fold.build(partition, ordered, are_sorted=True)
                assert unsorted == fold.states
                states = dict(fold.states)
            with open_fold(log, folder / "built.db") as fold:
                assert states == fold.states

            assert rows_of(folder / "batches.db") == rows_of(folder / "built.db")

    @pytest.mark.parametrize("events_max", [1_000, 997])
    def test_a_student_with_too_many_events(self, events_max, monkeypatch):
        # Of a thousand events: they are folded again for each part.
        monkeypatch.setattr(build, "_RECORDS_AT_ONCE", 300)
        history = [*outcomes(events_max + 3, 1), outcome_record(0, "s-9")]
        broken = [record._replace(value=b"[]") for record in history[:7]]
        with temporary_log([*history, *broken, *history[-5:]]) as (log, folder):
            fold_in_batches(log, folder / "batches.db", [400])
            with open_fold(log, folder / "built.db") as fold:
                fold.build(0, everything(log))

            rows = rows_of(folder / "built.db")
            assert rows_of(folder / "batches.db") == rows
        assert 7 <= len(rows["dead_letters"])

    def test_records_without_a_key_and_tombstones(self):
        odd = [
            record._replace(key=key, value=value)
            for record, key, value in zip(
                outcomes(6, 2),
                [None, b"", None, b"s-1", b"\xff", b"s-0"],
                [b"{}", None, None, None, b"{}", b"x"],
                strict=True,
            )
        ]
        with temporary_log([*odd, *outcomes(4, 2)]) as (log, folder):
            fold_in_batches(log, folder / "batches.db", [2])
            with open_fold(log, folder / "built.db") as fold:
                fold.build(0, everything(log))

            assert rows_of(folder / "batches.db") == rows_of(folder / "built.db")

    def test_dead_letters_that_were_sent_are_not_sent_again(self):
        broken = [record._replace(value=b"[]") for record in outcomes(4, 2)]
        with temporary_log(broken) as (log, folder), open_fold(log, folder / "live.db") as fold:
            fold.apply(0, list(everything(log))[:2])
            fold.store.mark_dead_letters_sent(0, 2)
            fold.build(0, everything(log))

            assert [2, 3] == [letter.offset for letter in fold.store.unsent_dead_letters(0, 9)]


class TestInOneStep:
    """What was folded before stands until all of it is replaced."""

    @pytest.fixture
    def begun(self):
        """A log, and a read model in which a part of it is folded."""
        with temporary_log(outcomes(24, 8)) as (log, folder):
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, {0: 5})))
                yield log, fold, path

    def test_whoever_reads_meanwhile_sees_the_old_state(self, begun, monkeypatch):
        log, fold, path = begun
        before, seen = rows_of(path), []
        monkeypatch.setattr(fold, "is_cancelled", lambda: seen.append(rows_of(path)))
        fold.build(0, everything(log))

        assert len(seen) > 8
        assert all(before == rows for rows in seen)
        assert before != rows_of(path)

    def test_a_build_that_is_cancelled_at_any_moment_leaves_the_old_state(self, begun):
        log, fold, path = begun
        before, turn = (rows_of(path), fold.states[0]), 0
        while True:
            turn += 1
            calls = iter(range(turn))
            fold.is_cancelled = lambda calls=calls: next(calls, None) is None
            try:
                fold.build(0, everything(log))
            except FoldCancelledError:
                assert before == (rows_of(path), fold.states[0])
            else:
                break
        assert turn > 8
        assert 24 == fold.states[0].next_offset

    def test_a_full_disk_is_said_and_leaves_the_old_state(self, begun):
        log, fold, path = begun
        before = rows_of(path)
        pages = fold.store._connection.execute("pragma page_count").fetchone()[0]
        fold.store._connection.execute(f"pragma max_page_count = {pages}")
        long = [
            record._replace(value=b"[" * 40, offset=number)
            for number, record in enumerate(list(everything(log)) * 60)
        ]
        with pytest.raises(StoreError, match=r"a backlog was not written .*full"):
            fold.build(0, long)

        assert (before, 5) == (rows_of(path), fold.states[0].next_offset)

    def test_no_records_replace_nothing(self, begun):
        _, fold, path = begun
        before = rows_of(path)
        fold.build(0, [])

        assert (before, 5) == (rows_of(path), fold.states[0].next_offset)

    def test_a_build_that_is_killed_at_any_statement_leaves_the_old_state_or_the_new(self):
        with temporary_log(outcomes(9, 3)) as (log, folder):
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, {0: 4})))
            fold_in_batches(log, folder / "batches.db", [9])
            done = subprocess.run(
                [sys.executable, "-m", "tests.support.killed_builds", f"sqlite:{log.path}", path],
                cwd=ROOT,
                capture_output=True,
                timeout=SECONDS_MAX,
                check=True,
            )
            assert rows_of(folder / "batches.db") == rows_of(path)

        shown = json.loads(done.stdout)
        assert shown["killed"] > 20
        assert (2, 1) == (shown["states"], shown["ended_in"])


class TestWhen:
    @pytest.mark.parametrize(
        ("folded", "waiting", "is_due"),
        [
            (0, 20_000, False),
            (0, 20_001, True),
            (20_001, 20_001, False),
            (20_001, 20_002, True),
            (5_000_000, 1_000_000, False),
        ],
    )
    def test_a_build_is_for_a_backlog_that_is_large_beside_what_is_folded(
        self, folded, waiting, is_due
    ):
        assert is_due is is_build_due(folded, waiting)

    def test_a_follower_builds_and_then_follows(self, monkeypatch):
        monkeypatch.setattr(build, "BUILD_RECORDS_MIN", 5)
        done = []
        for name in ("apply", "build"):
            whole = getattr(LiveFold, name)

            def observed(fold, partition, batch, *, name=name, whole=whole, **options):
                batch = list(batch)
                done.append((name, partition, len(batch)))
                whole(fold, partition, batch, **options)

            monkeypatch.setattr(LiveFold, name, observed)
        history = outcomes(60, 8)
        with (
            temporary_log(history[:40], partitions=2) as (log, folder),
            closing(Store(folder / "live.db")) as store,
        ):
            first = log.end()
            fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=2)
            follower = Follower(log, fold)
            assert [40] == list(follower.run(threading.Event(), once=True))
            log.append(history[40:44])
            assert [4] == list(follower.run(threading.Event(), once=True))
            assert 4 == sum(count for name, _, count in done if name == "apply")
            fold_in_batches(log, folder / "batches.db", [7])
            assert rows_of(folder / "batches.db") == rows_of(folder / "live.db")

        assert [("build", 0, first[0]), ("build", 1, first[1])] == done[:2]

    def test_a_follower_that_is_stopped_ends_a_build(self, monkeypatch):
        monkeypatch.setattr(build, "BUILD_RECORDS_MIN", 10)
        stop = threading.Event()
        with (
            temporary_log(outcomes(40, 8)) as (log, folder),
            closing(Store(folder / "live.db")) as store,
        ):
            fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=1)
            follower = Follower(log, fold)
            whole = SqliteLog.read_partition_by_key
            monkeypatch.setattr(
                SqliteLog,
                "read_partition_by_key",
                lambda *place, tick: (stop.set(), whole(*place, tick=tick))[1],
            )

            assert [] == list(follower.run(stop, once=True))
            assert 0 == fold.states[0].next_offset


class TestProgress:
    def test_a_long_build_says_how_far_it_is(self, monkeypatch):
        monkeypatch.setattr(build, "_PROGRESS_SECONDS", 0)
        monkeypatch.setattr(build, "_CHECK_EVERY", 10)
        with (
            temporary_log(outcomes(25, 8)) as (log, folder),
            open_fold(log, folder / "live.db") as fold,
            capture_logs() as logs,
        ):
            fold.build(0, everything(log))

        shown = [(line["event"], line["records"]) for line in logs]
        # Eight students of three or four records, two at a time.
        assert [
            *(("build.read", count) for count in (10, 20, 25)),
            *(("build.folded", count) for count in (7, 13, 19, 25)),
        ] == shown
