"""Reading the figures of a read model at any moment of its life."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.errors import NoFiguresError
from ledger.log import SqliteAddress
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from processors.stored_figures import StoredFigures
from tests.support.live_fold import BUILT_IN, outcome_record, temporary_log


class TestStarting:
    """A worker makes its read model in steps, and somebody may look at it after each."""

    @pytest.fixture
    def figures(self):
        with temporary_log([outcome_record(1)]) as (log, folder):
            self.log, self.path = log, folder / "live.db"
            yield StoredFigures(SqliteAddress(log.path), self.path)

    def read(self, figures):
        return figures.read(BUILT_IN[0], 2022)

    def test_a_file_that_is_missing_or_empty_has_no_figures_yet(self, figures):
        with pytest.raises(NoFiguresError):
            self.read(figures)
        self.path.touch()

        with pytest.raises(NoFiguresError, match="yet"):
            self.read(figures)

    def test_tables_without_rows_have_no_figures_yet(self, figures):
        with closing(Store(self.path)), pytest.raises(NoFiguresError, match="yet"):
            self.read(figures)

    def test_a_read_model_whose_partitions_are_not_open_has_no_figures_yet(self, figures):
        with closing(Store(self.path)) as store:
            LiveFold(store, BUILT_IN, log_name=self.log.name, partitions=1)
            with pytest.raises(NoFiguresError, match="yet"):
                self.read(figures)

    def test_an_open_partition_has_the_figures_of_nothing(self, figures):
        with closing(Store(self.path)) as store:
            fold = LiveFold(store, BUILT_IN, log_name=self.log.name, partitions=1)
            fold.open_partition(0)
            live = self.read(figures)

        assert 0 == live.report.log.records
        assert [1] == [lag.records for lag in live.lag]
