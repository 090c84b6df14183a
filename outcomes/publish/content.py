"""What a publication says, in one language: the whole document, from what is shown."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.disclosure.shown import encode_shown
from outcomes.presentation.languages import Language
from outcomes.publish.document import Block, Document, KeyFigures, Paragraph, Section
from outcomes.publish.edition import Edition
from outcomes.publish.material import Material, Source
from outcomes.publish.sections.annex import annex_section
from outcomes.publish.sections.categories import categories_section
from outcomes.publish.sections.changes import changes_section
from outcomes.publish.sections.files import files_section
from outcomes.publish.sections.funding import funding_section
from outcomes.publish.sections.journey import journey_section, rate_figures
from outcomes.publish.sections.method import method_section
from outcomes.publish.sections.trust import checking_section, disclosure_section, limits_section
from outcomes.publish.sections.year import main_figure, year_section
from schemas.canonical import sha256_hex

__all__ = ["SECTIONS", "Source", "make_document"]

SECTIONS = {
    "outcomes": year_section,
    "journey": journey_section,
    "categories": categories_section,
    "funding": funding_section,
    "changes": changes_section,
    "method": method_section,
    "limits": limits_section,
    "disclosure": disclosure_section,
    "checking": checking_section,
    "files": files_section,
    "annex": annex_section,
}
"""The sections in order; a school may add words of its own to each."""


def make_document(source: Source, edition: Edition, language: Language) -> Document:
    """The publication in a language.

    Args:
        source: What is shown, and of what.
        edition: The school's own words.
        language: To write in.

    Raises:
        BadInputError: If the edition has no words in the language, or names a figure that is not
            shown.
    """
    material = Material(source, language)
    say = material.say
    main = main_figure(material)
    return Document(
        language=language.code,
        direction=language.direction,
        title=say("Impact report {year}"),
        school=edition.school_in(language.code),
        date=language.date(edition.published_on) if edition.published_on else "",
        summary=say("{label}: {value}, {note}", label=main.label, value=main.value, note=main.note),
        logo=edition.logo,
        figures=KeyFigures((main, *rate_figures(material))),
        sections=tuple(_sections(material, edition)),
        signatories=edition.signatories_in(language.code),
        published_on=edition.published_on,
        labels={
            "contents": say("Contents"),
            "signatures": say("Signatures"),
            "signed": say(
                "Signed is the report whose file shown.json has the SHA-256 {sha256}.",
                sha256=sha256_hex(encode_shown(source.shown)),
            ),
            "languages": say("This report in other languages"),
            "skip": say("Skip to the report"),
            "this_year": str(material.year),
            "year_before": str(material.year - 1),
            "base": say("None of the five"),
            "bounds": say("If none or all of those who did not answer had found work"),
            "rate": say("Rate"),
            "choose": say("Read the report"),
        },
    )


def _sections(material: Material, edition: Edition) -> Iterator[Section]:
    words = edition.words_in(material)
    if "foreword" in words:
        yield Section("foreword", material.say("Foreword"), words["foreword"])
    for id_, make in SECTIONS.items():
        section = make(material)
        if section is not None:
            lead = _leads(section.blocks)
            blocks = (*section.blocks[:lead], *words.get(id_, ()), *section.blocks[lead:])
            yield section._replace(blocks=blocks)


def _leads(blocks: tuple[Block, ...]) -> int:
    """How many blocks at the beginning say what the section is about: the school comes next."""
    first = blocks[0]
    return 1 if isinstance(first, Paragraph) and first.role == "lead" else 0
