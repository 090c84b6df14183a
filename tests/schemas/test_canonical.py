"""`schemas.canonical`: one byte form for one meaning."""

from __future__ import annotations

import json
import string

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import Content, canonical, content, sha256_hex
from tests.support.bytes import json_values
from tests.support.histories import encode, event, oracle, story
from tests.support.strategies import histories

CONTENT = ("specversion", "type", "time", "data")
# Every control character, what JSON and ECMAScript escape or do not, and what sorts oddly.
NASTY = "".join(map(chr, range(0x21))) + '"\\/\x7f\x80\u2028\u2029\ufeff\uffff\U0001f600é'


def chosen(event):
    return {name: event[name] for name in CONTENT}


class TestContent:
    """What two records of one identity are compared by is the RFC 8785 form, to the byte."""

    @given(histories(subjects=("s-1",), max_size=1).filter(bool))
    def test_the_content_of_any_event_is_the_rfc_8785_form_of_the_chosen_members(self, history):
        assert rfc8785.dumps(chosen(history[0])) == content(encode(history[0]))

    @given(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
        | st.text(NASTY, min_size=1, max_size=200),
        st.booleans(),
    )
    def test_any_text_that_is_admitted_has_its_rfc_8785_form(self, text, escaped):
        item = event("student.graduated", {"enrollment_id": text, "graduated_on": "2022-01-01"})
        written = json.dumps(item, ensure_ascii=escaped).encode()

        assert rfc8785.dumps(chosen(item)) == content(written)
        assert oracle().canonical(chosen(item)) == content(written)

    def test_the_order_of_members_and_the_white_space_are_no_content(self):
        item = story("enrolled e1 2022-01-01 2022-12-01 categories=refugee")[0]
        spaced = json.dumps(dict(reversed(item.items())), indent=3).encode()

        assert content(encode(item)) == content(spaced)

    @pytest.mark.parametrize("name", ["id", "source", "subject", "traceparent", "datacontenttype"])
    def test_other_members_are_no_content(self, name):
        item = story("declared 2022-01-01 none")[0]

        assert content(encode(item)) == content(encode(item | {name: "application/json"}))

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("declared 2022-01-01 refugee+disability", "declared 2022-01-01 disability+refugee"),
            ("declared 2022-01-01 none", "declared 2022-01-02 none"),
            ("graduated e1 2022-01-01", "graduated e1 2022-01-01 credential=x"),
            ("graduated é 2022-01-01", "graduated e\u0301 2022-01-01"),
            (
                "graduated e1 2022-01-01 time=2022-01-01T00:00:00Z",
                "graduated e1 2022-01-01 time=2022-01-01T00:00:00.0Z",
            ),
        ],
    )
    def test_two_ways_to_say_it_are_two_contents(self, first, second):
        assert content(encode(story(first)[0])) != content(encode(story(second)[0]))

    def test_null_is_not_absent(self):
        item = story("graduated e1 2022-01-01")[0]
        null = item | {"data": item["data"] | {"credential": None}}

        assert content(encode(item)) != content(encode(null))


class TestContentInAFewBytes:
    """Two contents are equal where their canonical forms are, however each of them is held."""

    @given(histories(subjects=("s-1",), max_size=2).filter(lambda history: len(history) == 2))
    def test_they_are_equal_where_the_forms_are(self, history):
        item, other = (encode(each) for each in history)
        spaced = json.dumps(dict(reversed(history[1].items())), indent=1).encode()
        equal = content(item) == content(other)

        for second in (other, spaced):
            stored = Content(None, Content(second).digest)
            assert equal == (Content(item) == Content(second)) == (Content(item) == stored)
            assert not equal or hash(Content(item)) == hash(Content(second)) == hash(stored)

    def test_another_thing_is_no_content(self):
        value = encode(story("declared 2022-01-01 none")[0])

        assert Content(value) != value
        assert 16 == len(Content(value).digest)


class TestCanonical:
    """Any JSON value has the form that RFC 8785 and the oracle give it."""

    @given(json_values.filter(lambda value: "\\ud" not in json.dumps(value)))
    def test_the_form_reads_back_as_the_value(self, value):
        try:
            form = canonical(value)
        except rfc8785.IntegerDomainError:
            return

        assert value == json.loads(form, parse_int=float)
        assert oracle().canonical(value) == form

    def test_members_are_sorted_by_utf_16_units(self):
        value = {"\uffff": 1, "\U00010000": 2, "a": 1.0, "A": 1e21}

        assert '{"A":1e+21,"a":1,"\U00010000":2,"\uffff":1}'.encode() == canonical(value)


class TestSha256Hex:
    """A hash is written as 64 lower-case hexadecimal digits."""

    def test_the_hash_of_nothing_is_the_known_one(self):
        known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

        assert known == sha256_hex(b"")
        assert set(known) <= set(string.hexdigits.lower())
