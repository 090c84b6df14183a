"""Sorting by key with flat memory."""

from __future__ import annotations

import random
import tempfile
import tracemalloc

import pytest

from ledger import external_sort
from ledger.errors import StoreError
from ledger.log.record_sort import sort_by_key
from schemas.record import Record

KEYS = [None, b"", b"\x00", b"a", b"a\x00", b"aa", b"b", b"\xff"]


def history(count, *, partitions=3):
    chance = random.Random(7)
    values = [None, b"", b"{}", bytes(range(256))]
    for partition in range(partitions):
        for offset in range(count):
            yield Record(partition, offset, offset, chance.choice(KEYS), chance.choice(values))


def order(record):
    return record.key is not None, record.key or b"", record.partition, record.offset


class TestSortByKey:
    @pytest.mark.parametrize("run_bytes", [1, 1_000, 20_000, 1_000_000_000])
    def test_records_come_by_key_then_partition_then_offset(self, run_bytes):
        records = list(sort_by_key(history(200), run_bytes=run_bytes))

        assert sorted(history(200), key=order) == records

    def test_nothing_gives_nothing(self):
        assert [] == list(sort_by_key([]))

    def test_a_record_larger_than_a_block_survives(self):
        large = [Record(0, n, n, b"k", bytes([n]) * 300_000) for n in range(4)]

        assert large == list(sort_by_key(large, run_bytes=400_000))

    def test_no_file_is_made_where_all_fits_into_one_run(self, monkeypatch):
        monkeypatch.setattr(external_sort, "_temporary_file", None)

        assert 600 == sum(1 for _ in sort_by_key(history(200)))

    def test_an_unusable_temporary_folder_is_reported_in_one_line(self, monkeypatch, tmp_path):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

        with pytest.raises(StoreError, match="set TMPDIR") as raised:
            list(sort_by_key(history(200), run_bytes=1_000))
        assert str(raised.value).isprintable()

    def test_what_a_tick_raises_is_raised(self):
        read = []

        def tick():
            if len(read) > 1_000:
                raise TimeoutError

        records = (read.append(record) or record for record in history(2_000))
        with pytest.raises(TimeoutError):
            list(sort_by_key(records, tick=tick))
        assert len(read) < 2_000

    def test_memory_does_not_grow_with_the_log(self):
        def peak(count):
            tracemalloc.start()
            for _ in sort_by_key(history(count, partitions=1), run_bytes=500_000):
                pass
            result = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return result

        peak(100)
        assert peak(40_000) < 2 * peak(10_000)
