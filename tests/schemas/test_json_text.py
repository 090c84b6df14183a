"""`schemas.json_text`, beside the parser of the standard library."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings

from schemas.json_text import Shape, inspect_json
from tests.support.bytes import anything, json_texts, json_values

# These are cheap.
MANY = settings(max_examples=8 * settings.default.max_examples)


class Witness:
    """Reads with `json`, which knows all but the byte order mark and lone surrogates."""

    def __init__(self):
        self.unique = True
        self.finite = True

    def pairs(self, members):
        self.unique = self.unique and len(dict(members)) == len(members)
        # As a list, so that of two members of one name none hides what is in the other.
        return [refuse_surrogates(name) and value for name, value in members]

    def number(self, text):
        self.finite = self.finite and not math.isinf(float(text))
        return 0

    def shape(self, value):
        text = value.decode("utf-8")
        if text.startswith("\ufeff"):
            raise ValueError(text)
        hooks = {"parse_float": self.number, "parse_int": self.number, "parse_constant": refuse}
        document = json.loads(text, object_pairs_hook=self.pairs, **hooks)
        return Shape(self.unique, self.finite, levels(document))


def refuse(name):
    raise ValueError(name)


def refuse_surrogates(text):
    text.encode("utf-8")
    return True


def levels(value):
    if isinstance(value, str):
        refuse_surrogates(value)
    return 1 + max(map(levels, value), default=0) if isinstance(value, list) else 0


def stdlib_shape(value):
    try:
        return Witness().shape(value)
    except ValueError:
        return None


class TestInspectJson:
    """The shape of a text is that which a second parser finds, and no bytes raise."""

    @MANY
    @given(anything)
    def test_any_bytes_have_the_shape_that_the_standard_library_finds(self, value):
        assert stdlib_shape(value) == inspect_json(value)

    @MANY
    @given(json_texts())
    def test_json_written_oddly_has_the_shape_that_the_standard_library_finds(self, value):
        assert stdlib_shape(value) == inspect_json(value)

    @given(json_values)
    def test_what_a_library_writes_is_json_with_unique_members(self, value):
        shape = inspect_json(json.dumps(value).encode())

        assert shape is not None
        assert shape.unique

    @pytest.mark.parametrize(
        ("text", "shape"),
        [
            (b"0", Shape(unique=True, finite=True, depth=0)),
            (b" [ ] ", Shape(unique=True, finite=True, depth=1)),
            (b'{"a":{"b":1},"b":{"a":1}}', Shape(unique=True, finite=True, depth=2)),
            (b'{"a":1,"\\u0061" : 1}', Shape(unique=False, finite=True, depth=1)),
            (b'[{"x":{"a":1,"a":1}}]', Shape(unique=False, finite=True, depth=3)),
            (b"[1e308,-1e308,1e-999,1.7976931348623157e308]", Shape(True, True, 1)),  # noqa: FBT003
            (b"[1.7976931348623159e308]", Shape(unique=True, finite=False, depth=1)),
            (b"9" * 309, Shape(unique=True, finite=False, depth=0)),
            (b"9" * 308, Shape(unique=True, finite=True, depth=0)),
            (b"0" + b"." + b"0" * 400 + b"1e700", Shape(unique=True, finite=True, depth=0)),
            (b"0e" + b"9" * 400, Shape(unique=True, finite=True, depth=0)),
            (b"[" * 20_000 + b"]" * 20_000, Shape(unique=True, finite=True, depth=20_000)),
            (b'"' + "\U0001f600\x7f\u2028".encode() + b'"', Shape(True, True, 0)),  # noqa: FBT003
            (b'"\\ud83d\\ude00\\u0000"', Shape(unique=True, finite=True, depth=0)),
        ],
    )
    def test_a_text_has_the_shape_that_a_person_sees(self, text, shape):
        assert shape == inspect_json(text)

    @pytest.mark.parametrize(
        "text",
        [
            b"", b" ", b"\xef\xbb\xbf0", "0".encode("utf-16"), b"\xff", b"\xed\xa0\x80",
            b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\ude00\\ud83d"', b'{"\\udfff":1}', b"NaN",
            b"-Infinity", b"01", b"1.", b".1", b"+1", b"--1", b"1e", b"0x1", b"'a'", b"[1,]",
            b"[,1]", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{"a" 1}', b"{1:1}", b"[1}", b"{]", b"]",
            b"[", b"[" * 20_000, b"1 2", b"[1]]", b"tru", b"nulll", b'"\x1f"', b'"\n"', b'"\\x"',
            b'"\\u12"', b"\xc2\xa00", b"\x0b0", b"0//", b'{"a":1 "b":2}', b":", b",",
        ],
    )  # fmt: skip
    def test_what_rfc_8259_does_not_allow_is_no_json(self, text):
        assert inspect_json(text) is None
