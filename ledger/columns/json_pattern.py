r"""The texts of ordinary events as one pattern of RE2: what certainly is JSON of the right types.

It is stricter than RFC 8259 and than admission: no number, no escape of a control character below
a blank but the five short ones, no nesting but that of `schemas.events`, no blank before a colon;
and every member of `data` has a value of its own type, or one of its choices. What it does not say:
which members there are, whether each is there once, and how long a text is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from ledger.columns.members import DATA, MEMBERS, Member
from schemas.events import CATEGORIES
from schemas.moments import FIRST_DAY, LAST_DAY

__all__ = ["EMBEDDED", "PLAIN", "Notation", "event_pattern"]


class Notation(NamedTuple):
    """How a JSON text is written: as it is, or within a string of another JSON text.

    Attributes:
        quote: A pattern for a quotation mark.
        backslash: A pattern for a backslash.
        blank: A pattern for any blanks between two tokens.
    """

    quote: str
    backslash: str
    blank: str


PLAIN = Notation('"', r"\\", r"[ \t\n\r]*")
EMBEDDED = Notation(r'\\"', r"\\\\", r"(?: |\\[tnr])*")
"""As `ledger.log.record_lines` writes a value: with no other escapes than it needs."""

_HEX = "[0-9a-fA-F]"
# They are whole centuries.
_CENTURIES = "|".join(map(str, range(FIRST_DAY.year // 100, LAST_DAY.year // 100 + 1)))
_DATE = f"(?:{_CENTURIES})[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}"
_NULLABLE_ATTRIBUTE = "(?:[A-Za-ce-z0-9_][A-Za-z0-9_]*|dataschema|dataref)"
"""Names that may go with null; not `datacontenttype` or `data_base64`, where null is an error."""


def event_pattern(notation: Notation) -> str:
    """The pattern of an event's whole text in a notation."""
    return _Pattern(notation).event()


class _Pattern:
    def __init__(self, notation: Notation) -> None:
        self._notation = notation
        self._text, self._some_text = self._string("*"), self._string("+")

    def event(self) -> str:
        attribute = "|".join(
            (
                self._member("data", self._object(self._data_members())),
                self._member("[A-Za-z0-9_]+", self._text),
                self._member(_NULLABLE_ATTRIBUTE, "null"),
            )
        )
        blank = self._notation.blank
        return f"{blank}{self._object([attribute])}{blank}"

    def _string(self, many: str) -> str:
        quote, backslash, _ = self._notation
        unit = "|".join(
            (
                f"[1-9a-cefA-CEF]{_HEX}{{3}}",
                f"0[1-9a-fA-F]{_HEX}{{2}}",
                f"00[2-9a-fA-F]{_HEX}",
                f"[dD][0-7]{_HEX}{{2}}",
                # A surrogate never stands alone.
                f"[dD][89abAB]{_HEX}{{2}}{backslash}u[dD][c-fC-F]{_HEX}{{2}}",
            )
        )
        escape = f"{backslash}(?:{quote}|{backslash}|[/bfnrt]|u(?:{unit}))"
        return rf'{quote}(?:[^"\\\x00-\x1f]|{escape}){many}{quote}'

    def _member(self, names: str, value: str) -> str:
        quote, _, blank = self._notation
        return f"{quote}(?:{names}){quote}:{blank}(?:{value})"

    def _list(self, items: str, opening: str, closing: str) -> str:
        blank = self._notation.blank
        several = f"(?:{items})(?:{blank},{blank}(?:{items}))*"
        return rf"\{opening}{blank}(?:{several}{blank})?\{closing}"

    def _object(self, members: Iterable[str]) -> str:
        return self._list("|".join(members), "{", "}")

    def _data_members(self) -> Iterator[str]:
        """The members of any type's data; the null of a required one is not told apart here."""
        names = defaultdict[str, list[str]](list)
        for member in DATA.values():
            names[f"{self._value(member)}|null"].append(member.name)
        return (self._member("|".join(several), value) for value, several in names.items())

    def _part(self, member: Member) -> str:
        value = self._value(member)
        return self._member(member.name, value if member.required else f"{value}|null")

    def _value(self, member: Member) -> str:
        match member.kind:
            case "boolean":
                return "true|false"
            case "categories":
                return self._list(self._quoted("|".join(CATEGORIES)), "[", "]")
            case "object":
                return "|".join(self._orders(member.parts))
            case kind:
                return self._some_text if kind == "text" else self._quoted(_texts(member))

    def _quoted(self, texts: str) -> str:
        return f"{self._notation.quote}(?:{texts}){self._notation.quote}"

    def _orders(self, parts: Sequence[Member]) -> Iterator[str]:
        """An object's members in each order, so that none is there twice."""
        blank = self._notation.blank
        required = [part for part in parts if part.required]
        for chosen in {tuple(required), tuple(parts)}:
            for order in permutations(chosen):
                members = f"{blank},{blank}".join(map(self._part, order))
                yield rf"\{{{blank}{members}{blank}\}}"


def _texts(member: Member) -> str:
    """What a member may be that is no text of any kind, in any of the types that have it."""
    if member.kind == "choice":
        of_any_type = (each for members in MEMBERS.values() for each in members)
        return "|".join(
            dict.fromkeys(
                choice
                for each in of_any_type
                if each.name == member.name
                for choice in each.choices
            )
        )
    return _DATE if member.kind == "date" else "[0-9a-f]{64}"
