"""What a record's time stamp on Kafka says about when it was recorded."""

from __future__ import annotations

import pytest

from ledger.log.kafka.reader import recorded_at_of
from schemas.moments import LAST_MS


class TestRecordedAt:
    @pytest.mark.parametrize(
        ("stamp", "expected"),
        [
            pytest.param(None, 0, id="a format without time stamps"),
            pytest.param(-1, 0, id="no time stamp"),
            pytest.param(-(2**63), 0, id="the earliest"),
            pytest.param(1_700_000_000_000, 1_700_000_000_000, id="milliseconds"),
            pytest.param(LAST_MS, LAST_MS, id="the end of the calendar"),
            pytest.param(1_700_000_000_000_000, LAST_MS, id="microseconds"),
            pytest.param(2**63 - 1, LAST_MS, id="the latest"),
        ],
    )
    def test_any_time_stamp_gives_a_moment_that_has_a_date(self, stamp, expected):
        assert expected == recorded_at_of(stamp)

    @pytest.mark.parametrize("stamp", [1_705_312_800_123, LAST_MS, 2**53 + 1, 2**63 - 1])
    def test_the_seconds_that_faust_delivers_give_the_same(self, stamp):
        assert recorded_at_of(stamp) == recorded_at_of(round(stamp / 1000.0 * 1_000))
