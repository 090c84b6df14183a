"""`schemas.rules`: each rule is a function of a record alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.admission import admit
from schemas.record import Record
from schemas.rules import RULES, broken_rule, read
from tests.support.applications import APPLIED
from tests.support.bytes import anything
from tests.support.histories import encode

KEYS = st.sampled_from((b"s-1", b"s-1", b"s-2", b"\xff", None))


class TestRules:
    """A rule keeps nothing, so it may be asked about any record at any time."""

    def test_an_event_keeps_every_rule(self):
        reading = read(Record(0, 0, 0, b"s-1", encode(APPLIED)), 1)

        assert [rule for rule in RULES if not rule(reading)] == []

    @given(st.none() | anything, KEYS, st.permutations(RULES))
    def test_a_rule_says_alone_what_it_says_after_any_others(self, value, key, order):
        record = Record(0, 0, 0, key, value)
        reading = read(record, 2)

        assert [rule(reading) for rule in order] == [rule(read(record, 2)) for rule in order]

    @given(st.none() | anything, KEYS)
    def test_a_record_without_a_broken_rule_is_an_event(self, value, key):
        record = Record(0, 0, 0, key, value)
        broken = broken_rule(read(record, 1))

        assert getattr(admit(record, 1), "rule", None) == getattr(broken, "__name__", None)
