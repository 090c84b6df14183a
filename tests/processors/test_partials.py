"""Partials: the same bytes at the same offset, complete and bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LedgerError
from processors.partials import decode_partial, encode_partial
from processors.read_model.partition_state import PartitionState
from tests.support.live_fold import BUILT_IN, open_fold, outcome_record, temporary_log
from tests.support.strategies import records

HASHES = [policy.sha256 for policy in BUILT_IN]
YEARS = range(2019, 2026)


def encode(fold, partition):
    return encode_partial(partition, fold.states[partition], HASHES, YEARS)


def fold_and_encode(log, path, sizes):
    """The partials of all partitions after folding in batches of these sizes, in turn."""
    with open_fold(log, path) as fold:
        waiting = {
            partition: list(log.read({partition: 0}, {partition: end}))
            for partition, end in log.end().items()
        }
        turn = 0
        while any(waiting.values()):
            for partition, left in waiting.items():
                size = sizes[turn % len(sizes)]
                fold.apply(partition, left[:size])
                del left[:size]
                turn += 1
        return [encode(fold, partition) for partition in sorted(fold.states)]


class TestBytes:
    @given(records(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_any_batches_in_any_order_give_the_same_bytes(self, history, sizes):
        with temporary_log(history, partitions=3) as (log, folder):
            assert fold_and_encode(log, folder / "first.db", [1]) == fold_and_encode(
                log, folder / "other.db", sizes
            )

    @given(records(), st.integers(0, 30))
    def test_a_partition_that_was_moved_gives_the_bytes_of_one_that_was_not(self, history, offset):
        """Folded by a worker, resumed by the next: the same bytes at one offset."""
        with temporary_log(history) as (log, folder):
            everything = list(log.read({0: 0}, log.end()))
            with open_fold(log, folder / "first.db") as fold:
                fold.apply(0, everything[:offset])
            with open_fold(log, folder / "first.db") as fold:
                fold.apply(0, everything)
                resumed = encode(fold, 0)

            assert [resumed] == fold_and_encode(log, folder / "other.db", [len(history) + 1])

    def test_the_year_before_the_first_live_year_is_included(self):
        with (
            temporary_log([outcome_record(1)]) as (log, folder),
            open_fold(log, folder / "first.db") as fold,
        ):
            fold.apply(0, list(log.read({0: 0}, log.end())))
            value = encode_partial(0, fold.states[0], HASHES, [2023])

        partial = decode_partial(value)
        assert {2023} == partial.years
        assert 1 == partial.figures[HASHES[0]].count(2022, "career_outcomes", "all")

    def test_figures_that_do_not_fit_are_refused_with_what_to_do(self):
        state = PartitionState(next_offset=1)
        for number in range(120_000):
            state.cells[HASHES[0], 2022, f"{hash(str(number)):x}", "all"] = number

        with pytest.raises(LedgerError, match="keep fewer years or policies live"):
            encode_partial(0, state, HASHES, YEARS)


class TestDecoding:
    @pytest.mark.parametrize(
        "value", [None, b"", b"junk", json.dumps({"schema": "other"}).encode()]
    )
    def test_what_is_not_a_partial_is_none(self, value):
        assert decode_partial(value) is None
