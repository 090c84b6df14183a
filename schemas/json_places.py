"""Where in a JSON text a member is repeated or a number is infinite."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator

__all__ = ["escape_pointer", "infinite_numbers", "repeated_members"]


class _Members(list[tuple[str, object]]):
    """An object as its members in order, repeated ones too."""


def escape_pointer(step: int | str) -> str:
    """One step of a JSON pointer (RFC 6901).

    >>> escape_pointer("a/b~c")
    '/a~1b~0c'
    """
    return f"/{str(step).replace('~', '~0').replace('/', '~1')}"


def repeated_members(value: bytes) -> Iterator[tuple[str, int]]:
    """The pointer of each member name that an object has more than once, and how often.

    >>> list(repeated_members(b'{"data": {"a": 1, "a": 2}}'))
    [('/data/a', 2)]
    """
    for pointer, part in _parts(value):
        if isinstance(part, _Members):
            for name, count in Counter(name for name, _ in part).items():
                if count > 1:
                    yield pointer + escape_pointer(name), count


def infinite_numbers(value: bytes) -> Iterator[str]:
    """The pointer of each number that rounds to an infinity of binary64."""
    for pointer, part in _parts(value):
        if isinstance(part, float) and math.isinf(part):
            yield pointer


def _parts(value: bytes) -> Iterator[tuple[str, object]]:
    """Every value of a JSON text by its pointer; none of one that is nested beyond all measure."""
    try:
        whole = json.loads(value, object_pairs_hook=_Members, parse_int=float)
    except RecursionError:
        return
    waiting: list[tuple[str, object]] = [("", whole)]
    while waiting:
        pointer, part = waiting.pop()
        yield pointer, part
        if isinstance(part, _Members):
            children = [(escape_pointer(name), child) for name, child in part]
        elif isinstance(part, list):
            children = [(escape_pointer(index), child) for index, child in enumerate(part)]
        else:
            continue
        waiting.extend((pointer + step, child) for step, child in reversed(children))
