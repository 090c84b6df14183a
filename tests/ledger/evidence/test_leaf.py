from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from ledger.evidence.leaf import frame_record, leaf_of
from schemas.record import Record

some_bytes = st.none() | st.binary(max_size=4)
records = st.builds(
    Record, st.integers(0, 2), st.integers(0, 2), st.integers(-1, 1), some_bytes, some_bytes
)


class TestFrame:
    def test_it_is_the_one_that_the_page_about_archives_describes(self):
        record = Record(3, 7, 1_646_127_000_123, b"s-1", b"{}")
        frame = frame_record(record)
        expected = b"OLL1" + b"".join(
            number.to_bytes(8, "big") for number in (3, 7, 1_646_127_000_123, 3, 2)
        )
        assert frame == expected + b"s-1{}"
        assert leaf_of(record) == sha256(b"\x00" + frame).digest()

    def test_null_is_another_frame_than_no_bytes(self):
        record = Record(0, 0, 0, None, b"")
        assert frame_record(record)[-16:] == b"\xff" * 8 + b"\x00" * 8

    @given(records, records)
    def test_two_records_have_one_frame_only_if_they_are_equal(self, first, second):
        assert (frame_record(first) == frame_record(second)) == (first == second)
