"""The shape of a JSON text, found without recursion and for any bytes.

An ordinary record never comes here: a fast parser reads it, and a count of its member names shows
that none was lost (`schemas.rules`). Only where that parser or that count leaves a doubt is the
text read token by token, because the order of the rules needs an exact answer: is it JSON at all,
are member names unique, are numbers finite, how deep is it nested.
"""

from __future__ import annotations

import json
import math
import re
from typing import NamedTuple, cast

__all__ = ["Shape", "inspect_json"]

_TOKEN = re.compile(
    r"[ \t\n\r]*(?:"
    r"(?P<mark>[{}\[\],:])"
    r'|(?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<word>true|false|null))"
)
_BLANK = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile("[\ud800-\udfff]")

# What may come next: a value, a member name, the colon after it, or what follows a value.
_VALUE, _VALUE_OR_END, _NAME, _NAME_OR_END, _COLON, _AFTER = range(6)


class Shape(NamedTuple):
    """A JSON text's traits beyond its grammar.

    Attributes:
        unique: No object has two members of one name, after unescaping.
        finite: No number rounds to an infinity of binary64.
        depth: Levels of nesting; an object or array alone is 1, a scalar 0.
    """

    unique: bool
    finite: bool
    depth: int


class _Reader:
    """A push-down automaton over tokens; `names` has one entry for each open container."""

    def __init__(self) -> None:
        self.expect = _VALUE
        self.names: list[set[str] | None] = []
        self.unique = True
        self.finite = True
        self.depth = 0

    def accept(self, kind: str, token: str) -> bool:
        """Read the next token; False where the grammar does not allow it."""
        if kind == "mark":
            return self._mark(token)
        if kind == "string":
            return self._string(token)
        if self.expect not in (_VALUE, _VALUE_OR_END):
            return False
        if kind == "number" and math.isinf(float(token)):
            self.finite = False
        self.expect = _AFTER
        return True

    def _mark(self, mark: str) -> bool:
        if mark in "{[":
            if self.expect not in (_VALUE, _VALUE_OR_END):
                return False
            self.names.append(set() if mark == "{" else None)
            self.depth = max(self.depth, len(self.names))
            self.expect = _NAME_OR_END if mark == "{" else _VALUE_OR_END
            return True
        if mark == ":":
            allowed = self.expect == _COLON
            self.expect = _VALUE
            return allowed
        if not self.names:
            return False
        in_object = self.names[-1] is not None
        if mark == ",":
            allowed = self.expect == _AFTER
            self.expect = _NAME if in_object else _VALUE
            return allowed
        empty = _NAME_OR_END if in_object else _VALUE_OR_END
        allowed = (mark == "}") == in_object and self.expect in (_AFTER, empty)
        self.names.pop()
        self.expect = _AFTER
        return allowed

    def _string(self, token: str) -> bool:
        text = cast("str", json.loads(token))
        if _SURROGATE.search(text):
            return False
        if self.expect in (_NAME, _NAME_OR_END):
            names = self.names[-1]
            assert names is not None
            self.unique = self.unique and text not in names
            names.add(text)
            self.expect = _COLON
            return True
        allowed = self.expect in (_VALUE, _VALUE_OR_END)
        self.expect = _AFTER
        return allowed


def inspect_json(value: bytes) -> Shape | None:
    r"""The shape of an RFC 8259 text, or None when the bytes are none.

    A byte order mark, bytes that are not UTF-8, a lone surrogate, and `NaN` are no JSON.

    >>> inspect_json(b'{"a": [1e999], "\\u0061": 0}')
    Shape(unique=False, finite=False, depth=2)
    >>> inspect_json(b"[1,]") is None
    True
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    reader, position = _Reader(), 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            break
        kind = match.lastgroup
        assert kind is not None
        if not reader.accept(kind, match[kind]):
            return None
        position = match.end()
    blank = _BLANK.match(text, position)
    assert blank is not None
    if blank.end() != len(text) or reader.names or reader.expect != _AFTER:
        return None
    return Shape(reader.unique, reader.finite, reader.depth)
