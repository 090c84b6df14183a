"""`schemas.faults`: what is wrong with a record, and where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from schemas.faults import faults
from schemas.record import Record
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
            (inserted(b"1e999"), ["/x"]),
            (b'{"a":1,"a":[{"b":1,"b":1}]}', ["/a", "/a/0/b"]),
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
            (b"[" * 17 + b"]" * 17, "17 levels; at most 16"),
            (None, "the value is null"),
            (b" " * 65_537, "65,537 bytes; at most 65,536"),
        ],
    )
    def test_a_reason_says_where_and_what_in_the_line(self, value, reason):
        (fault,) = faults(Record(0, 0, 0, b"s-1", value), 1)

        assert reason in fault.reason

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b"\xef\xbb\xbf{}", "byte order mark; save it as UTF-8 without"),
            (b'{"id":1,"id":2,"id":3}', "a member that is there 3 times; keep one"),
            (inserted(b"-1e999"), "beyond 1.8e308"),
            (inserted(b"[" * 16 + b"]" * 16), "17 levels; at most 16, of which"),
            (changed(subject="anna@example.org"), "this has '@'"),
            (changed(subject="s" * 65), "this has 65"),
            (changed(subject=""), "this has 0"),
            (changed(type="ledger.student.aplied.v1"), "did you mean ledger.student.applied.v1?"),
            (changed(type="Student.Applied"), "'Student.Applied' is no type of event; did you"),
            (changed(type="x"), "'x' is no type of event; known: ledger.student.applied.v1, "),
            (
                changed(type="ledger.student.applied.v2"),
                "applied.v2 is not understood here; known: ledger.student.applied.v1",
            ),
            (changed(specversion="0.3"), "'0.3' is not 1.0"),
            (changed(specversion=1.0), "one of the strings 1.0, not a number"),
            (changed(datacontenttype="text/plain"), "'text/plain' is no media type of JSON; write"),
            (changed(datacontenttype=1), "a number is no media type of JSON"),
            (changed(id=7), "a string, not a number"),
            (changed(id="i" * 201), "1 to 200 characters, this has 201"),
            (changed(source=""), "1 to 200 characters, this is empty"),
            (changed(data=[]), "an object, not an array"),
            (b"[]", "an object, not an array"),
            (changed(data_base64="e30="), "put the object into data"),
            (changed(time="2022-01-02T03:04:05"), "add one, such as 2022-01-02T03:04:05+02:00"),
            (changed(time="2022-01-02"), "write both, such as 2022-01-02T23:59:59+02:00"),
            (changed(time="2022-13-02T03:04:05"), "not an RFC 3339 time with T, an offset or Z"),
            (changed(time="2022-01-02 03:04:05Z"), "such as 2023-03-31T23:59:59+02:00"),
            (
                with_data(categories=["seeker"]),
                "'seeker' is not a category; did you mean job_seeker?",
            ),
            (with_data(categories=[True]), "a boolean is not a category; known: job_seeker, "),
            (with_data(categories=["refugee"] * 2), "duplicates; it has refugee more than once"),
            (with_data(categories="refugee"), "a list of categories, not a string; known: job_"),
            (with_data(applied_on=20220101), "as YYYY-MM-DD, not a number"),
            (with_data(applied_on="2022-02-30"), "a date that exists, as YYYY-MM-DD"),
            (with_data(applied_on="2022-01-02T00:00:00Z"), "as YYYY-MM-DD, without a time"),
            (with_data(Programme="x"), "no member of this object; did you mean programme?"),
            (with_data(xyz="x"), "no member of this object; known: application_id, programme,"),
        ],
    )
    def test_a_reason_says_what_is_there_and_what_to_write(self, value, reason):
        assert any(reason in fault.reason for fault in faults(Record(0, 0, 0, b"s-1", value), 1))

    @pytest.mark.parametrize(
        ("member", "value", "reason"),
        [
            ("kind", "new_jobs", "'new_jobs' is none of new_job, internship, "),
            ("kind", "new_jobs", "internal_mobility; did you mean new_job?"),
            ("kind", "zzz", "'zzz' is none of new_job, "),
            ("credited", "true", "true or false, not a string"),
            ("evidence", 1, "an object, not a number"),
            ("evidence", {"sha256": "A" * 64}, "in lower case, this has upper case"),
            ("evidence", {"sha256": "a"}, "64 hexadecimal digits in lower case"),
            ("evidence", {"sha256": "a" * 64, "url": "x"}, "did you mean uri?"),
        ],
    )
    def test_a_reason_knows_the_closed_lists_and_nested_objects(self, member, value, reason):
        data = {"outcome_on": "2022-01-01", "kind": "raise", "credited": True}
        text = encode(event("outcome.declared", {**data, "stated_by": "staff", member: value}))
        (fault,) = faults(Record(0, 0, 0, b"s-1", text), 1)

        assert reason in fault.reason

    @pytest.mark.parametrize(
        "value", ["Anna Schmidt", "anna@example.org", "+33 6 12 34 56 78", "x0612345678", "Zoë"]
    )
    def test_a_value_that_may_be_about_a_person_is_not_shown(self, value):
        texts = [
            changed(type=value),
            changed(datacontenttype=value),
            changed(time=value),
            changed(subject=f" {value}"),
            with_data(applied_on=value),
            with_data(categories=[value]),
            with_data(categories=value),
        ]
        shown = [
            fault.reason for text in texts for fault in faults(Record(0, 0, 0, b"s-1", text), 1)
        ]

        assert len(texts) == len(shown)
        assert not [reason for reason in shown if value in reason]

    def test_repeated_members_nested_beyond_reading_are_a_fault_of_the_whole(self):
        deep = b'{"a":1,"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"

        assert [""] == self.pointers(deep)

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
