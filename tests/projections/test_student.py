"""`projections.student`: what became of each record of a student, and because of which other."""

from __future__ import annotations

import pytest

from projections.student import read_student
from schemas.record import Record
from tests.support.histories import NOON, encode, story


def verdicts(text, *others):
    """Each record's verdict with the place of what caused it."""
    read = [
        Record(0, offset, NOON, b"s-1", value)
        for offset, value in enumerate([*map(encode, story(text)), *others])
    ]
    student = read_student(read, 1)
    assert read == [each.record for each in student.records]
    return " ".join(
        str(each.verdict) + ("" if each.cause is None else f":{each.cause.offset}")
        for each in student.records
    )


ENROLLED = "enrolled e1 2022-03-01 2022-12-01\n"
STATED = "applied a1 2022-03-01\n"


class TestVerdicts:
    """Each record has one, whatever the order of the log."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (STATED, "event"),
            (STATED + "applied a1 2022-03-01 id=1", "event duplicate:0"),
            (STATED + "applied a1 2022-03-02 id=1", "event conflict:0"),
            (STATED + "applied a1 2022-03-02", "event repeat:0"),
            (STATED + "applied a1 2022-03-02\nretracted 1", "retracted:2 event event"),
            (STATED + "retracted 1\nretracted 1", "retracted:1 event event"),
            ("retracted 2\n" + STATED, "event retracted:0"),
            (STATED + "retracted 7", "event pending"),
            (STATED + "retracted 1\nretracted 2", "retracted:1 event void"),
            ("retracted 1", "void"),
            ("graduated e1 2022-03-01", "orphan"),
            (
                ENROLLED + ENROLLED + "withdrew e1 2022-04-01 left",
                "event repeat:0 event",
            ),
        ],
    )
    def test_it_names_what_it_follows_from(self, text, expected):
        assert expected == verdicts(text)

    def test_what_cannot_be_read_is_quarantined_among_them(self):
        assert "event quarantined quarantined" == verdicts(STATED, b"{}", None)

    def test_beyond_the_thousandth_event_records_are_quarantined(self):
        text = "".join(f"applied a{number} 2022-03-01\n" for number in range(1002))

        assert ["event"] * 1000 + ["quarantined"] * 2 == verdicts(text).split()
