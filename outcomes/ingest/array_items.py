"""The items of a JSON array, each as its exact bytes, without holding the array in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ledger.errors import BadInputError
from ledger.numbers import pluralise
from outcomes.ingest.lines import Line

__all__ = ["ArraySplitter"]

_BLANK = b" \t\r\n"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BETWEEN_ITEMS = re.compile(rb'(?:[^",\[\]{}]++|%b)*+' % _STRING, re.DOTALL)
_INSIDE_ITEM = re.compile(rb'(?:[^"\[\]{}]++|%b)*+' % _STRING, re.DOTALL)
_INSIDE_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_QUOTE, _COMMA, _BRACE_END = b'",}'
_OPENING = b"[{"


class ArraySplitter:
    """Cuts an array into items at the commas of its first level; judges nothing else about them.

    Args:
        name: What the input is called.
        bytes_max: An overlong item keeps a little more than this, enough to be refused.
    """

    def __init__(self, name: str, bytes_max: int) -> None:
        self._name = name
        self._bytes_max = bytes_max + 2
        self._number = 0
        self._depth = 0
        self._in_string = False
        self._has_ended = False
        self._rest = b""
        self._item = bytearray()
        self._is_cut = False

    def split(self, chunk: bytes) -> Iterator[Line]:
        """The items that end in the next bytes; b"" is the end of the input.

        Raises:
            BadInputError: If the array does not end, or the input goes on after it.
        """
        if not chunk and not self._has_ended:
            raise BadInputError(
                f"{self._name} ends inside its array, after item {self._number:,}; is it complete?"
            )
        text, self._rest = self._rest + chunk, b""
        start = position = 0
        while position < len(text):
            if self._has_ended:
                self._refuse_more(text[position:])
                return
            position = self._skip(text, position)
            if position >= len(text) or self._rest:
                break
            mark = text[position]
            if self._depth == 0:
                start = position + 1
            elif self._ends_item(mark):
                yield from self._finish(text[start:position], mark)
                start = position + 1
            self._count(mark)
            position += 1
        if not self._has_ended:
            self._keep(text[start : len(text) - len(self._rest)])

    def _skip(self, text: bytes, position: int) -> int:
        """The position of the next mark that matters."""
        if self._in_string:
            position = _end(_INSIDE_STRING, text, position)
            if text[position : position + 1] == b"\\":
                self._rest = text[position:]
            return position
        if self._depth == 0:
            start = text.find(b"[", position)
            return len(text) if start < 0 else start
        return _end(_BETWEEN_ITEMS if self._depth == 1 else _INSIDE_ITEM, text, position)

    def _ends_item(self, mark: int) -> bool:
        is_mark = not self._in_string and mark != _QUOTE and mark not in _OPENING
        return is_mark and self._depth == 1

    def _count(self, mark: int) -> None:
        if mark == _QUOTE:
            self._in_string = not self._in_string
        elif mark in _OPENING:
            self._depth += 1
        elif mark != _COMMA:
            self._depth -= 1
            self._has_ended = self._depth == 0

    def _finish(self, last: bytes, mark: int) -> Iterator[Line]:
        """The item that ends before a mark; none in an empty array."""
        if mark == _BRACE_END:
            raise BadInputError(f"{self._name}: a brace too many after item {self._number + 1:,}")
        self._keep(last)
        item = bytes(self._item) if self._is_cut else bytes(self._item).rstrip(_BLANK)
        self._item.clear()
        self._is_cut = False
        if item or mark == _COMMA or self._number:
            self._number += 1
            yield Line(self._number, item)

    def _keep(self, part: bytes) -> None:
        part = part if self._item else part.lstrip(_BLANK)
        room = self._bytes_max - len(self._item)
        self._item += part[:room]
        self._is_cut = self._is_cut or bool(part[room:].strip(_BLANK))

    def _refuse_more(self, text: bytes) -> None:
        if text.strip(_BLANK):
            raise BadInputError(
                f"{self._name} goes on after its array, {pluralise(self._number, 'item')}; send"
                " what follows by itself"
            )


def _end(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None
    return match.end()
