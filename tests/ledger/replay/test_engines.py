"""`ledger.replay.engines`: which engine suits a log."""

from __future__ import annotations

from contextlib import closing

from ledger.columns.build import build_columns
from ledger.columns.cache import FOLDER
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log
from ledger.replay import suitable_engine
from ledger.replay.engines import COLUMNAR_FROM
from tests.support.histories import log_of


class TestSuitableEngine:
    def test_many_records_suit_the_columnar_engine_and_few_the_fold(self, tmp_path):
        with log_of(tmp_path, [], partitions=2) as log:
            few, many = {0: 1, 1: COLUMNAR_FROM - 2}, {0: 1, 1: COLUMNAR_FROM - 1}

            assert "fold" == suitable_engine(log, [few])
            assert "columnar" == suitable_engine(log, [many])
            assert "columnar" == suitable_engine(log, [few, many])

    def test_an_archive_suits_the_columnar_engine_whose_columns_it_keeps(self, tmp_path):
        with log_of(tmp_path, [NewRecord(b"s-1", b"x")]) as log:
            archive_log(log, tmp_path / "a")
        build_columns(tmp_path / "a")
        with closing(open_log(f"archive:{tmp_path / 'a'}")) as log:
            assert "columnar" == suitable_engine(log, [log.end()])

            (stamp,) = (tmp_path / "a" / FOLDER).glob("*.json")
            stamp.unlink()
            assert "fold" == suitable_engine(log, [log.end()])
            assert "columnar" == suitable_engine(log, [{0: COLUMNAR_FROM}])
