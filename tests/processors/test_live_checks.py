"""The doctor says of live figures who keeps them, how far, and what is quarantined."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from ledger.log import SqliteAddress
from processors import live_checks
from processors.lag import Lag, unattended
from processors.live_checks import examine_live
from processors.live_fold import FOLD_VERSION
from processors.read_model.store import Store
from tests.support.live_fold import open_fold, outcome_record, temporary_log

OVER_LIMIT = "subject_must_not_exceed_1000_events"


def broken(number):
    return outcome_record(number)._replace(value=b"not JSON")


# The quarantined records are not among the latest.
HISTORY = [
    *(broken(number) for number in range(40)),
    *(outcome_record(number) for number in range(1_003)),
    *(outcome_record(number, "s-2") for number in range(600)),
]


@pytest.fixture
def log():
    with temporary_log(HISTORY) as (log, _):
        yield log


def read_model(log):
    return log.path.with_name(f"{log.path.name}.live-{FOLD_VERSION}.db")


def fold(log, offset=1_643):
    with open_fold(log, read_model(log)) as live:
        live.apply(0, list(log.read({0: 0}, {0: offset})))


def checks(log, **options):
    result = examine_live(SqliteAddress(log.path), log, **options)
    return {check.name: check[1:] for check in result}


class TestQuarantined:
    def test_a_worker_has_counted_all_of_them_by_rule(self, log):
        fold(log)

        assert (
            "warning",
            f"43 of 1,643 records folded: {OVER_LIMIT} 3, value_must_be_json 40",
        ) == checks(log)["quarantined"]

    def test_without_a_worker_the_log_is_read(self, log):
        severity, detail = checks(log)["quarantined"]

        assert ("warning", "40 of 1,643 records: value_must_be_json 40") == (severity, detail)

    def test_a_log_too_large_to_read_in_time_is_read_as_far_as_possible(self, log, monkeypatch):
        monkeypatch.setattr(live_checks, "SCAN_SECONDS", 0.0)
        severity, detail = checks(log)["quarantined"]

        assert "warning" == severity
        assert (
            "40 of the 500 records that could be read in 0 s, of 1,643; --deep reads all:"
            " value_must_be_json 40"
        ) == detail

    def test_deep_reads_all_of_it(self, log, monkeypatch):
        monkeypatch.setattr(live_checks, "SCAN_SECONDS", 0.0)

        assert (
            f"43 of 1,643 records: {OVER_LIMIT} 3, value_must_be_json 40"
            == (checks(log, deep=True)["quarantined"][1])
        )

    def test_none_is_fine(self):
        with temporary_log([outcome_record(1)]) as (log, _):
            assert ("fine", "none of 1 record") == checks(log)["quarantined"]


class TestWorker:
    def test_records_that_wait_without_a_worker_are_a_warning(self, log):
        fold(log, 1_600)
        severity, detail = checks(log)["worker"]

        assert "warning" == severity
        assert "none has partition 0" in detail
        assert "43 records waiting" in detail
        assert "`outcomes worker`" in detail

    def test_no_worker_is_a_warning_while_nothing_waits_too(self, log):
        fold(log)
        severity, detail = checks(log)["worker"]

        assert "warning" == severity
        assert "0 records waiting" in detail

    def test_a_sealed_log_that_is_folded_needs_none(self):
        folded = Lag(0, 5, 5, 0, 0.0, None)

        assert [0] == unattended([folded], is_sealed=False)
        assert [] == unattended([folded], is_sealed=True)
        assert [0] == unattended([folded._replace(records=1)], is_sealed=True)

    def test_a_worker_that_follows_is_named_by_its_process(self, log):
        fold(log, 1_600)
        with closing(Store(read_model(log))):
            severity, detail = checks(log)["worker"]

        assert "fine" == severity
        assert detail.endswith(f"-{os.getpid()}; 43 records waiting")

    def test_without_live_figures_there_is_nothing_to_say_of_a_worker(self, log):
        result = checks(log)

        assert "worker" not in result
        assert "fine" == result["live figures"][0]
        assert "`outcomes worker`" in result["live figures"][1]


class TestLiveFigures:
    def test_how_far_they_reach(self, log):
        fold(log, 1_600)

        assert ("fine", f"{read_model(log)} reaches 0:1600") == checks(log)["live figures"]
