"""The read model's checksum is that of its rows; a full disk is said, whatever is written."""

from __future__ import annotations

import pytest
from hypothesis import given

from ledger.errors import StoreError
from processors.read_model.store import PartitionState, Store
from tests.support.live_fold import open_fold, temporary_log
from tests.support.strategies import records


class TestChecksum:
    @given(records())
    def test_the_stored_checksum_is_the_one_of_the_rows(self, history):
        with temporary_log(history) as (log, folder), open_fold(log, folder / "live.db") as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))

            assert fold.store.compute_checksum(0) == fold.store.load(0).checksum


class TestFullDisk:
    """No error of SQLite comes through, and what was there stays."""

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.set_metadata({"x": "y" * 9_000}),
            lambda store: store.replace_cells(
                0, PartitionState(cells={("p", 2022, "m", f"g{n}"): n for n in range(900)})
            ),
        ],
        ids=["metadata", "cells"],
    )
    def test_it_is_said(self, tmp_path, write):
        store = Store(tmp_path / "live.db")
        store.set_metadata({"log": "l"})
        pages = store._connection.execute("pragma page_count").fetchone()[0]
        store._connection.execute(f"pragma max_page_count = {pages}")

        with pytest.raises(
            StoreError, match=r"not written \(database or disk is full\); make room"
        ):
            write(store)

        assert {"log": "l"} == store.metadata()
        store.close()
