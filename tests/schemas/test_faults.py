"""`schemas.faults`: what is wrong with a record, and where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from schemas import Record
from schemas.faults import faults
from tests.support.applications import APPLIED, changed, inserted, with_data
from tests.support.bytes import anything
from tests.support.histories import encode, event, story

# These are cheap.
MANY = settings(max_examples=8 * settings.default.max_examples)


class TestFaults:
    """Every place at which a record fails its first failing rule has a JSON pointer."""

    @staticmethod
    def pointers(value, key=b"s-1"):
        return sorted(fault.pointer for fault in faults(Record(0, 0, 0, key, value), 1))

    def test_an_event_has_none(self):
        assert [] == faults(Record(0, 0, 0, b"s-1", encode(APPLIED)), 1)

    @pytest.mark.parametrize(
        ("value", "pointers"),
        [
            (None, [""]),
            (b"{", [""]),
            (b"[]", [""]),
            (inserted(b"1e999"), [""]),
            (changed(id="", time="now", subject="a@b"), ["/id", "/time"]),
            (changed(data=1), ["/data"]),
            (b'{"specversion":"1.0"}', ["/data", "/id", "/source", "/subject", "/time", "/type"]),
            (changed(subject="a@b"), ["/subject"]),
            (changed(subject="s-2"), ["/subject"]),
            (changed(type="x"), ["/type"]),
            (changed(type="ledger.student.applied.v2"), ["/type"]),
            (with_data(applied_on="x", extra=1), ["/data/applied_on", "/data/extra"]),
            (with_data(**{"a/b~c": 1}), ["/data/a~1b~0c"]),
            (with_data(categories=["x"]), ["/data/categories"]),
            (
                encode(event("event.retracted", {"retracts": {"id": ""}, "reason": "other"})),
                ["/data/retracts/id", "/data/retracts/source"],
            ),
            (
                encode(story("enrolled e1 1899-12-31 2200-01-01 time=1899-01-01T00:00:00Z")[0]),
                ["/data/enrolled_on", "/data/expected_graduation_on", "/time"],
            ),
        ],
    )
    def test_a_pointer_leads_to_each_member_at_fault(self, value, pointers):
        assert pointers == self.pointers(value)

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b'{"\xc3\xa9":"\xff"}', "not UTF-8 at byte 8"),
            (b'{"\xc3\xa9":nul}', "at character 6"),
            (b'{"a":1', "unexpected end of data, at character 7"),
            (b"[" * 17 + b"]" * 17, "At most 16 levels"),
        ],
    )
    def test_a_reason_says_where_and_what_in_the_line(self, value, reason):
        (fault,) = faults(Record(0, 0, 0, b"s-1", value), 1)

        assert reason in fault.reason

    def test_a_null_key_is_shown_at_the_subject(self):
        assert ["/subject"] == self.pointers(encode(APPLIED), None)

    @MANY
    @given(anything)
    def test_every_fault_is_one_line_for_a_person(self, value):
        for fault in faults(Record(0, 0, 0, b"s-1", value), 1):
            assert fault.reason
            assert fault.reason.isprintable()
            assert not fault.pointer or fault.pointer.startswith("/")
            json.dumps(fault).encode("utf-8")
