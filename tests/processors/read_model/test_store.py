"""The read model's checksum is that of its rows."""

from __future__ import annotations

from hypothesis import given

from tests.support.live_fold import open_fold, temporary_log
from tests.support.strategies import records


class TestChecksum:
    @given(records())
    def test_the_stored_checksum_is_the_one_of_the_rows(self, history):
        with temporary_log(history) as (log, folder), open_fold(log, folder / "live.db") as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))

            assert fold.store.compute_checksum(0) == fold.store.load(0).checksum
