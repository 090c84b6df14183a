"""One plain application as bytes, and its variations."""

from __future__ import annotations

from tests.support.histories import encode, story

APPLIED = story("applied a1 2022-03-10")[0]


def changed(**members):
    """The plain application with other members; None takes one away."""
    results = {name: value for name, value in (APPLIED | members).items() if value is not None}
    return encode(results)


def with_data(**members):
    return encode(APPLIED | {"data": APPLIED["data"] | members})


def inserted(text):
    """The plain application with an extension `x` of a text that no library would write."""
    return encode(APPLIED)[:-1] + b', "x": ' + text + b"}"
