"""The reasons of faults are said in the language of a page, with the values that they hold."""

from __future__ import annotations

import pytest

from outcomes.presentation.fault_words import fault_words
from outcomes.presentation.languages import language_of
from schemas.faults import faults
from schemas.record import Record
from tests.schemas.test_schema_agreement import DATA, Mutator, original
from tests.support.applications import APPLIED, changed, inserted, with_data
from tests.support.histories import encode

ENGLISH, FRENCH = language_of("en"), language_of("fr")
DAMAGED = (
    *(None, b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b" " * 65_537, b"[" * 17 + b"]" * 17),
    *(b'{"id":1,"id":2}', inserted(b"1e999"), changed(subject="a@b"), changed(subject="s-2")),
    *(with_data(applied_on="1899-12-31"), changed(data_base64="e30="), changed(type="x")),
    changed(datacontenttype="text/plain"),
)


def reasons():
    """Of records that are damaged by hand, in another place, or by chance."""
    records = [Record(0, 0, 0, b"s-1", value) for value in DAMAGED]
    records += [Record(0, 0, 0, None, encode(APPLIED)), Record(1, 0, 0, b"s-1", encode(APPLIED))]
    pick = Mutator(7)
    for name in DATA:
        key = original(name)["subject"].encode()
        records += (Record(0, 0, 0, key, encode(pick.mutant(name))) for _ in range(150))
    return {fault.reason for record in records for fault in faults(record, 2)}


class TestReasons:
    """Every reason is known; nothing of it is lost on the way."""

    def test_every_reason_is_said_in_english_as_it_was(self):
        known = reasons()

        assert len(known) > 60
        assert {reason: reason for reason in known} == {
            reason: fault_words(reason, ENGLISH) for reason in known
        }

    def test_none_of_them_is_english_on_a_french_page(self):
        same = {reason for reason in reasons() if reason == fault_words(reason, FRENCH)}

        assert set() == same

    @pytest.mark.parametrize(
        ("reason", "french"),
        [
            (
                "a string, not a number",
                "attendu\u00a0: une chaîne, et non un nombre",
            ),
            (
                "'jobs' is none of a, b; did you mean a?",
                "'jobs' n\u2019est aucun de a, b\u202f; vouliez-vous dire a\u202f?",
            ),
            ("something of tomorrow", None),
        ],
    )
    def test_the_values_are_said_too(self, reason, french):
        assert french == fault_words(reason, FRENCH)
