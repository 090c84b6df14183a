"""The first page of a publication: which revision to read, and what became of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from outcomes.presentation.languages import Language, language_of
from outcomes.publish.document import Inline
from outcomes.publish.edition import Edition
from outcomes.publish.folder import revision_name
from outcomes.publish.html import Head, file_of, render
from outcomes.publish.making import edition_in
from outcomes.publish.markup import inline
from outcomes.publish.provenance import PROVENANCE, Provenance, decode_provenance
from outcomes.publish.revisions import CORRECTION, REASONS

__all__ = ["make_index"]


class _Revision(NamedTuple):
    """A revision as the page lists it."""

    number: int
    provenance: Provenance

    @property
    def folder(self) -> str:
        return revision_name(self.number)


class _Page:
    """What is said in one language."""

    def __init__(
        self, language: Language, revisions: Sequence[_Revision], edition: Edition
    ) -> None:
        self.language = language
        self.school = edition.school_in(language.code)
        *self.superseded, self.latest = revisions
        self.superseded_head = self.language.gettext("Superseded")
        self._year = self.latest.provenance.report["reference_year"]
        later = revisions[1:]
        planned = [each for each in later if each.provenance.revision.reason != CORRECTION]
        corrected = [each for each in later if each not in planned]
        named = (
            (self.say("Planned revisions"), planned),
            (self.say("Errors corrected"), corrected),
        )
        self.groups = [(heading, group) for heading, group in named if group]

    def say(self, message: str, **fields: object) -> str:
        return self.language.gettext(message).format(year=self._year, **fields)

    @property
    def title(self) -> str:
        return self.say("Impact report {year}")

    def name(self, revision: _Revision) -> str:
        return self.say("Revision {number}", number=revision.number)

    def replacement(self, revision: _Revision) -> str:
        return self.say(
            "Revision {number} takes the place of revision {before}.",
            number=revision.number,
            before=revision.number - 1,
        )

    def reason(self, revision: _Revision) -> Inline:
        message = REASONS[revision.provenance.revision.reason or CORRECTION]
        return inline(self.language.gettext(message), lambda text: text.format(year=self._year))

    def links(self, revision: _Revision) -> list[tuple[str, str]]:
        """The files of a revision to begin with, in this language or else in its first."""
        codes = revision.provenance.languages
        code = self.language.code if self.language.code in codes else codes[0]
        named = {
            file_of(code): self.say("Read the report"),
            f"report.{code}.pdf": self.say("As a PDF, to print and to sign"),
            f"tables.{code}.xlsx": self.say("Its tables, for a spreadsheet"),
            "data.csv": self.say("Every figure, for programs"),
        }
        return [
            (f"{revision.folder}/{name}", text)
            for name, text in named.items()
            if name in revision.provenance.files
        ]


def make_index(revisions: Sequence[Mapping[str, bytes]]) -> bytes:
    """The file `index.html`.

    Args:
        revisions: The files of each, from the first on.

    Raises:
        BadInputError: If one of them does not say what it was made from.
    """
    listed = [
        _Revision(number, decode_provenance(files.get(PROVENANCE, b""), _place(number)))
        for number, files in enumerate(revisions, 1)
    ]
    edition = edition_in(revisions[-1], listed[-1].folder)
    pages = [_Page(language_of(code), listed, edition) for code in listed[-1].provenance.languages]
    first = pages[0]
    head = Head(
        first.language.code,
        first.language.direction,
        first.title,
        first.school,
        first.title,
        edition.logo,
    )
    return render("revisions.html", head, pages=pages)


def _place(number: int) -> str:
    return f"{revision_name(number)}/{PROVENANCE}"
