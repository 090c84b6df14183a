"""A passage of the school's words: figures for their names, and numbers typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ledger.errors import BadInputError
from outcomes.publish.document import Block, Cell
from outcomes.publish.figures import Figures
from outcomes.publish.markup import blocks
from outcomes.publish.material import Material
from projections.measures.catalogue import COUNTS
from schemas.reasons import suggestion

__all__ = ["Passage", "passage_blocks", "typed_numbers"]

_FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}\n]*)\}")
_ESCAPED = {"{{": "{", "}}": "}"}
_LINK = re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<href>[^()\s]+)\)")
_SAFE = re.compile(r'https?://[^\s"<>\\^`{|}]+', re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,\u00a0\u202f ]\d+)*(?:[\u00a0\u202f ]?%)?")
_YEAR = re.compile(r"(?:19|20|21)\d\d")
_COUNT, _RATE = "{career_outcomes/all}", "{orientation_rate/all}"


class Passage(NamedTuple):
    """A text of the school.

    Attributes:
        text: As it was written.
        place: The file.
        line: In which it begins.
    """

    text: str
    place: str
    line: int

    def place_of(self, position: int) -> str:
        """Where a character of it is, for a person."""
        return f"{self.place}:{self.line + self.text.count(chr(10), 0, position)}"


def passage_blocks(passage: Passage, material: Material) -> tuple[Block, ...]:
    """The passage as paragraphs and lists, its figures filled in.

    Raises:
        BadInputError: If it names a figure that does not exist or is not shown, or leads somewhere
            that is no address.
    """
    values = {}
    for match in _FIELD.finditer(passage.text):
        if match["name"] is not None:
            values[match[0]] = _figure(
                match["name"], passage.place_of(match.start()), material.figures
            )
    for match in _LINK.finditer(passage.text):
        if not _SAFE.fullmatch(match["href"]):
            place = passage.place_of(match.start())
            address = f"{match['href']!r} is no address; one begins with https://"
            raise BadInputError(f"{place}: {address}")

    def value_of(match: re.Match[str]) -> str:
        value = _ESCAPED.get(match[0]) or values.get(match[0])
        if value is None:
            # Only the lines of a paragraph together make it one.
            broken = re.search(r"\s+".join(map(re.escape, match[0].split())), passage.text)
            place = passage.place_of(broken.start() if broken else 0)
            raise BadInputError(f"{place}: {match[0]} is broken by a line's end; write it on one")
        return value

    def fill(text: str) -> str:
        return _FIELD.sub(value_of, text)

    return tuple(blocks(passage.text, fill))


def _figure(name: str, place: str, figures: Figures) -> str:
    measure, _, rest = name.partition("/")
    group, _, part = rest.partition("/")
    known = sorted({*(key[0] for key in figures.counts), *(key[0] for key in figures.rates)})
    if not group or part not in ("", "previous", "growth"):
        raise BadInputError(
            f"{place}: {{{name}}} is no figure; one is {_COUNT}, {_COUNT[:-1]}/previous}},"
            f" {_COUNT[:-1]}/growth}} or {_RATE}"
        )
    if measure not in known:
        hint = suggestion(measure, known)
        raise BadInputError(f"{place}: {{{name}}}: {measure!r} is not published{hint}")
    is_rate = (measure, "all") in figures.rates
    groups = [key[1] for key in (figures.rates if is_rate else figures.counts) if key[0] == measure]
    if group not in groups:
        raise BadInputError(
            f"{place}: {{{name}}}: {measure} has no group {group!r}{suggestion(group, groups)}"
        )
    if is_rate and part:
        raise BadInputError(f"{place}: {{{name}}}: a rate has no {part}")
    cell = _cell(figures, measure, group, part or ("rate" if is_rate else ""))
    if cell.status == "not_shown":
        raise BadInputError(
            f"{place}: {{{name}}} is not shown in this publication; take it out of the text"
        )
    return cell.text


def _cell(figures: Figures, measure: str, group: str, part: str) -> Cell:
    makers = {"": figures.count, "previous": figures.previous, "growth": figures.growth}
    return figures.rate(measure, group) if part == "rate" else makers[part](measure, group)


def typed_numbers(passage: Passage, material: Material) -> Iterator[str]:
    """A line for each number that was typed by hand: nobody would notice when it is wrong."""
    named = _names_by_text(material.figures)
    text = _FIELD.sub(lambda match: " " * len(match[0]), passage.text)
    text = _LINK.sub(lambda match: match["text"].ljust(len(match[0])), text)
    for match in _NUMBER.finditer(text):
        if _YEAR.fullmatch(match[0]):
            continue
        name = named.get(_bare(match[0]))
        hint = (
            f"{name} is filled in"
            if name
            else "a figure such as {career_outcomes/all} is filled in"
        )
        yield f"{passage.place_of(match.start())}: {match[0]} is typed by hand; {hint}"


def _names_by_text(figures: Figures) -> dict[str, str]:
    """The name of a figure by its text, that of all before that of a group, the main one first."""
    names: dict[str, str] = {}
    rows = sorted(figures.shown.counts, key=lambda row: COUNTS.index(row.measure))
    for row in sorted(rows, key=lambda row: row.group != "all"):
        cells = {"": figures.count, "/previous": figures.previous, "/growth": figures.growth}
        for part, cell in cells.items():
            shown = cell(row.measure, row.group)
            if shown.status == "number":
                names.setdefault(_bare(shown.text), f"{{{row.measure}/{row.group}{part}}}")
    for rate in sorted(figures.shown.rates, key=lambda rate: rate.group != "all"):
        shown = figures.rate(rate.measure, rate.group)
        names.setdefault(_bare(shown.text), f"{{{rate.measure}/{rate.group}}}")
    return names


def _bare(text: str) -> str:
    return re.sub(r"[\s+−]", "", text)
