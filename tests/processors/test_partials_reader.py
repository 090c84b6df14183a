"""Reading published partials: the furthest of the log's records, all of one version of the fold."""

from __future__ import annotations

import zlib
from contextlib import closing

import orjson
import pytest

from ledger.errors import LedgerError
from ledger.log import NewRecord, open_log
from ledger.log.identity import PrefixIdentities
from processors.live_fold import FOLD_VERSION
from processors.partials import encode_partial, partial_key
from processors.partials_reader import PartialsReader
from processors.read_model.partition_state import PartitionState
from schemas.partition import partition_of
from tests.support.live_fold import BUILT_IN

HASHES = [policy.sha256 for policy in BUILT_IN]
YEARS = range(2019, 2026)
RECORDS = 5_000


def records(partition, count, text):
    """Records of a partition of two."""
    key = next(key for n in range(9) if partition_of(key := b"s-%d" % n, 2) == partition)
    return [NewRecord(key, f"{text} {number}".encode(), number) for number in range(count)]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The log of two partitions, and the history that was folded before it was restored."""
    folder = tmp_path_factory.mktemp("logs")
    opened = {name: open_log(f"sqlite:{folder / name}?partitions=2", create=True) for name in
              ("current.db", "before.db")}  # fmt: skip
    current, before = opened.values()
    for log, text in ((current, "current"), (before, "before")):
        for partition in (0, 1):
            # Both begin with the same ten records.
            log.append(records(partition, 10, "common"))
            log.append(records(partition, RECORDS - 10, text))
    yield current, before
    for log in opened.values():
        log.close()


@pytest.fixture
def log(logs):
    return logs[0]


@pytest.fixture
def topic(tmp_path):
    with closing(open_log(f"sqlite:{tmp_path / 'partials.db'}", create=True)) as log:
        yield log


def partial_at(log, partition, offset, version=FOLD_VERSION):
    """A partial of a log's records below an offset, as a version of the fold would write it."""
    identity = PrefixIdentities(log).read({partition: offset})[partition]
    state = PartitionState(
        offset, first_record=identity.first_record, last_record=identity.last_record
    )
    members = orjson.loads(zlib.decompress(encode_partial(partition, state, HASHES, YEARS)))
    return zlib.compress(orjson.dumps({**members, "fold": version}))


def publish(topic, log, *partials):
    topic.append([NewRecord(partial_key(each[0]), partial_at(log, *each)) for each in partials])


def offsets(reader):
    reader.refresh()
    return [partial.next_offset for partial in reader.latest()]


class TestLatest:
    def test_the_furthest_partial_counts_whatever_was_published_last(self, topic, log):
        publish(topic, log, (0, 5), (1, 7), (0, 9), (0, 6))

        assert [9, 7] == offsets(PartialsReader(topic, log))

    def test_a_refresh_reads_what_was_published_since(self, topic, log):
        reader = PartialsReader(topic, log)
        publish(topic, log, (0, 5), (1, 5))
        assert [5, 5] == offsets(reader)
        publish(topic, log, (0, 8))

        assert [8, 5] == offsets(reader)
        assert not reader.refresh()

    def test_a_partition_without_figures_is_named(self, topic, log):
        publish(topic, log, (0, 5))

        with pytest.raises(LedgerError, match="no figures of partition 1 yet"):
            offsets(PartialsReader(topic, log))

    def test_a_newer_version_takes_over_when_it_covers_all_and_has_caught_up(self, topic, log):
        reader = PartialsReader(topic, log)
        older, newer = "1.9", "1.10"
        publish(topic, log, (0, 5_000, older), (1, 5_000, older), (0, 4_999, newer))
        assert [5_000, 5_000] == offsets(reader)
        publish(topic, log, (1, 10, newer))
        assert [5_000, 5_000] == offsets(reader)
        publish(topic, log, (1, 4_990, newer))

        assert [4_999, 4_990] == offsets(reader)

    def test_what_is_not_a_partial_is_skipped(self, topic, log):
        topic.append([NewRecord(b"0", value) for value in (None, b"", b"junk", b"{}")])
        publish(topic, log, (0, 3), (1, 4))

        assert [3, 4] == offsets(PartialsReader(topic, log))

    def test_a_partition_that_was_not_recorded_to_yet_has_figures_of_nothing(self, topic, log):
        publish(topic, log, (0, 0), (1, 4))

        assert [0, 4] == offsets(PartialsReader(topic, log))


class TestAnotherHistory:
    """The log was restored from a copy, or created again, after figures were published."""

    def test_its_partials_are_left_out_however_far_on_they_are(self, topic, logs):
        log, before = logs
        publish(topic, log, (0, 20), (1, 20))
        publish(topic, before, (0, 4_000), (1, 4_000))
        publish(topic, log, (0, 21))

        assert [21, 20] == offsets(PartialsReader(topic, log))

    def test_a_partial_of_the_records_that_both_share_counts(self, topic, logs):
        log, before = logs
        publish(topic, before, (0, 10), (1, 9), (0, 11), (1, 12))

        assert [10, 9] == offsets(PartialsReader(topic, log))

    def test_partials_beyond_the_end_of_the_log_are_left_out(self, topic, logs, tmp_path):
        _, before = logs
        publish(topic, before, (0, 10), (1, 10), (0, 5_000), (1, 5_000))
        url = f"sqlite:{tmp_path / 'short.db'}?partitions=2"
        with closing(open_log(url, create=True)) as short:
            for partition in (0, 1):
                short.append(records(partition, 10, "common"))

            assert [10, 10] == offsets(PartialsReader(topic, short))

    def test_without_any_other_it_is_said_why_and_figures_return_by_themselves(self, topic, logs):
        log, before = logs
        reader = PartialsReader(topic, log)
        publish(topic, log, (0, 30))
        publish(topic, before, (0, 4_000), (1, 4_000))
        with pytest.raises(LedgerError, match=r"record at offset 3999 of partition 1 differs"):
            offsets(reader)
        publish(topic, log, (1, 30))

        assert [30, 30] == offsets(reader)

    def test_many_of_its_partials_do_not_fill_the_memory(self, topic, logs):
        log, before = logs
        reader = PartialsReader(topic, log)
        for offset in range(20, 220):
            reader.add(partial_at(before, 0, offset))
            reader.add(partial_at(log, 1, offset))
        publish(topic, log, (0, 15))

        assert [15, 219] == offsets(reader)
        waiting = reader._candidates[FOLD_VERSION].values()
        assert [1, 1] == [len(candidates) for candidates in waiting]

    def test_a_partial_of_the_first_fold_which_cannot_be_checked_is_left_out(self, topic, log):
        publish(topic, log, (0, 5), (1, 5))
        members = orjson.loads(zlib.decompress(partial_at(log, 0, 9, "1.1")))
        del members["last_record"]
        topic.append([NewRecord(b"0/1.1", zlib.compress(orjson.dumps(members)))])

        assert [5, 5] == offsets(PartialsReader(topic, log))
