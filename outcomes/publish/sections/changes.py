"""What changed since the revision before: every shown cell that differs, and why."""

from __future__ import annotations

from collections.abc import Iterator

from outcomes.presentation.words import _
from outcomes.publish.document import Block, Cell, Column, Paragraph, Row, Section, Table
from outcomes.publish.figures import Figures
from outcomes.publish.material import Material

__all__ = ["REASONS", "changes_section"]

CORRECTION = "correction"


REASONS = {
    "late-facts": _(
        "Facts about {year} arrived after the revision before. This was to be expected."
    ),
    "policy": _("The figures are counted under another policy. This was planned."),
    "disclosure": _("Figures are shown under another disclosure profile. This was planned."),
    "edition": _("The words of the school or the languages changed. No figure did."),
    CORRECTION: _("**An error was corrected.** Do not use the revision before any longer."),
}


def changes_section(material: Material) -> Section | None:
    """What differs from the revision before; None for a first publication."""
    before, reason = material.source.before, material.source.reason
    if before is None or reason is None:
        return None
    earlier = Figures(before, material.policy, material.language)
    rows = tuple(_rows(material, earlier))
    blocks: list[Block] = [Paragraph(material.item(REASONS[reason]), "lead")]
    if rows:
        caption = material.say("Every figure that is shown otherwise than before")
        columns = (Column(material.say("Before")), Column(material.say("Now")))
        corner, name = material.say("Figure"), material.say("What changed")
        blocks.append(Table("changes-cells", caption, corner, columns, rows, name))
    else:
        blocks.append(material.prose("Every figure is shown as it was before."))
    return Section("changes", material.say("What changed"), tuple(blocks))


def _rows(material: Material, earlier: Figures) -> Iterator[Row]:
    now = material.figures
    for measure, group in sorted(earlier.counts.keys() | now.counts.keys()):
        name = f"{now.measure_name(measure)}, {now.group_name(group)}"
        quantities = (
            (f"{name}, {material.year}", Figures.count),
            (f"{name}, {material.year - 1}", Figures.previous),
            (f"{name}, {material.say('Growth')}", Figures.growth),
        )
        for head, cell in quantities:
            yield from _row(head, cell(earlier, measure, group), cell(now, measure, group))
    for measure, group in sorted(earlier.rates.keys() | now.rates.keys()):
        head = f"{now.measure_name(measure)}, {now.group_name(group)}, {material.year}"
        yield from _row(head, earlier.rate(measure, group), now.rate(measure, group))


def _row(head: str, before: Cell, after: Cell) -> Iterator[Row]:
    if before != after:
        yield Row(head, (Cell(before.text), Cell(after.text)))
