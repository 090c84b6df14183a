"""What the sections are written from, and how they write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.disclosure.profile import Profile
from ledger.disclosure.shown import ShownReport
from ledger.evidence.proof_documents import CutProof
from outcomes.presentation.languages import Language
from outcomes.publish.document import Column, Inline, Paragraph
from outcomes.publish.figures import Figures
from outcomes.publish.markup import inline
from projections.policy import Policy

__all__ = ["Material", "Source"]


class Source(NamedTuple):
    """What a publication is made from, but for the language and the school's words.

    Attributes:
        shown: The shown report.
        policy: That the report names.
        profile: The disclosure profile that it names.
        before: The shown report that this one takes the place of; None for a first publication.
        reason: Why it does, a key of `outcomes.publish.sections.changes.REASONS`.
        checkpoint: The signed checkpoint that covers the cut, where there is one.
    """

    shown: ShownReport
    policy: Policy
    profile: Profile
    before: ShownReport | None = None
    reason: str | None = None
    checkpoint: CutProof | None = None


class Material:
    """A source in a language.

    Attributes:
        source: What is written about.
        shown: The shown report.
        policy: Likewise.
        language: To write in.
        figures: Of the shown report.
        year: Of the report.
    """

    def __init__(self, source: Source, language: Language) -> None:
        self.source = source
        self.shown = source.shown
        self.policy = source.policy
        self.language = language
        self.figures = Figures(source.shown, source.policy, language)
        self.year = source.shown.reference_year

    def say(self, message: str, **fields: object) -> str:
        """A message in the language."""
        return self.language.gettext(message).format(**self._with_years(fields))

    def item(self, message: str, **fields: object) -> Inline:
        """A message with marks, see `outcomes.publish.markup`."""
        values = self._with_years(fields)
        return inline(self.language.gettext(message), lambda text: text.format(**values))

    def prose(self, message: str, **fields: object) -> Paragraph:
        """A paragraph."""
        return Paragraph(self.item(message, **fields))

    def lead(self, message: str, **fields: object) -> Paragraph:
        """The paragraph that a section begins with."""
        return Paragraph(self.item(message, **fields), "lead")

    def note(self, message: str, **fields: object) -> Paragraph:
        """A paragraph that qualifies what is above it."""
        return Paragraph(self.item(message, **fields), "note")

    def months(self, number: int) -> str:
        """A duration."""
        text = self.language.ngettext("{number} month", "{number} months", number)
        return text.format(number=self.language.number(number))

    def two_years(self) -> tuple[Column, Column, Column]:
        """The columns of a count: this year, the year before, growth."""
        return (
            Column(str(self.year), "count"),
            Column(str(self.year - 1), "count"),
            Column(self.say("Growth"), "growth"),
        )

    def _with_years(self, fields: Mapping[str, object]) -> dict[str, object]:
        return {"year": self.year, "before": self.year - 1, **fields}
