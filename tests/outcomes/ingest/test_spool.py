"""`outcomes.ingest.spool`: what was put in comes out, whether it has been on disk or not."""

from __future__ import annotations

import pytest

from ledger.log import NewRecord
from outcomes.ingest import spool
from outcomes.ingest.spool import open_spool

RECORDS = [
    NewRecord(None, None, None),
    NewRecord(b"", b"", 0),
    NewRecord(b"s-1", b"{}", None),
    NewRecord(b"\n 7", b"1 2 3\n" * 40, 1_700_000_000_000),
    NewRecord(None, b"\xff\0", -1),
]


class TestSpool:
    # At 256 bytes a record beside its value: none on disk, each, every second, all but the last.
    @pytest.mark.parametrize("memory_bytes", [10**6, 0, 300, 1_300])
    def test_records_come_out_as_and_in_the_order_that_they_were_put_in(
        self, memory_bytes, monkeypatch
    ):
        monkeypatch.setattr(spool, "_MEMORY_BYTES", memory_bytes)
        records = RECORDS * 3
        with open_spool() as room:
            for record in records:
                room.put(record)
            assert records == list(room.records())
