"""A scan for quarantined records: every record is judged, for a bounded time."""

from __future__ import annotations

from hypothesis import given

from ledger.replay import replay
from processors.quarantine import scan_quarantined
from tests.support.live_fold import outcome_record, temporary_log
from tests.support.strategies import records


class TestScan:
    @given(records())
    def test_it_counts_what_a_replay_counts(self, history):
        with temporary_log(history, partitions=3) as (log, _):
            scan = scan_quarantined(log, log.end(), 60)

            assert scan.is_complete
            assert replay(log, log.end(), []).records.quarantined == scan.by_rule
            assert len(history) == scan.records

    def test_when_its_time_is_up_it_says_how_far_it_came(self):
        with temporary_log([outcome_record(number) for number in range(1_500)]) as (log, _):
            scan = scan_quarantined(log, log.end(), 0)

            assert not scan.is_complete
            assert 0 < scan.records < 1_500
