"""Partials: the same bytes at the same offset, complete, bounded, and read by the furthest."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.log import NewRecord, open_log
from processors.live_fold import FOLD_VERSION
from processors.partials import PartialsRead, decode_partial, encode_partial, partial_key
from processors.read_model.store import PartitionState
from tests.processors.test_live_fold import BUILT_IN, a_fold, a_log, an_outcome
from tests.support.strategies import records

HASHES = [policy.sha256 for policy in BUILT_IN]
YEARS = range(2019, 2026)


def partial_of(fold, partition):
    return encode_partial(partition, fold.states[partition], HASHES, YEARS)


def folded_to(log, path, sizes):
    """The partials of all partitions after folding in batches of these sizes, in turn."""
    with a_fold(log, path) as fold:
        waiting = {p: list(log.read({p: 0}, {p: upto})) for p, upto in log.end().items()}
        turn = 0
        while any(waiting.values()):
            for partition, left in waiting.items():
                size = sizes[turn % len(sizes)]
                fold.apply(partition, left[:size])
                del left[:size]
                turn += 1
        return [partial_of(fold, partition) for partition in sorted(fold.states)]


class TestBytes:
    @given(records(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_any_batches_in_any_turns_give_the_same_bytes(self, taken, sizes):
        with a_log(taken, partitions=3) as (log, folder):
            assert folded_to(log, folder / "one.db", [1]) == folded_to(
                log, folder / "other.db", sizes
            )

    @given(records(), st.integers(0, 30))
    def test_a_worker_that_was_moved_publishes_the_bytes_of_one_that_was_not(self, taken, upto):
        """Folded by one, left, folded by another from the beginning: the same at one offset."""
        with a_log(taken) as (log, folder):
            everything = list(log.read({0: 0}, log.end()))
            with a_fold(log, folder / "one.db") as fold:
                fold.apply(0, everything[:upto])
            with a_fold(log, folder / "one.db") as fold:
                fold.apply(0, everything)
                moved = partial_of(fold, 0)

            assert [moved] == folded_to(log, folder / "other.db", [len(taken) + 1])

    def test_the_year_before_the_first_live_one_goes_with_it(self):
        with a_log([an_outcome(1)]) as (log, folder), a_fold(log, folder / "one.db") as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))
            value = encode_partial(0, fold.states[0], HASHES, [2023])

        found = decode_partial(value)
        assert {2023} == found.years
        assert 1 == found.figures[HASHES[0]].count(2022, "career_outcomes", "all")

    def test_figures_that_do_not_fit_are_refused_with_what_to_do(self):
        state = PartitionState(next_offset=1)
        for number in range(120_000):
            state.cells[HASHES[0], 2022, f"{hash(str(number)):x}", "all"] = number

        with pytest.raises(LedgerError, match="keep fewer years or policies live"):
            encode_partial(0, state, HASHES, YEARS)


def value_at(partition, offset, version=FOLD_VERSION):
    """A partial of nothing at an offset, as some version of the fold would write it."""
    import zlib

    import orjson

    members = orjson.loads(
        zlib.decompress(encode_partial(partition, PartitionState(offset), HASHES, YEARS))
    )
    return zlib.compress(orjson.dumps({**members, "fold": version}))


class TestReading:
    @pytest.fixture
    def published(self, tmp_path):
        with closing(open_log(f"sqlite:{tmp_path / 'partials.db'}", create=True)) as log:
            yield log

    def publish(self, log, *partials):
        log.append([NewRecord(partial_key(one[0]), value_at(*one)) for one in partials])

    def offsets(self, read):
        read.refresh()
        return [one.next_offset for one in read.latest()]

    def test_of_each_partition_the_furthest_counts_whatever_was_published_last(self, published):
        read = PartialsRead(published, 2)
        self.publish(published, (0, 5), (1, 7), (0, 9), (0, 6))

        assert [9, 7] == self.offsets(read)

    def test_what_comes_later_is_read_from_there_on(self, published):
        read = PartialsRead(published, 1)
        self.publish(published, (0, 5))
        assert [5] == self.offsets(read)
        self.publish(published, (0, 8))

        assert [8] == self.offsets(read)
        assert not read.refresh()

    def test_a_partition_without_figures_is_named(self, published):
        read = PartialsRead(published, 3)
        self.publish(published, (0, 5), (2, 5))
        read.refresh()

        with pytest.raises(LedgerError, match="no figures of partition 1 yet"):
            read.latest()

    def test_a_newer_version_takes_over_when_it_covers_all_and_has_caught_up(self, published):
        read = PartialsRead(published, 2)
        older, newer = "1.9", "1.10"
        self.publish(published, (0, 5_000, older), (1, 5_000, older), (0, 4_999, newer))
        assert [5_000, 5_000] == self.offsets(read)
        self.publish(published, (1, 10, newer))
        assert [5_000, 5_000] == self.offsets(read)
        self.publish(published, (1, 4_990, newer))

        assert [4_999, 4_990] == self.offsets(read)

    def test_what_is_no_partial_is_passed_over(self, published):
        read = PartialsRead(published, 1)
        published.append([NewRecord(b"0", value) for value in (None, b"", b"junk", b"{}")])
        self.publish(published, (0, 3))

        assert [3] == self.offsets(read)
        assert decode_partial(json.dumps({"schema": "other"}).encode()) is None
