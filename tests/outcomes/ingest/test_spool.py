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
    # At 512 bytes a record beside its value: none on disk, each batch, every second, all but one.
    @pytest.mark.parametrize("memory_bytes", [10**6, 0, 1_100, 7_000])
    def test_records_come_out_as_and_in_the_order_that_they_were_put_in(
        self, memory_bytes, monkeypatch
    ):
        monkeypatch.setattr(spool, "_MEMORY_BYTES", memory_bytes)
        judged = [
            (record, (b"s-1", "/crm", str(place))) for place, record in enumerate(RECORDS * 3)
        ]
        with open_spool() as room:
            for start in range(0, len(judged), 2):
                room.put(judged[start : start + 2])
            seen = list(room.judged())
        assert [record for record, _ in judged] == [record for record, _ in seen]
        kept = [each for each in seen if each[1] is not None]
        assert judged[len(judged) - len(kept) :] == kept
