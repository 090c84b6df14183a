"""The school's own words for a publication: a YAML file, and the logo that it names.

All of it is text: no value is guessed to be a date, a number or a boolean. Every error is one line
that names the file and the line in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ledger.errors import BadInputError
from outcomes.presentation.languages import languages
from outcomes.publish.document import Block, Logo, Signatory
from outcomes.publish.logo import LOGO_BYTES_MAX, read_logo
from outcomes.publish.material import Material
from outcomes.publish.passages import Passage, passage_blocks, typed_numbers
from outcomes.publish.yaml_text import YamlNode, read_yaml

__all__ = ["EDITION_FILE", "NO_EDITION", "WORDED", "Edition", "load_edition", "read_edition"]

EDITION_FILE = "edition.yaml"
WORDED = (
    "foreword", "outcomes", "journey", "categories", "funding", "changes", "method", "limits",
    "disclosure", "checking", "files", "annex",
)  # fmt: skip
"""The sections that a school may write in; the foreword is its own."""
_BYTES_MAX = 262_144
_CHARACTERS_MAX = 300
_SIGNATORIES_MAX = 20

Texts = Mapping[str, Passage]
"""By language; under the empty one what holds for all."""
_NOTHING: Texts = MappingProxyType({})


class _SignatoryTexts(NamedTuple):
    name: Texts
    role: Texts


class Edition(NamedTuple):
    """The school's own words.

    Attributes:
        school: Its name.
        published_on: The date of the publication.
        logo: An image.
        signatories: Who signs.
        words: By section of `WORDED`.
        files: What it was read from, by the names that they have in a publication; `read_edition`
            takes them.
    """

    school: Texts = _NOTHING
    published_on: date | None = None
    logo: Logo | None = None
    signatories: tuple[_SignatoryTexts, ...] = ()
    words: Mapping[str, Texts] = MappingProxyType({})
    files: Mapping[str, bytes] = MappingProxyType({})

    def school_in(self, language: str) -> str:
        """The school's name in a language; empty without one."""
        return _text_in(self.school, language)

    def signatories_in(self, language: str) -> tuple[Signatory, ...]:
        """Who signs, in a language."""
        return tuple(
            Signatory(_text_in(each.name, language), _text_in(each.role, language))
            for each in self.signatories
        )

    def words_in(self, material: Material) -> dict[str, tuple[Block, ...]]:
        """The words by section, with the figures filled in.

        Raises:
            BadInputError: If a figure is not shown, or words have no text in the language.
        """
        code = material.language.code
        return {
            section: passage_blocks(_passage_in(texts, code), material)
            for section, texts in self.words.items()
        }

    def warnings(self, material: Material) -> list[str]:
        """One line for each number that was typed by hand in the material's language."""
        code = material.language.code
        return [
            warning
            for texts in self.words.values()
            for warning in typed_numbers(_passage_in(texts, code), material)
        ]


NO_EDITION = Edition()


def _text_in(texts: Texts, language: str) -> str:
    return _passage_in(texts, language).text if texts else ""


def _passage_in(texts: Texts, language: str) -> Passage:
    passage = texts.get(language) or texts.get("")
    if passage is None:
        other, codes = next(iter(texts.values())), ",".join(texts)
        raise BadInputError(
            f"{other.place}:{other.line}: there is a text in {codes} and none in {language};"
            f" add one, or publish with --lang {codes}"
        )
    return passage


def load_edition(path: Path) -> Edition:
    """Read an edition from its file, and the logo beside it.

    Args:
        path: Of the YAML file; a logo's path is relative to its folder.

    Raises:
        BadInputError: If something is wrong with either; one line.
    """
    data = _read(path, str(path), _BYTES_MAX)
    root = read_yaml(data, str(path))
    files = {EDITION_FILE: data}
    named = root.members().get("logo")
    if named is not None:
        place = f"{named.place}:{named.line}: {named.text()}"
        image = _read(path.parent / named.text(), place, LOGO_BYTES_MAX)
        logo = read_logo(image, place)
        files[logo.name] = image
    return _edition_of(root, files)


def read_edition(files: Mapping[str, bytes], place: str) -> Edition:
    """Read an edition from the files that a publication holds.

    Args:
        files: See `Edition.files`.
        place: Where they come from, for a person.

    Raises:
        BadInputError: As `load_edition`.
    """
    return _edition_of(read_yaml(files[EDITION_FILE], f"{place}/{EDITION_FILE}"), files)


def _read(path: Path, place: str, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
            size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInputError(f"{place}: {reason}; is the path right?") from error
    if len(data) > bytes_max:
        raise BadInputError(
            f"{place}: {size:,} bytes, and at most {bytes_max:,} are taken, since every page has"
            " it in itself; save it smaller"
        )
    return data


def _edition_of(root: YamlNode, files: Mapping[str, bytes]) -> Edition:
    members = root.members("school", "published_on", "logo", "signatories", "words")
    published_on, words = members.get("published_on"), members.get("words")
    logos = [read_logo(data, name) for name, data in files.items() if name != EDITION_FILE]
    if "logo" in members and not logos:
        raise members["logo"].error("the logo is not among the files of the publication")
    sections = words.members(*WORDED) if words is not None else {}
    return Edition(
        school=_texts(members["school"], is_line=True) if "school" in members else {},
        published_on=_day(published_on) if published_on is not None else None,
        logo=logos[0] if logos else None,
        signatories=tuple(_signatories(members.get("signatories"))),
        words={section: _texts(node) for section, node in sections.items()},
        files=files,
    )


def _day(node: YamlNode) -> date:
    try:
        return date.fromisoformat(node.text())
    except ValueError:
        raise node.error(f"{node.text()!r} is no date; write one such as 2023-06-30") from None


def _signatories(node: YamlNode | None) -> list[_SignatoryTexts]:
    if node is None:
        return []
    entries = node.items()
    if len(entries) > _SIGNATORIES_MAX:
        raise node.error(f"{len(entries)} signatories; at most {_SIGNATORIES_MAX} are taken")
    result = []
    for entry in entries:
        members = entry.members("name", "role")
        if not members:
            raise entry.error("a signatory has a name, a role or both")
        texts = {key: _texts(value, is_line=True) for key, value in members.items()}
        result.append(_SignatoryTexts(texts.get("name", {}), texts.get("role", {})))
    return result


def _texts(node: YamlNode, *, is_line: bool = False) -> Texts:
    nodes = {"": node} if node.is_text else node.members(*languages())
    if not nodes:
        raise node.error("there is no text here")
    for each in nodes.values():
        if not each.text().strip():
            raise each.error("there is no text here")
        if is_line and ("\n" in each.text().strip() or len(each.text()) > _CHARACTERS_MAX):
            raise each.error(f"a name is one line of at most {_CHARACTERS_MAX} characters")
    return {
        code: Passage(each.text().strip() if is_line else each.text(), each.place, each.text_line)
        for code, each in nodes.items()
    }
