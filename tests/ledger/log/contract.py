"""What every log promises, as one class of tests that each log runs.

A log's own test module makes a subclass with two fixtures: `make(partitions)` opens a new, empty
log and closes it in the end, `open_again()` opens the same one for reading and leaves closing it to
the caller.
The class attributes say what that log cannot do.
"""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack, closing
from itertools import chain

import pytest

from ledger.errors import CutNotHeldError, StoreError
from ledger.log import NewRecord, tail
from ledger.log.tail import RecordFilter, TailQuery, last_records
from schemas.partition import partition_of
from tests.support.bounds import BOUND

NOON = 1_705_312_800_000


def numbered(count, *, key=b"s-1", start_ms=NOON):
    return [NewRecord(key, b"%d" % n, start_ms + n) for n in range(count)]


def everything(log):
    end = log.end()
    return list(log.read(dict.fromkeys(end, 0), end))


class LogContract:
    """The promises of `ledger.log.port.Log`."""

    dense = True
    """Whether offsets have no holes."""

    @pytest.fixture
    def make(self, tmp_path):
        raise NotImplementedError

    @pytest.fixture
    def open_again(self):
        raise NotImplementedError

    @pytest.fixture
    def reopen(self, open_again):
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(open_again()))

    class Stop(Exception):  # noqa: N818
        """What a producer's iterable may raise midway."""

    def test_a_new_log_is_empty(self, make):
        log = make(3)

        assert 3 == log.partitions
        assert log.name
        assert {0: 0, 1: 0, 2: 0} == log.end() == log.normalise(log.end())
        assert [] == everything(log) == list(log.read_by_key(log.end()))
        assert log.latest_recorded_at(log.end()) is None
        assert log.end() == log.cut_as_of(NOON)

    def test_what_was_appended_is_read_back_in_order(self, make):
        log = make(1)

        acknowledged = log.append(numbered(5))

        assert 5 == acknowledged.records
        assert log.end() == acknowledged.end
        assert [b"%d" % n for n in range(5)] == [record.value for record in everything(log)]

    def test_each_record_of_a_small_append_is_where_it_is_said_to_be(self, make):
        log = make(3)
        log.append(numbered(4))
        records = [NewRecord(b"s-%d" % (n % 7), b"each %d" % n, NOON) for n in range(50)]

        appended = log.append_each(records, wait_seconds=BOUND)

        assert appended.failure is None
        held = {(record.partition, record.offset): record for record in everything(log)}
        assert 54 == len(held)
        for record, location in zip(records, appended.locations, strict=True):
            assert (record.key, record.value) == held[location][3:]

    def test_offsets_ascend_and_are_dense_where_the_log_says_so(self, make):
        log = make(2)
        for start in (0, 1, 4):
            log.append(NewRecord(b"s-%d" % n, b"", NOON) for n in range(start, 3 * start + 2))

        for partition, end in log.end().items():
            own = [record.offset for record in everything(log) if record.partition == partition]
            assert own == sorted(set(own))
            assert end == (own[-1] + 1 if own else 0)
            assert not self.dense or own == list(range(len(own)))

    def test_a_record_lies_in_the_partition_of_its_key(self, make):
        log = make(5)
        keys = [b"s-%d" % n for n in range(40)] + [b"\xff\x00", b"", b"\xc3\xa9"]
        log.append(NewRecord(key, b"x", NOON) for key in keys)

        records = everything(log)

        assert sorted(keys) == sorted(record.key for record in records)
        assert all(partition_of(match.key, 5) == match.partition for match in records)

    def test_the_order_of_one_key_is_the_order_of_appending(self, make):
        log = make(3)
        batches = [[NewRecord(b"s-%d" % (n % 7), b"%d" % n, NOON) for n in range(start, start + 9)]
                   for start in range(0, 45, 9)]  # fmt: skip
        for batch in batches:
            log.append(batch)

        for key in {record.key for record in everything(log)}:
            own = [int(record.value) for record in everything(log) if record.key == key]
            assert own == sorted(own)

    @pytest.mark.parametrize(
        "value",
        [None, b"", b"\x00", b"\xff\xfe", b"null", "\U0001f600".encode(), bytes(range(256)) * 400],
        ids=["tombstone", "empty", "nul", "not UTF-8", "null", "astral", "100 kB"],
    )
    @pytest.mark.parametrize("key", [None, b"", b"s-1", b"\xff\x00"])
    def test_key_and_value_are_kept_to_the_byte(self, make, key, value):
        log = make(2)

        log.append([NewRecord(key, value, NOON)])

        (record,) = everything(log)
        assert (key, value) == (record.key, record.value)
        assert [record] == list(log.read_by_key(log.end()))

    def test_recorded_at_never_goes_back_within_a_partition(self, make):
        log = make(3)
        times = random.Random(7).choices(range(NOON, NOON + 50), k=60)
        for start in range(0, 60, 20):
            log.append(
                NewRecord(b"s-%d" % (n % 9), b"", times[n]) for n in range(start, start + 20)
            )

        for partition in range(3):
            own = [
                record.recorded_at for record in everything(log) if record.partition == partition
            ]
            assert own == sorted(own)

    def test_recorded_at_defaults_to_now(self, make):
        log = make(1)

        log.append([NewRecord(b"a", b"")])

        (record,) = everything(log)
        assert record.recorded_at > NOON

    def test_an_empty_append_changes_nothing(self, make):
        log = make(2)
        log.append(numbered(3))
        before = log.end()

        acknowledged = log.append([])

        assert (0, before) == (acknowledged.records, acknowledged.end)
        assert before == log.end()

    @pytest.mark.parametrize("midway", [0, 1, 2_000])
    def test_an_append_whose_source_fails_midway_appends_nothing(self, make, midway):
        log = make(2)
        log.append(numbered(3))
        before = everything(log)

        def failing():
            yield from numbered(midway)
            raise self.Stop

        with pytest.raises(self.Stop):
            log.append(failing())

        assert before == everything(log)
        assert 1 == log.append(numbered(1)).records
        assert len(before) + 1 == len(everything(log))

    def test_a_read_returns_the_records_between_two_cuts(self, make):
        log = make(1)
        log.append(numbered(10))
        offsets = [record.offset for record in everything(log)]

        def values(start, end):
            return [int(record.value) for record in log.read({0: start}, {0: end})]

        assert [2, 3, 4] == values(offsets[2], offsets[5])
        assert [] == values(offsets[5], offsets[5])
        assert [] == values(offsets[5], offsets[2])
        assert list(range(10)) == values(0, offsets[9] + 1)
        assert [9] == values(offsets[9], offsets[9] + 1)

    def test_a_read_is_by_partition_then_offset(self, make):
        log = make(4)
        log.append(NewRecord(b"s-%d" % (n % 11), b"%d" % n, NOON) for n in range(60))

        places = [(record.partition, record.offset) for record in everything(log)]

        assert places == sorted(places)
        assert 60 == len(places)

    def test_a_read_by_key_is_by_key_then_partition_then_offset_with_null_keys_first(self, make):
        log = make(3)
        keys = [
            None,
            b"",
            b"\x00",
            b"a",
            b"a\x00",
            b"aa",
            b"b",
            b"\x7f",
            b"\xc3\xa9",
            b"\xff",
            b"B",
        ]
        random.Random(7).shuffle(keys)
        for _ in range(3):
            log.append(NewRecord(key, b"x", NOON) for key in keys)

        records = list(log.read_by_key(log.end()))

        def order(record):
            return record.key is not None, record.key or b"", record.partition, record.offset

        assert records == sorted(records, key=order)
        assert sorted(everything(log), key=order) == records
        for partition, end in log.end().items():
            own = [record for record in records if record.partition == partition]
            assert own == list(log.read_partition_by_key(partition, end, tick=bool))

    def test_a_read_by_key_ends_at_the_cut_of_each_partition(self, make):
        log = make(2)
        log.append(NewRecord(b"s-%d" % (n % 5), b"%d" % n, NOON) for n in range(30))
        cuts = [{0: 0, 1: log.end()[1]}, {0: 3, 1: 2}, log.end(), {0: 0, 1: 0}]

        for cut in cuts:
            below = [record for record in everything(log) if record.offset < cut[record.partition]]
            assert sorted(below) == sorted(log.read_by_key(cut))
            own = [log.read_partition_by_key(*below, tick=bool) for below in cut.items()]
            assert sorted(below) == sorted(chain.from_iterable(own))

    def test_a_normal_cut_is_one_more_than_the_last_offset_below_it(self, make):
        log = make(2)
        log.append(NewRecord(b"s-%d" % (n % 5), b"%d" % n, NOON) for n in range(12))

        for first in range(log.end()[0] + 1):
            cut = {1: 0, 0: first}
            below = [record.offset for record in log.read({0: 0, 1: 0}, cut)]
            assert {0: max(below, default=-1) + 1, 1: 0} == log.normalise(cut)
            assert [0, 1] == list(log.normalise(cut))

    def test_a_cut_beyond_the_end_is_not_held(self, make):
        log = make(2)
        log.append(numbered(3))
        end = log.end()

        for partition in (0, 1):
            with pytest.raises(CutNotHeldError) as raised:
                log.normalise({**end, partition: end[partition] + 1})
            assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("partitions", [[], [0], [1], [0, 2], [0, 1, 2]])
    def test_a_cut_with_other_partitions_is_not_held(self, make, partitions):
        log = make(2)

        with pytest.raises(CutNotHeldError):
            log.normalise(dict.fromkeys(partitions, 0))

    def test_the_last_records_are_the_latest_of_those_that_match(self, make, reopen, monkeypatch):
        monkeypatch.setattr(tail, "_WINDOW_MIN", 2)
        log = make(3)
        for start in range(0, 60, 20):
            log.append(
                NewRecord(b"s-%d" % (n % 7), b"%d" % n, NOON + n // 4)
                for n in range(start, start + 20)
            )
        log = reopen()
        for wanted in map(RecordFilter, (None, "s-1", "nobody")):
            matches = [record for record in everything(log) if wanted.matches(record)]
            matches.sort(key=lambda record: (record.recorded_at, record.partition, record.offset))
            query = TailQuery(dict.fromkeys(range(3), 0), range(3), wanted)
            for count in (1, 2, 7, 100):
                assert matches[-count:] == last_records(log, query, log.end(), count)
            assert [] == last_records(log, query, log.end(), 0)

    def test_a_log_closed_and_opened_again_holds_the_same(self, make, reopen):
        log = make(2)
        log.append(NewRecord(b"s-%d" % n, b"%d" % n, NOON + n) for n in range(20))
        before, name = everything(log), log.name
        log.close()

        again = reopen()

        assert (name, 2, before) == (again.name, again.partitions, everything(again))

    def test_two_readers_see_the_same(self, make, reopen):
        log = make(2)
        log.append(NewRecord(b"s-%d" % n, b"%d" % n, NOON) for n in range(20))

        other = reopen()

        assert everything(log) == everything(other)

    def test_a_reader_sees_what_was_acknowledged_after_it_was_opened(self, make, reopen):
        log = make(1)
        reader = reopen()
        log.append(numbered(2))

        assert log.end() == reader.end()

    def test_a_reader_keeps_its_cut_while_another_process_appends(self, make, reopen):
        log = make(2)
        log.append(NewRecord(b"s-%d" % (n % 5), b"%d" % n, NOON) for n in range(200))
        reader = reopen()
        cut = reader.end()
        before = list(reader.read_by_key(cut))

        by_offset, by_key = reader.read({0: 0, 1: 0}, cut), reader.read_by_key(cut)
        first, first_by_key = next(by_offset), next(by_key)
        log.append(NewRecord(b"s-%d" % (n % 5), b"later", NOON) for n in range(200))

        assert sorted(before) == [first, *by_offset]
        assert before == [first_by_key, *by_key]
        assert before == list(reader.read_by_key(cut))

    def test_a_reader_never_sees_part_of_an_append(self, make, open_again):
        log = make(1)
        log.append(numbered(7))
        started, done = threading.Event(), threading.Event()
        seen, trouble = [], []

        def read():
            try:
                # Opened here, since a connection may belong to its thread.
                with closing(open_again()) as reader:
                    while not seen or not done.is_set():
                        cut = reader.end()
                        seen.append((cut[0], sum(1 for _ in reader.read({0: 0}, cut))))
                        started.set()
            except StoreError as error:
                trouble.append(error)
            finally:
                started.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            assert started.wait(BOUND)
            for _ in range(20):
                log.append(numbered(7))
        finally:
            done.set()
            thread.join(BOUND)

        assert not thread.is_alive()
        assert [] == trouble
        # Batches of seven, all or none.
        assert {0} == {count % 7 for _, count in seen}
        assert not self.dense or all(end == count for end, count in seen)
        assert [end for end, _ in seen] == sorted(end for end, _ in seen)


class KeepingLogContract(LogContract):
    """Those of a log that keeps a given `recorded_at`; a broker stamps its own."""

    def test_a_given_recorded_at_is_kept(self, make):
        log = make(1)

        log.append([NewRecord(b"a", b"", 5), NewRecord(b"b", b"", 5), NewRecord(b"a", b"", 9)])

        assert [5, 5, 9] == [record.recorded_at for record in everything(log)]

    def test_a_recorded_at_that_goes_back_becomes_the_latest(self, make):
        log = make(1)
        log.append([NewRecord(b"a", b"", 9), NewRecord(b"a", b"", 5)])

        log.append([NewRecord(b"a", b"", 7), NewRecord(b"a", b"", 11)])

        assert [9, 9, 9, 11] == [record.recorded_at for record in everything(log)]

    def test_the_cut_as_of_a_moment_ends_before_the_first_later_record(self, make):
        log = make(1)
        log.append(NewRecord(b"a", b"", moment) for moment in (10, 20, 20, 20, 30))

        cuts = {
            moment: log.normalise(log.cut_as_of(moment))
            for moment in (0, 9, 10, 19, 20, 29, 30, 31)
        }

        counts = {moment: len(list(log.read({0: 0}, cut))) for moment, cut in cuts.items()}
        assert {0: 0, 9: 0, 10: 1, 19: 1, 20: 4, 29: 4, 30: 5, 31: 5} == counts

    def test_the_cut_as_of_a_moment_is_taken_in_each_partition(self, make):
        log = make(3)
        times = sorted(random.Random(7).choices(range(20), k=60))
        log.append(NewRecord(b"s-%d" % n, b"", moment) for n, moment in enumerate(times))

        for moment in range(-1, 21):
            cut = log.cut_as_of(moment)
            assert {0, 1, 2} == set(cut)
            below = [record for record in everything(log) if record.offset < cut[record.partition]]
            assert [record for record in everything(log) if record.recorded_at <= moment] == below

    def test_the_latest_recorded_at_is_that_of_all_records_below_the_cut(self, make):
        log = make(2)
        log.append(NewRecord(b"s-%d" % n, b"", 100 - n % 3 + n) for n in range(20))

        for cut in ({0: 0, 1: 0}, {0: 1, 1: 0}, {0: 0, 1: 2}, {0: 3, 1: 3}, log.end()):
            times = [
                record.recorded_at
                for record in everything(log)
                if record.offset < cut[record.partition]
            ]
            assert max(times, default=None) == log.latest_recorded_at(cut)
