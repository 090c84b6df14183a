"""The live fold has the figures of a replay, at every offset and for any batch boundaries."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.replay import replay
from ledger.report import build_report, encode_reports
from processors.follower import Follower
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from processors.stored_figures import read_store
from projections.policy import parse_policy
from tests.support.histories import policy_of
from tests.support.live_fold import (
    BUILT_IN,
    fold_in_batches,
    open_fold,
    outcome_record,
    temporary_log,
)
from tests.support.strategies import YEARS, policies, records


def reports(figures, log, policy):
    """The bytes of the reports of several years."""
    made = (build_report(figures, log_name=log.name, policy=policy, year=year) for year in YEARS)
    return encode_reports(list(made))


class TestLiveEqualsReplay:
    @given(records(), policies, st.lists(st.integers(1, 7), min_size=1, max_size=4))
    def test_live_reports_are_the_bytes_of_a_replay(self, history, members, sizes):
        """Any history, any policy, any batch boundaries."""
        policy = parse_policy(json.dumps(members).encode(), "of a test")
        with temporary_log(history, partitions=2) as (log, folder):
            path = folder / "live.db"
            fold_in_batches(log, path, sizes, [policy])
            with closing(Store(path, read_only=True)) as store:
                live = read_store(store, log, [policy])

            assert reports(replay(log, log.end(), [policy]), log, policy) == reports(
                live, log, policy
            )

    @given(records(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_the_state_depends_on_the_prefix_and_not_on_the_batches(self, history, sizes):
        with temporary_log(history) as (log, folder):
            record_by_record = fold_in_batches(log, folder / "single.db", [1])
            in_batches = fold_in_batches(log, folder / "batches.db", sizes)
            at_once = fold_in_batches(log, folder / "whole.db", [len(history) + 1])

        assert record_by_record == in_batches == at_once

    @given(records(), st.integers(0, 40))
    def test_a_live_report_at_any_offset_is_the_report_at_that_cut(self, history, offset):
        with temporary_log(history) as (log, folder), open_fold(log, folder / "live.db") as fold:
            cut = {0: min(offset, len(history))}
            fold.apply(0, list(log.read({0: 0}, cut)))
            live = read_store(fold.store, log, BUILT_IN)

            for policy in BUILT_IN:
                assert reports(replay(log, cut, BUILT_IN), log, policy) == reports(
                    live, log, policy
                )


class TestApply:
    def test_records_folded_before_are_skipped(self):
        history = [outcome_record(number) for number in range(5)]
        with temporary_log(history) as (log, folder), open_fold(log, folder / "live.db") as fold:
            everything = list(log.read({0: 0}, log.end()))
            fold.apply(0, everything[:3])
            fold.apply(0, everything)
            fold.apply(0, everything)

            assert 5 == fold.states[0].next_offset
            assert 5 == fold.states[0].records.events

    def test_a_batch_that_cannot_be_written_is_not_half_folded(self, monkeypatch):
        """A full disk for example: the file keeps the last offset, and a new start resumes."""
        with temporary_log([outcome_record(n, f"s-{n}") for n in range(6)]) as (log, folder):
            everything = list(log.read({0: 0}, log.end()))
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, everything[:2])
                monkeypatch.setattr(fold.store, "_write_partition", _raise_disk_full)
                with pytest.raises(OSError, match="disk"):
                    fold.apply(0, everything[2:])
                assert 2 == fold.store.load(0).next_offset
                assert fold.store.compute_checksum(0) == fold.store.load(0).checksum
                assert 2 == len(list(fold.store.all_student_states(0)))
            monkeypatch.undo()
            with open_fold(log, path) as fold:
                fold.apply(0, everything[2:])
                assert 6 == fold.states[0].next_offset

    def test_a_quarantined_record_leaves_a_pointer_and_no_payload(self):
        outcomes = [outcome_record(number) for number in range(1_001)]
        broken = outcome_record(0, "s-2")._replace(value=b'{"secret": "payload"')
        with temporary_log([broken, *outcomes]) as (log, folder):
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
                dead_letters = list(fold.store.dead_letters())
            stored = b"".join(file.read_bytes() for file in folder.glob("live.db*"))

        assert [
            (0, 0, "value_must_be_json", len(broken.value)),
            (0, 1_001, "subject_must_not_exceed_1000_events", len(outcomes[-1].value)),
        ] == dead_letters
        assert b"payload" not in stored


def _raise_disk_full(*_):
    raise OSError("no room on the disk")


class TestOpening:
    def test_a_state_that_fails_its_checksum_is_folded_again(self):
        with temporary_log([outcome_record(n, f"s-{n}") for n in range(4)]) as (log, folder):
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
                checksum = fold.states[0].checksum
                fold.store._connection.execute("delete from students where subject = 's-2'")
            with open_fold(log, path) as fold:
                assert 0 == fold.states[0].next_offset
                fold.apply(0, list(log.read({0: 0}, log.end())))
                assert checksum == fold.states[0].checksum

    def test_the_state_of_another_log_is_refused_with_the_file_to_delete(self):
        with (
            temporary_log([outcome_record(1)]) as (log, folder),
            temporary_log([outcome_record(2)]) as (other, _),
        ):
            path = folder / "live.db"
            with open_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
            with (
                pytest.raises(LedgerError, match=rf"another log: .*delete {path}"),
                open_fold(other, path),
            ):
                pass

    def test_figures_of_a_log_that_was_replaced_under_a_worker_are_refused(self):
        with (
            temporary_log([outcome_record(1)]) as (log, folder),
            closing(Store(folder / "live.db")) as store,
        ):
            fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=1)
            Follower(log, fold).step()
            with (
                temporary_log([outcome_record(2), outcome_record(3)]) as (replacement, _),
                pytest.raises(LedgerError, match="another log"),
            ):
                read_store(store, replacement, BUILT_IN)


class TestPolicies:
    def test_a_new_policy_is_computed_from_the_students_without_the_log(self):
        mine = policy_of(id="mine", outcome_window_months=1)
        with temporary_log([outcome_record(n, f"s-{n % 3}") for n in range(9)]) as (log, folder):
            path = folder / "live.db"
            with open_fold(log, path, BUILT_IN[:1]) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
            with open_fold(log, path, [BUILT_IN[0], mine]) as fold:
                checksum = fold.states[0].checksum
                assert fold.store.compute_checksum(0) == checksum
                live = read_store(fold.store, log, [mine])
                assert reports(replay(log, log.end(), [mine]), log, mine) == reports(
                    live, log, mine
                )
            folded = fold_in_batches(log, folder / "other.db", [2], [BUILT_IN[0], mine])
            assert checksum == folded[0][1]
