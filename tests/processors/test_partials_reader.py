"""Reading published partials: for each partition the furthest, all of one version of the fold."""

from __future__ import annotations

import zlib
from contextlib import closing

import orjson
import pytest

from ledger.errors import LedgerError
from ledger.log import NewRecord, open_log
from processors.live_fold import FOLD_VERSION
from processors.partials import encode_partial, partial_key
from processors.partials_reader import PartialsReader
from processors.read_model.partition_state import PartitionState
from tests.support.live_fold import BUILT_IN

HASHES = [policy.sha256 for policy in BUILT_IN]
YEARS = range(2019, 2026)


def value_at(partition, offset, version=FOLD_VERSION):
    """An empty partial at an offset, as a version of the fold would write it."""
    members = orjson.loads(
        zlib.decompress(encode_partial(partition, PartitionState(offset), HASHES, YEARS))
    )
    return zlib.compress(orjson.dumps({**members, "fold": version}))


class TestLatest:
    @pytest.fixture
    def published(self, tmp_path):
        with closing(open_log(f"sqlite:{tmp_path / 'partials.db'}", create=True)) as log:
            yield log

    def publish(self, log, *partials):
        log.append([NewRecord(partial_key(each[0]), value_at(*each)) for each in partials])

    def offsets(self, reader):
        reader.refresh()
        return [partial.next_offset for partial in reader.latest()]

    def test_the_furthest_partial_counts_whatever_was_published_last(self, published):
        reader = PartialsReader(published, 2)
        self.publish(published, (0, 5), (1, 7), (0, 9), (0, 6))

        assert [9, 7] == self.offsets(reader)

    def test_a_refresh_reads_what_was_published_since(self, published):
        reader = PartialsReader(published, 1)
        self.publish(published, (0, 5))
        assert [5] == self.offsets(reader)
        self.publish(published, (0, 8))

        assert [8] == self.offsets(reader)
        assert not reader.refresh()

    def test_a_partition_without_figures_is_named(self, published):
        reader = PartialsReader(published, 3)
        self.publish(published, (0, 5), (2, 5))
        reader.refresh()

        with pytest.raises(LedgerError, match="no figures of partition 1 yet"):
            reader.latest()

    def test_a_newer_version_takes_over_when_it_covers_all_and_has_caught_up(self, published):
        reader = PartialsReader(published, 2)
        older, newer = "1.9", "1.10"
        self.publish(published, (0, 5_000, older), (1, 5_000, older), (0, 4_999, newer))
        assert [5_000, 5_000] == self.offsets(reader)
        self.publish(published, (1, 10, newer))
        assert [5_000, 5_000] == self.offsets(reader)
        self.publish(published, (1, 4_990, newer))

        assert [4_999, 4_990] == self.offsets(reader)

    def test_what_is_not_a_partial_is_skipped(self, published):
        reader = PartialsReader(published, 1)
        published.append([NewRecord(b"0", value) for value in (None, b"", b"junk", b"{}")])
        self.publish(published, (0, 3))

        assert [3] == self.offsets(reader)
