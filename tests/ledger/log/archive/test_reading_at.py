"""`ArchiveLog.read_at`: records at known places of sealed segments, without decoding the others."""

from __future__ import annotations

import pytest

from ledger.errors import DamagedArchiveError, StoreError
from ledger.log import open_log
from ledger.log.archive import segment
from tests.ledger.log.archive.folders import records, sealed
from tests.ledger.log.contract import everything

HELD = [*records(30), *records(30, partition=1, step=3, value=b'{"offset":7,\n}')]


@pytest.fixture
def folder(tmp_path):
    """An archive of several segments in two partitions."""
    return sealed(tmp_path / "a", HELD, partitions=2, segment_bytes=500)


class TestRecords:
    @pytest.mark.parametrize("step", [1, 100, 262_144])
    def test_at_all_places_are_all_records(self, folder, monkeypatch, step):
        monkeypatch.setattr(segment, "_STEP", step)
        log = open_log(f"archive:{folder}")

        result = [
            record
            for partition in (0, 1)
            for record in log.read_at(partition, [each[1] for each in HELD if each[0] == partition])
        ]

        assert everything(log) == result

    @pytest.mark.parametrize("offsets", [[], [0], [87], [3, 6, 60, 87]])
    def test_only_those_that_were_asked_for(self, folder, offsets):
        log = open_log(f"archive:{folder}")

        assert offsets == [record.offset for record in log.read_at(1, offsets)]


class TestDamage:
    def test_a_place_without_a_record_is_refused(self, folder):
        log = open_log(f"archive:{folder}")

        with pytest.raises(StoreError, match="has no record at offset 4"):
            list(log.read_at(1, [3, 4]))

    def test_a_segment_that_has_changed_since_is_refused(self, folder):
        log = open_log(f"archive:{folder}")
        path = next(path for path in sorted(folder.rglob("*.gz")))
        path.write_bytes(path.read_bytes()[:-1])

        with pytest.raises(DamagedArchiveError):
            list(log.read_at(0, [0]))
