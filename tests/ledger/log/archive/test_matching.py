"""`ArchiveLog.read_matching`: rare records of sealed segments, without decoding the others."""

from __future__ import annotations

import pytest

from ledger.errors import DamagedArchiveError
from ledger.log import open_log
from tests.ledger.log.archive.folders import records, sealed
from tests.ledger.log.contract import everything

HELD = [*records(30), *records(30, partition=1, value="é".encode())]


@pytest.fixture
def folder(tmp_path):
    """An archive of several segments in two partitions."""
    return sealed(tmp_path / "a", HELD, partitions=2, segment_bytes=500)


class TestRecords:
    def test_all_lines_are_all_records(self, folder):
        log = open_log(f"archive:{folder}")

        assert everything(log) == list(log.read_matching(log.end(), lambda _: True))

    def test_only_wanted_lines_of_the_partitions_below_the_cut_are_read(self, folder):
        log = open_log(f"archive:{folder}")

        result = list(log.read_matching({1: 17}, lambda line: b'"offset":1' in line))

        assert [(1, offset) for offset in (1, *range(10, 17))] == [each[:2] for each in result]

    def test_nothing_below_the_beginning(self, folder):
        log = open_log(f"archive:{folder}")

        assert [] == list(log.read_matching({0: 0}, lambda _: True))


class TestDamage:
    @pytest.mark.parametrize("wanted", [True, False])
    def test_a_segment_that_has_changed_since_is_refused(self, folder, wanted):
        log = open_log(f"archive:{folder}")
        path = next(path for path in sorted(folder.rglob("*.gz")))
        path.write_bytes(path.read_bytes()[:-1])

        with pytest.raises(DamagedArchiveError):
            list(log.read_matching(log.end(), lambda _: wanted))
