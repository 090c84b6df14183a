"""The live fold holds what a replay finds, at every offset and for any batch boundaries."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.log import open_log
from ledger.log.identity import identity_of
from ledger.replay import replay
from ledger.report import build_report, report_bytes
from processors.follower import Follower
from processors.live_figures import live_figures
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from projections.policy import built_in_policies, parse_policy
from tests.properties.test_fold_equals_oracle import FOLDER
from tests.support.histories import event, kept, policy_of
from tests.support.strategies import YEARS, policies, records

BUILT_IN = list(built_in_policies().values())
OUTCOME = {"outcome_on": "2022-03-01", "kind": "new_job", "credited": True, "stated_by": "student"}


def an_outcome(number, subject="s-1"):
    return kept(event("outcome.declared", OUTCOME, id=str(number), subject=subject))


@contextmanager
def a_log(taken, partitions=1):
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        url = f"sqlite:{Path(folder) / 'ledger.db'}?partitions={partitions}"
        with closing(open_log(url, create=True)) as log:
            log.append(taken)
            yield log, Path(folder)


@contextmanager
def a_fold(log, path, kept_live=BUILT_IN):
    with closing(Store(path)) as store:
        fold = LiveFold(store, kept_live, log_name=log.name, partitions=log.partitions)
        for partition in range(log.partitions):
            fold.open_partition(partition, identity_of(log).get(partition))
        yield fold


def folded_in_batches(log, path, sizes, kept_live=BUILT_IN):
    """Fold each partition in batches of these sizes in turn; the state that they end in."""
    with a_fold(log, path, kept_live) as fold:
        for partition, end in log.end().items():
            taken = list(log.read({partition: 0}, {partition: end}))
            turn = 0
            while taken:
                size = sizes[turn % len(sizes)]
                fold.apply(partition, taken[:size])
                taken, turn = taken[size:], turn + 1
        return {p: (s.next_offset, s.checksum, s.records) for p, s in fold.states.items()}


def reports(figures, log, policy):
    made = (build_report(figures, log_name=log.name, policy=policy, year=year) for year in YEARS)
    return report_bytes(list(made))


class TestLiveEqualsReplay:
    @given(records(), policies, st.lists(st.integers(1, 7), min_size=1, max_size=4))
    def test_live_reports_are_the_bytes_of_a_replay(self, taken, members, sizes):
        """Any history, any policy, any batch boundaries."""
        policy = parse_policy(json.dumps(members).encode(), "of a test")
        with a_log(taken, partitions=2) as (log, folder):
            path = folder / "live.db"
            folded_in_batches(log, path, sizes, [policy])
            with closing(Store(path, read_only=True)) as store:
                live = live_figures(store, log, [policy])

            assert reports(replay(log, log.end(), [policy]), log, policy) == reports(
                live, log, policy
            )

    @given(records(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_the_state_hangs_on_the_prefix_and_not_on_the_batches(self, taken, sizes):
        with a_log(taken) as (log, folder):
            one_by_one = folded_in_batches(log, folder / "one.db", [1])
            in_batches = folded_in_batches(log, folder / "some.db", sizes)
            at_once = folded_in_batches(log, folder / "all.db", [len(taken) + 1])

        assert one_by_one == in_batches == at_once

    @given(records(), st.integers(0, 40))
    def test_a_live_report_at_any_offset_is_the_report_at_that_cut(self, taken, upto):
        with a_log(taken) as (log, folder), a_fold(log, folder / "live.db") as fold:
            cut = {0: min(upto, len(taken))}
            part = list(log.read({0: 0}, cut))
            fold.apply(0, part)
            live = live_figures(fold.store, log, BUILT_IN)

            for policy in BUILT_IN:
                assert reports(replay(log, cut, BUILT_IN), log, policy) == reports(
                    live, log, policy
                )

    @given(records())
    def test_the_checksum_is_the_one_of_the_rows(self, taken):
        with a_log(taken) as (log, folder), a_fold(log, folder / "live.db") as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))

            assert fold.store.checksum(0) == fold.store.load(0).checksum


class TestOffsets:
    def test_records_folded_before_are_skipped(self):
        taken = [an_outcome(n) for n in range(5)]
        with a_log(taken) as (log, folder), a_fold(log, folder / "live.db") as fold:
            everything = list(log.read({0: 0}, log.end()))
            fold.apply(0, everything[:3])
            fold.apply(0, everything)
            fold.apply(0, everything)

            assert 5 == fold.states[0].next_offset
            assert 5 == fold.states[0].records.events

    def test_a_batch_that_cannot_be_written_is_not_half_folded(self, monkeypatch):
        """A full disk for example: the file keeps the last offset, and a new start goes on."""
        with a_log([an_outcome(n, f"s-{n}") for n in range(6)]) as (log, folder):
            everything = list(log.read({0: 0}, log.end()))
            path = folder / "live.db"
            with a_fold(log, path) as fold:
                fold.apply(0, everything[:2])
                monkeypatch.setattr(fold.store, "_write_partition", _full)
                with pytest.raises(OSError, match="disk"):
                    fold.apply(0, everything[2:])
                assert 2 == fold.store.load(0).next_offset
                assert fold.store.checksum(0) == fold.store.load(0).checksum
                assert 2 == len(list(fold.store.every_student(0)))
            monkeypatch.undo()
            with a_fold(log, path) as fold:
                fold.apply(0, everything[2:])
                assert 6 == fold.states[0].next_offset


def _full(*_):
    raise OSError("no room on the disk")


class TestDeadLetters:
    def test_a_quarantined_record_leaves_a_pointer_and_no_payload(self):
        over = [an_outcome(n) for n in range(1_001)]
        broken = an_outcome(0, "s-2")._replace(value=b'{"secret": "payload"')
        with a_log([broken, *over]) as (log, folder):
            path = folder / "live.db"
            with a_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
                rows = list(fold.store.dead_letters())
            files = b"".join(one.read_bytes() for one in folder.glob("live.db*"))

        assert [
            (0, 0, "value_must_be_json", len(broken.value)),
            (0, 1_001, "subject_must_not_exceed_1000_events", len(over[-1].value)),
        ] == rows
        assert b"payload" not in files


class TestState:
    def test_a_state_that_fails_its_checksum_is_folded_anew(self):
        with a_log([an_outcome(n, f"s-{n}") for n in range(4)]) as (log, folder):
            path = folder / "live.db"
            with a_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
                sound = fold.states[0].checksum
                fold.store._connection.execute("delete from students where subject = 's-2'")
            with a_fold(log, path) as fold:
                assert 0 == fold.states[0].next_offset
                fold.apply(0, list(log.read({0: 0}, log.end())))
                assert sound == fold.states[0].checksum

    def test_the_state_of_another_log_is_refused(self):
        with a_log([an_outcome(1)]) as (log, folder), a_log([an_outcome(2)]) as (other, _):
            path = folder / "live.db"
            with a_fold(log, path) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
            with pytest.raises(LedgerError, match="another log"), a_fold(other, path):
                pass

    def test_a_log_made_anew_under_a_running_worker_is_refused(self):
        with a_log([an_outcome(1)]) as (log, folder), closing(Store(folder / "l.db")) as store:
            fold = LiveFold(store, BUILT_IN, log_name=log.name, partitions=1)
            Follower(log, fold).step()
            with (
                a_log([an_outcome(2), an_outcome(3)]) as (anew, _),
                pytest.raises(LedgerError, match="another log"),
            ):
                live_figures(store, anew, BUILT_IN)

    def test_a_new_policy_is_computed_from_the_students_without_the_log(self):
        mine = policy_of(id="mine", outcome_window_months=1)
        with a_log([an_outcome(n, f"s-{n % 3}") for n in range(9)]) as (log, folder):
            path = folder / "live.db"
            with a_fold(log, path, BUILT_IN[:1]) as fold:
                fold.apply(0, list(log.read({0: 0}, log.end())))
            with a_fold(log, path, [BUILT_IN[0], mine]) as fold:
                both = fold.states[0].checksum
                assert fold.store.checksum(0) == both
                live = live_figures(fold.store, log, [mine])
                assert reports(replay(log, log.end(), [mine]), log, mine) == reports(
                    live, log, mine
                )
            folded = folded_in_batches(log, folder / "other.db", [2], [BUILT_IN[0], mine])
            assert both == folded[0][1]

    def test_a_file_that_is_no_read_model_is_refused_and_left_as_it_is(self, tmp_path):
        path = tmp_path / "notes.db"
        path.write_bytes(b"my notes, not a database at all, but long enough to look at")

        with pytest.raises(LedgerError, match="delete the file"):
            Store(path)

        assert path.read_bytes().startswith(b"my notes")
