"""All figures, for looking up."""

from __future__ import annotations

from outcomes.presentation.words import _
from outcomes.publish.document import Block, Column, Heading, Row, Section, Table
from outcomes.publish.figures import role_of
from outcomes.publish.material import Material
from projections.measures.catalogue import COUNTS, FAMILIES, MEMBERSHIP_GROUPS

__all__ = ["annex_section"]


_CAPTIONS = {
    "orientation": _("Rates of {year}: applicants"),
    "graduation": _("Rates of {year}: graduation"),
    "placement": _("Rates of {year}: placement"),
}


def annex_section(material: Material) -> Section:
    """A table for each count and for the rates of a family; every shown cell is in one."""
    blocks: list[Block] = [
        material.lead("Every figure that is published, the year before beside it."),
        Heading(material.say("Counts")),
        *(_counts(material, measure) for measure in COUNTS if material.figures.has(measure)),
        Heading(material.say("Rates")),
        *_rates(material),
    ]
    return Section("annex", material.say("All figures"), tuple(blocks), is_annex=True)


def _counts(material: Material, measure: str) -> Table:
    figures = material.figures
    return Table(
        f"all-{_key(measure)}",
        figures.measure_name(measure),
        material.say("Group"),
        material.two_years(),
        tuple(figures.count_rows((measure,), figures.groups(measure))),
    )


def _rates(material: Material) -> list[Block]:
    figures, say = material.figures, material.say
    tables: list[Block] = []
    for family in FAMILIES:
        rates = [rate.name for rate in family.rates if (rate.name, "all") in figures.rates]
        if not rates:
            continue
        columns = tuple(Column(figures.measure_name(rate), "rate") for rate in rates)
        rows = tuple(
            Row(
                figures.group_name(group),
                tuple(figures.rate(rate, group) for rate in rates),
                role_of(group),
            )
            for group in MEMBERSHIP_GROUPS
        )
        caption = say(_CAPTIONS[family.name])
        tables.append(Table(f"all-{_key(family.name)}-rates", caption, say("Group"), columns, rows))
    return tables


def _key(name: str) -> str:
    return name.replace("_", "-")
