"""`ledger.log.tail`: the last records, those that match, and one record as a line."""

from __future__ import annotations

import json

import pytest

from ledger.log import NewRecord
from ledger.log.tail import RecordFilter, TailQuery, follow_log, last_records, short_line
from schemas.record import Record
from tests.support.histories import NOON, log_of

EVENT = {"type": "ledger.student.applied.v1", "source": "/crm", "id": "1"}


def record(value, key=b"s-1"):
    return Record(0, 0, 0, key, value)


class TestFilter:
    @pytest.mark.parametrize(
        ("wanted", "matches"),
        [
            ({}, True),
            ({"subject": "s-1"}, True),
            ({"subject": "s-2"}, False),
            ({"type": "ledger.student.applied.v1"}, True),
            ({"type": "ledger.student.applied"}, False),
            ({"source": "/crm", "id": "1"}, True),
            ({"source": "/crm", "id": "2"}, False),
            ({"subject": "s-2", "id": "1"}, False),
        ],
    )
    def test_all_that_is_asked_for_has_to_hold(self, wanted, matches):
        assert RecordFilter(**wanted).matches(record(json.dumps(EVENT).encode())) is matches

    @pytest.mark.parametrize("value", [None, b"", b"\xff", b"[1]", b'"id"', b'{"id": 1}', b"{"])
    def test_what_says_no_id_matches_none(self, value):
        assert not RecordFilter(id="1").matches(record(value))
        assert RecordFilter("s-1").matches(record(value))

    def test_no_key_is_no_subject(self):
        assert not RecordFilter("s-1").matches(record(b"{}", None))


class TestLast:
    @pytest.fixture
    def log(self, tmp_path):
        """A log whose records were all recorded in one millisecond, as by one append."""
        records = [NewRecord(b"s-%d" % (n % 5), b"%d" % n, NOON) for n in range(20_000)]
        with log_of(tmp_path, records, partitions=2) as log:
            yield log

    @pytest.fixture
    def lengths(self, log, monkeypatch):
        """How many records each reading of the log gave."""
        lengths = []
        right = log.read

        def read(start, end):
            lengths.append(0)
            for each in right(start, end):
                lengths[-1] += 1
                yield each

        monkeypatch.setattr(log, "read", read)
        return lengths

    def test_a_large_log_is_read_no_further_than_needed(self, log, lengths):
        query = TailQuery({0: 0, 1: 0}, range(2))
        assert len(last_records(log, query, log.end(), 20)) == 20
        assert sum(lengths) < 2_000

    def test_what_begins_later_is_not_read_before(self, log, lengths):
        end = log.end()
        query = TailQuery({0: end[0] - 3, 1: end[1] - 2}, range(2))
        assert len(last_records(log, query, end, 20)) == 5
        assert sum(lengths) == 5

    def test_a_partition_that_is_not_asked_for_is_not_read(self, log):
        query = TailQuery({0: 0, 1: 0}, [1])
        assert {each.partition for each in last_records(log, query, log.end(), 50)} == {1}
        listed = [each for each in follow_log(log, query, follow=False) if each is not None]
        assert len(listed) == log.end()[1]

    def test_one_that_is_rare_is_found_wherever_it_is(self, log):
        query = TailQuery({0: 0, 1: 0}, range(2), RecordFilter("s-3"))
        assert len(last_records(log, query, log.end(), 10_000)) == 4_000


class TestLine:
    @pytest.mark.parametrize("width", [20, 40, 80, 200])
    def test_it_is_as_wide_as_the_terminal_at_most(self, width):
        line = short_line(record(b"\x1b[31m" * 100), width).decode()
        assert len(line) == min(width, 200) + 1
        assert line.removesuffix("\n").isprintable()
