"""The metrics of workers: what they fold, and what their figures say, from the first scrape on."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ledger.errors import StoreError, UsageError
from ledger.log import NewRecord
from processors.metrics.endpoint import MetricsPlace
from processors.metrics.figures import FiguresCollector, StatusReader
from processors.metrics.folder import metrics_folder
from processors.metrics.folding import BatchHistogram, FoldMetrics
from tests.support.live_fold import open_fold, outcome_record, temporary_log
from tests.support.metrics import address_of, exposed, scraped, value_of
from tests.support.workers import Worker, wait_until

DECLARED = "ledger.outcome.declared.v1"


def test_a_batch_is_counted_by_what_its_records_are():
    records = [outcome_record(1), outcome_record(2), outcome_record(1), NewRecord(b"s-1", None)]
    registry = CollectorRegistry()
    with temporary_log(records) as (log, folder), open_fold(log, folder / "state.db") as fold:
        fold.on_batch = FoldMetrics(registry)
        fold.apply(0, list(log.read({0: 0}, log.end())))

    text = generate_latest(registry).decode()
    states = ("events", "duplicates", "conflicts", "quarantined")
    counted = [
        value_of(text, f'outcomes_folded_records_total{{state="{name}"}}') for name in states
    ]
    assert [2, 1, 0, 1] == counted
    assert 3 == value_of(text, f'outcomes_folded_events_total{{type="{DECLARED}"}}')
    assert 4 == value_of(text, "outcomes_visible_seconds_count")
    assert 1 == value_of(text, "outcomes_read_model_commit_seconds_count")


def test_values_that_are_taken_at_once_count_like_one_by_one():
    amounts, texts = [0, 0.1, 0.11, 0.5, 0.5, 4, 9], []
    for take in (
        BatchHistogram.observe_all,
        lambda histogram, many: [*map(histogram.observe, many)],
    ):
        registry = CollectorRegistry()
        take(
            BatchHistogram("age", "Of a record.", buckets=(0.1, 0.5, 5), registry=registry), amounts
        )
        texts.append([line for line in generate_latest(registry).splitlines() if b"_c" not in line])

    assert texts[0] == texts[1]
    assert b'age_bucket{le="0.5"} 5.0' in texts[0]


def test_figures_that_cannot_be_read_are_a_metric_and_no_failure():
    @contextmanager
    def away():
        raise StoreError("the broker is away")
        yield

    text = exposed(FiguresCollector(StatusReader(away)))

    assert 0 == value_of(text, "outcomes_figures_available")
    assert "outcomes_lag" not in text


def test_a_worker_serves_its_metrics_where_it_is_asked_to(tmp_path):
    with temporary_log([outcome_record(number) for number in range(5)]) as (log, _):
        worker = Worker(f"sqlite:{log.path}", tmp_path / "s.db", options=("--metrics", "0"))
        try:
            place = address_of(worker.wait_for("batch.folded"))
            first = scraped(place)
            log.append([outcome_record(number) for number in range(5, 7)])
            wait_until(
                lambda: value_of(scraped(place), 'outcomes_records{state="events"}') == 7,
                "the later records",
            )
            assert 0 == worker.stop()
        finally:
            worker.kill()

    assert place.startswith("127.0.0.1:")
    assert 1 == value_of(first, 'outcomes_partition_has_worker{partition="0"}')
    assert 0 == value_of(first, 'outcomes_lag_records{partition="0"}')
    assert 5 == value_of(first, f'outcomes_folded_events_total{{type="{DECLARED}"}}')


def test_a_failure_beside_the_metrics_stays_what_it_is():
    with pytest.raises(FileNotFoundError), metrics_folder():
        raise FileNotFoundError


def test_without_a_temporary_folder_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StoreError, match="set TMPDIR"), metrics_folder():
        pass


@pytest.mark.parametrize("text", ["", "host", "1:x", "65536", ":-1"])
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="HOST:PORT"):
        MetricsPlace.parse(text)
