"""Five categories, beside the people of none of them."""

from __future__ import annotations

from typing import NamedTuple

from outcomes.presentation.charts import Rate, Rates
from outcomes.presentation.words import DISCLAIMER
from outcomes.publish.document import Block, Chart, Column, Heading, Row, Section, Table
from outcomes.publish.figures import role_of
from outcomes.publish.material import Material
from outcomes.publish.sections.journey import bounds_of
from outcomes.publish.sections.year import bars_of
from projections.measures.catalogue import MEMBERSHIP_GROUPS
from schemas.events import CATEGORIES

__all__ = ["categories_section"]

_COMPARED = (*CATEGORIES, "any_category", "no_category")


class _Rate(NamedTuple):
    """A rate with the counts that it is made of."""

    name: str
    counts: tuple[str, ...]


_ORIENTATION = _Rate("orientation_rate", ("became_students", "applicants"))
_GRADUATION = _Rate("graduation_rate", ("graduated_as_expected", "expected_to_graduate"))
_PLACEMENT = _Rate("placement_rate", ("placed", "respondents", "graduates"))


def categories_section(material: Material) -> Section:
    """The same figures for each category."""
    say = material.say
    blocks: list[Block] = [
        material.lead(
            "The same figures for five groups of people, and beside them for everybody who said"
            " that none of the five applies."
        ),
        material.prose(
            "People say themselves which categories apply to them, and may change it. Each fact is"
            " counted under what the person had last said on its date. Somebody may be in several"
            " categories, so the five do not add up. *Undeclared* are those who had said nothing."
        ),
        Heading(say("Career outcomes")),
        _outcomes(material),
        *_rate_blocks(material),
        material.note(DISCLAIMER),
    ]
    return Section("categories", say("Five categories"), tuple(blocks))


def _outcomes(material: Material) -> Chart:
    caption = material.say("Career outcomes by category, {year}")
    rows = tuple(material.figures.count_rows(("career_outcomes",), list(MEMBERSHIP_GROUPS)))
    table = Table(
        "categories-outcomes",
        caption,
        material.say("Group"),
        material.two_years(),
        rows,
        material.say("Outcomes by category"),
    )
    return Chart(bars_of(material, "career_outcomes", list(_COMPARED)), table)


def _rate_blocks(material: Material) -> list[Block]:
    say = material.say
    titled = (
        (_ORIENTATION, say("Orientation"), say("Orientation rate by category, {year}")),
        (_GRADUATION, say("Graduation"), say("Graduation rate by category, {year}")),
        (_PLACEMENT, say("Placement"), say("Placement rate by category, {year}")),
    )
    blocks: list[Block] = []
    for rate, title, caption in titled:
        name = say("{rate} by category", rate=title)
        blocks += [Heading(title), _rate_chart(material, rate, caption, name)]
    return blocks


def _rate_chart(material: Material, rate: _Rate, caption: str, name: str) -> Chart:
    figures = material.figures
    rows = []
    for group in MEMBERSHIP_GROUPS:
        counts = tuple(figures.count(measure, group) for measure in rate.counts)
        rows.append(
            Row(
                figures.group_name(group),
                (figures.rate(rate.name, group), *counts),
                role_of(group),
            )
        )
    columns = (
        Column(material.say("Rate"), "rate"),
        *(Column(figures.measure_name(measure), "count") for measure in rate.counts),
    )
    key = rate.name.replace("_", "-")
    corner = material.say("Group")
    table = Table(f"categories-{key}", caption, corner, columns, tuple(rows), name)
    drawn = Rates(tuple(_point(material, rate.name, group) for group in _COMPARED))
    return Chart(drawn, table)


def _point(material: Material, rate: str, group: str) -> Rate:
    cell = material.figures.rate(rate, group)
    bounds = bounds_of(material, group) if rate == _PLACEMENT.name else None
    name = material.figures.group_name(group)
    return Rate(name, cell.text, cell.value, bounds, is_base=group == "no_category")
