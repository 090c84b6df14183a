"""The embedded follower has the figures of the log that is there, whatever was folded before."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.replay import replay
from processors.follower import Follower
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from processors.stored_figures import read_store
from tests.support.live_fold import BUILT_IN, fold_in_batches, outcome_record, temporary_log
from tests.support.strategies import records


def follow(log, path):
    """Fold what a log holds, as a worker that is started on it; its state and its figures."""
    with closing(Store(path)) as store:
        fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=log.partitions, refold=True)
        for _ in Follower(log, fold).run(threading.Event(), once=True):
            pass
        return fold.states[0].checksum, read_store(store, log, BUILT_IN)


class TestReplacedLog:
    @given(records(), records(), st.integers(0, 30))
    def test_a_log_with_other_records_gives_the_figures_of_its_replay(self, before, after, shared):
        """Both begin alike, and differ at the last record that was folded, or one ends earlier."""
        current = [*before[:shared], *after]
        folded = len(before)
        with (
            temporary_log(before) as (old, folder),
            temporary_log(current) as (log, _),
        ):
            path = folder / "live.db"
            fold_in_batches(old, path, [folded + 1])
            last_before = list(old.read({0: folded - 1}, {0: folded})) if folded else []
            last_current = list(log.read({0: folded - 1}, {0: folded})) if folded else []
            assume(last_before != last_current or before == current[:folded])

            checksum, figures = follow(log, path)

            expected = replay(log, log.end(), BUILT_IN)
            assert expected.cut == figures.cut
            assert expected.records == figures.records
            assert expected.latest_recorded_at == figures.latest_recorded_at
            fresh = fold_in_batches(log, folder / "fresh.db", [len(current) + 1])
            assert fresh[0][1] == checksum

    def test_a_log_that_only_grew_is_folded_from_where_it_was_left(self, monkeypatch):
        history = [outcome_record(number, f"s-{number}") for number in range(20)]
        with temporary_log(history[:15]) as (log, folder):
            fold_in_batches(log, folder / "live.db", [7])
            log.append(history[15:])
            folded = []
            apply = LiveFold.apply
            monkeypatch.setattr(
                LiveFold,
                "apply",
                lambda fold, partition, batch: (
                    folded.extend(batch),
                    apply(fold, partition, batch),
                ),
            )
            follow(log, folder / "live.db")

        assert range(15, 20) == range(folded[0].offset, folded[-1].offset + 1)

    @pytest.mark.parametrize("copies", [1, 2])
    def test_a_read_model_that_was_restored_from_an_older_copy_is_folded_on(self, copies):
        """The other way round: the log is ahead of the read model, which is no trouble at all."""
        history = [outcome_record(number, f"s-{number}") for number in range(20)]
        with temporary_log(history) as (log, folder):
            path = folder / "live.db"
            with closing(Store(path)) as store:
                fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=1)
                Follower(log, fold)
                fold.apply(0, list(log.read({0: 0}, {0: 10 * copies})))

            _, figures = follow(log, path)

            assert 20 == figures.records.events
