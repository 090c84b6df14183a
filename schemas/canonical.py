"""One byte form for one meaning: RFC 8785 canonical JSON, and what an event's content is."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import orjson
import rfc8785

__all__ = ["Content", "canonical", "content", "sha256_hex"]


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    r"""The RFC 8785 form of a JSON value.

    >>> canonical({"b": 1.0, "a": "é"})
    b'{"a":"\xc3\xa9","b":1}'
    """
    return rfc8785.dumps(value)


def content(event: bytes) -> bytes:
    """What a second record of one identity is compared by, to the byte.

    `specversion`, `type`, `time` and `data` of an admitted event; extension attributes are not
    content. Admitted `data` holds only strings, booleans, nulls, lists and ASCII member names, and
    for those sorted orjson output is RFC 8785 (a property test holds the two side by side).

    Source: SPEC section 1, content.
    """
    return _content_of(cast("dict[str, Any]", orjson.loads(event)))


def _content_of(members: dict[str, Any]) -> bytes:
    chosen = {
        "data": members["data"],
        "specversion": members["specversion"],
        "time": members["time"],
        "type": members["type"],
    }
    return orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS)


_NOTHING = hashlib.blake2b(digest_size=16)


class Content:
    """An event's content, worked out only when somebody asks: most events are never compared.

    Attributes:
        digest: BLAKE2b of the content, 16 bytes.
    """

    __slots__ = ("_digest", "_value")

    def __init__(self, value: bytes | None, digest: bytes | None = None) -> None:
        assert (value is None) != (digest is None)
        self._value = value
        self._digest = digest

    @property
    def digest(self) -> bytes:
        """16 bytes, equal where contents are equal."""
        if self._digest is None:
            assert self._value is not None
            self._digest = _digest_of(content(self._value))
        return self._digest

    def work_out(self, members: dict[str, Any]) -> None:
        """Work the digest out at once, from the members of the event that were decoded already."""
        self._digest = _digest_of(_content_of(members))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Content):
            return NotImplemented
        same_bytes = self._value is not None and self._value == other._value
        return same_bytes or self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _digest_of(content: bytes) -> bytes:
    hashed = _NOTHING.copy()  # A copy is quicker than another with its parameters.
    hashed.update(content)
    return hashed.digest()


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256, 64 digits."""
    return hashlib.sha256(data).hexdigest()
