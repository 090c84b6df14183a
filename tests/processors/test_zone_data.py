"""Live figures are those of the zone data in use, also where it was updated in between."""

from __future__ import annotations

import io
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest

import projections.policy
from ledger.errors import ConfigurationError
from ledger.replay import replay
from processors.partials import decode_partial, encode_partial, merge_partials
from processors.read_model.store import Store
from processors.stored_figures import read_store
from tests.support.histories import new_record, policy_of, story
from tests.support.live_fold import fold_in_batches, open_fold, temporary_log
from tests.support.zones import packaged

HISTORY = [
    new_record(event) for event in story("outcome 2024-01-31 raise time=2024-01-31T15:30:00Z")
]
BY_TIME = {"zone": "Africa/Casablanca", "outcome_date": "time"}


@pytest.fixture
def fold_with_older_data(monkeypatch):
    """Folds as a worker did that came with another release of the zone data."""
    tokyo = ZoneInfo.from_file(io.BytesIO(packaged("Asia/Tokyo")))

    def fold(log, path, overrides):
        with monkeypatch.context() as patch:
            patch.setattr(projections.policy, "zone_data_release", lambda: "2019.3")
            patch.setattr(projections.policy, "zone", lambda _: tokyo)
            policy = policy_of(**overrides)
            fold_in_batches(log, path, [1], [policy])
            with open_fold(log, path, [policy]) as live:
                return encode_partial(0, live.states[0], [policy.figures_key], [2024])

    return fold


def month_counts(figures, policy):
    return {group: count for (year, measure, group), count
            in figures.figures[policy.sha256].cells.items()
            if measure == "career_outcomes" and group.startswith("month:") and count}  # fmt: skip


def test_a_worker_with_other_zone_data_computes_the_figures_again(fold_with_older_data):
    with temporary_log(HISTORY) as (log, folder):
        policy, path = policy_of(**BY_TIME), folder / "live.db"
        fold_with_older_data(log, path, BY_TIME)
        fold_in_batches(log, path, [1], [policy])
        with closing(Store(path, read_only=True)) as store:
            live = read_store(store, log, [policy])

        assert {"month:01": 1} == month_counts(live, policy)
        assert month_counts(replay(log, log.end(), [policy]), policy) == month_counts(live, policy)


def test_figures_of_other_zone_data_are_not_shown(fold_with_older_data):
    with temporary_log(HISTORY) as (log, folder):
        policy, path = policy_of(**BY_TIME), folder / "live.db"
        partial = decode_partial(fold_with_older_data(log, path, BY_TIME))

        with (
            closing(Store(path, read_only=True)) as store,
            pytest.raises(ConfigurationError, match="zone data"),
        ):
            read_store(store, log, [policy])
        with pytest.raises(ConfigurationError, match="zone data"):
            merge_partials("the topic", [partial], [policy], 2024)


def test_figures_that_no_zone_decides_stay(fold_with_older_data):
    overrides = BY_TIME | {"outcome_date": "outcome_on"}
    with temporary_log(HISTORY) as (log, folder):
        policy, path = policy_of(**overrides), folder / "live.db"
        partial = decode_partial(fold_with_older_data(log, path, overrides))
        with closing(Store(path, read_only=True)) as store:
            live = read_store(store, log, [policy])

        merged = merge_partials("the topic", [partial], [policy], 2024)
        assert {"month:01": 1} == month_counts(live, policy) == month_counts(merged, policy)
