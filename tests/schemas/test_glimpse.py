"""`schemas.glimpse`: what can be read of a record that is no event."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given

from schemas.admission import Event, admit
from schemas.glimpse import glimpse_event, glimpse_record, key_subject
from schemas.record import Record
from tests.support.histories import NOON, encode, story
from tests.support.strategies import records

(APPLIED,) = story("applied a1 2022-03-01")


def glimpsed(value, key=b"s-1"):
    return glimpse_record(Record(0, 0, NOON, key, value))


class TestRecord:
    """Each part is read by itself; what cannot be read is None."""

    def test_a_good_event_says_all(self):
        result = glimpsed(encode(APPLIED))

        assert ("s-1", "/crm", "1", "ledger.student.applied.v1") == result[:4]
        assert {"applied_on": date(2022, 3, 1)} == result.dates
        assert result.stated_at is not None

    @pytest.mark.parametrize(
        ("member", "value", "part"),
        [
            ("id", "", "id"),
            ("id", "x" * 201, "id"),
            ("id", 7, "id"),
            ("source", "\ud800", "source"),
            ("type", "applied", "type"),
            ("type", "ledger.student.vanished.v1", "type"),
            ("time", "yesterday", "stated_at"),
            ("time", "1620-01-01T00:00:00Z", "stated_at"),
            ("time", "9999-12-31T23:59:59-12:00", "stated_at"),
            ("time", None, "stated_at"),
        ],
    )
    def test_a_part_that_is_wrong_is_none_and_the_others_are_read(self, member, value, part):
        result = glimpsed(json.dumps(APPLIED | {member: value}).encode())

        assert getattr(result, part) is None
        assert "s-1" == result.subject

    def test_a_version_that_is_not_known_is_read_as_the_fact_it_names(self):
        result = glimpsed(encode(APPLIED | {"type": "ledger.student.applied.v7"}))

        assert "ledger.student.applied.v1" == result.type
        assert {"applied_on": date(2022, 3, 1)} == result.dates

    @pytest.mark.parametrize(
        ("data", "dates"),
        [
            ({"applied_on": "2022-03-01T09:00:00Z"}, {"applied_on": date(2022, 3, 1)}),
            ({"applied_on": "1900-01-01"}, {"applied_on": date(1900, 1, 1)}),
            ({"applied_on": "1899-12-31"}, {}),
            ({"applied_on": "9999-12-31"}, {}),
            ({"applied_on": "2022-02-30"}, {}),
            ({"applied_on": 20220301}, {}),
            ({"enrolled_on": "2022-03-01"}, {}),
            (["2022-03-01"], {}),
        ],
    )
    def test_dates_are_read_where_they_begin_as_dates_of_the_type(self, data, dates):
        assert dates == glimpsed(encode(APPLIED | {"data": data})).dates

    @pytest.mark.parametrize(
        "value", [None, b"", b"[]", b"{", b"\xff\xfe", b"7", b"[" * 100_000, b'{"data":NaN}']
    )
    def test_of_bytes_that_say_nothing_only_the_key_is_read(self, value):
        assert ("s-1", None, None, None, None, {}) == glimpsed(value)

    def test_what_only_a_lenient_reader_takes_is_read(self):
        value = encode(APPLIED).replace(b'"dev"', b"NaN")

        assert "ledger.student.applied.v1" == glimpsed(value).type

    @given(records())
    def test_any_record_is_read_without_an_error(self, appended):
        for record in appended:
            read = Record(0, 0, NOON, record.key, record.value)
            admitted, result = admit(read, 1), glimpse_record(read)
            if isinstance(admitted, Event):
                assert glimpse_event(admitted) == result


class TestSubject:
    """The subject of the event, else the key, and only a pseudonym."""

    @pytest.mark.parametrize(
        ("subject", "key", "expected"),
        [
            ("s-1", b"s-2", "s-1"),
            ("Jane Doe", b"s-2", "s-2"),
            (None, b"s-2", "s-2"),
            (7, None, None),
            ("Jane Doe", b"\xff", None),
            ("Jane Doe", b"", None),
        ],
    )
    def test_it_is_a_pseudonym_or_nothing(self, subject, key, expected):
        assert (
            expected == glimpsed(json.dumps(APPLIED | {"subject": subject}).encode(), key).subject
        )

    def test_a_key_is_one_if_it_has_the_form(self):
        assert ("s-1", None, None) == tuple(map(key_subject, (b"s-1", b"s 1", None)))


class TestEvent:
    """An admitted event says the same of itself."""

    def test_members_that_are_absent_are_no_dates(self):
        (members,) = story("answered 2022-03-01 seeking")
        event = admit(Record(0, 0, NOON, b"s-1", encode(members)), 1)

        assert {"answered_on": date(2022, 3, 1)} == glimpse_event(event).dates

    def test_the_year_of_a_date_that_is_missing_is_none(self):
        result = glimpsed(encode(APPLIED))

        assert [{2022}, set()] == [result.year_of("applied_on"), result.year_of("enrolled_on")]
