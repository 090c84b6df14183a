"""One plain application as bytes, and its variations."""

from __future__ import annotations

from tests.support.histories import encoded, story

APPLIED = story("applied a1 2022-03-10")[0]


def changed(**members):
    """The plain application with other members; None takes one away."""
    one = {name: value for name, value in (APPLIED | members).items() if value is not None}
    return encoded(one)


def with_data(**members):
    return encoded(APPLIED | {"data": APPLIED["data"] | members})


def inserted(text):
    """The plain application with an extension `x` of a text that no library would write."""
    return encoded(APPLIED)[:-1] + b', "x": ' + text + b"}"
