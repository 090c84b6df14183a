"""What is sent is what is appended: structured, batched and binary requests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.serve.bodies import BATCH, STRUCTURED, split_body
from outcomes.serve.problems import Problem
from schemas.admission import Event, admit
from schemas.record import Record
from tests.support.applications import APPLIED, changed

PLAIN = changed()


def split(body, kind, **attributes):
    headers = [("content-type", kind), *((f"ce-{name}", text) for name, text in attributes.items())]
    return split_body(headers, body)


def refused(body, kind, **attributes):
    with pytest.raises(Problem) as raised:
        split(body, kind, **attributes)
    return raised.value.status


def binary_attributes(**others):
    names = ("specversion", "id", "source", "type", "subject", "time")
    return {name: APPLIED[name] for name in names} | others


class TestStructured:
    """The body is the event."""

    @pytest.mark.parametrize("body", [PLAIN, b" " + PLAIN + b"\n", b"", b"no json", b"\xff"])
    def test_it_is_kept_to_the_byte(self, body):
        assert [body] == split(body, STRUCTURED)

    @pytest.mark.parametrize(
        "kind",
        [
            "application/cloudevents+json; charset=utf-8",
            'Application/CloudEvents+JSON;CHARSET="UTF-8"',
        ],
    )
    def test_its_media_type_is_read_as_http_says(self, kind):
        assert [PLAIN] == split(PLAIN, kind)


class TestBatch:
    """Each item of the array is an event, as the slice of the body that it is."""

    @given(st.lists(st.sampled_from([PLAIN, b"1", b'{"a": "],["}', b'"\\"]"']), max_size=9))
    def test_items_are_slices_of_the_body(self, items):
        assert items == split(b" [ " + b" ,\n".join(items) + b" ] ", BATCH)

    def test_doubled_members_and_odd_numbers_are_not_written_again(self):
        item = b'{"a":1.0e0,"a":2,\t"\\u0062":1}'

        assert [item] == split(b"[" + item + b"]", BATCH)

    @pytest.mark.parametrize(
        "body",
        [b"", b"{}", PLAIN, b"x[1]", b"[1", b"[1]]", b"[1] 2", b'["', b"[}", b"\xef\xbb\xbf[]"],
    )
    def test_what_is_no_array_is_refused(self, body):
        assert 400 == refused(body, BATCH)

    def test_a_batch_has_at_most_a_thousand_events(self):
        assert 1_000 == len(split(b"[" + b",".join([b"1"] * 1_000) + b"]", BATCH))
        assert 413 == refused(b"[" + b",".join([b"1"] * 1_001) + b"]", BATCH)


class TestBinary:
    """The attributes are headers; the event is put together, its data untouched."""

    def test_it_is_the_same_event_as_in_structured_mode(self):
        (text,) = split(
            json.dumps(APPLIED["data"]).encode(), "application/json", **binary_attributes()
        )

        binary = admit(Record(0, 0, 0, APPLIED["subject"].encode(), text), 1)
        structured = admit(Record(0, 0, 0, APPLIED["subject"].encode(), PLAIN), 1)

        assert isinstance(binary, Event)
        assert structured == binary

    def test_its_data_stay_as_they_were_sent(self):
        data = b'{"b":1.0, "a":\t"\\u00e9", "a":2}'

        (text,) = split(data, "application/json", **binary_attributes())

        assert data in text

    def test_headers_are_percent_decoded(self):
        (text,) = split(b"{}", "application/json", **binary_attributes(source="/%C3%A9t%20%22"))

        assert '/ét "' == json.loads(text)["source"]

    @pytest.mark.parametrize(
        "attributes",
        [{"a-b": "x"}, {"data": "1"}, {"datacontenttype": "x"}, {"a_b": "x"}, {"source": "%FF"}],
    )
    def test_a_header_that_is_no_attribute_is_refused(self, attributes):
        assert 400 == refused(b"{}", "application/json", **binary_attributes(**attributes))

    def test_an_attribute_that_is_sent_twice_is_refused(self):
        headers = [("content-type", "application/json"), ("ce-id", "1"), ("ce-id", "2")]
        with pytest.raises(Problem, match="twice"):
            split_body(headers, b"{}")

    def test_without_data_the_event_is_one_that_admission_refuses(self):
        (text,) = split(b"", "application/json", **binary_attributes())

        assert json.loads(text)["data"] is None


class TestMediaType:
    """Anything else is refused by its media type."""

    @pytest.mark.parametrize(
        "kind",
        ["", "text/plain", "application/json", "application/cloudevents+xml", "multipart/form-data",
         "application/x-www-form-urlencoded", "application/cloudevents+json; charset=utf-16"],
    )  # fmt: skip
    def test_it_is_refused(self, kind):
        assert 415 == refused(PLAIN, kind)

    def test_the_answer_says_what_is_taken(self):
        with pytest.raises(Problem) as raised:
            split(PLAIN, "text/plain")
        assert STRUCTURED in raised.value.headers["Accept-Post"]
