"""Records as lines: any record survives a round trip, any other line is refused with the reason."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.record_lines import format_record, read_record
from schemas.record import Record

LAST_MS = 253_402_300_799_999
NUMBERS = st.integers(0, 2**53)
BYTES = st.none() | st.binary() | st.text().map(str.encode)
RECORDS = st.builds(Record, NUMBERS, NUMBERS, st.integers(0, LAST_MS), BYTES, BYTES)
MEMBERS = ("partition", "offset", "recorded_at", "key", "key_base64", "value", "value_base64")
JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


class TestReadRecord:
    @given(RECORDS)
    def test_what_was_written_is_read(self, record):
        line = format_record(record)

        assert record == read_record(line)
        assert line.endswith(b"\n")
        assert 1 == line.count(b"\n")

    @given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
    def test_any_other_bytes_are_no_record(self, line):
        with pytest.raises(ValueError, match=r"\w"):
            read_record(line)

    @given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
    def test_members_of_any_type_give_a_record_or_a_reason(self, members):
        with suppress(ValueError):
            assert isinstance(read_record(json.dumps(members).encode()), Record)

    def test_a_redacted_value_is_named(self):
        line = format_record(Record(0, 7, 0, b"s-1", b"x")).replace(b'"value"', b'"leaf_sha256"')

        with pytest.raises(ValueError, match="its value was redacted"):
            read_record(line)
