"""Who enrolled, and how the studies were paid for."""

from __future__ import annotations

from outcomes.publish.document import Chart, Section, Table
from outcomes.publish.material import Material
from outcomes.publish.sections.year import bars_of, growth_note

__all__ = ["funding_section"]

_MEASURE = "students_enrolled"


def funding_section(material: Material) -> Section:
    """The students enrolled in the year by funding."""
    figures, say = material.figures, material.say
    groups = figures.groups(_MEASURE, "funding")
    caption = say("Students enrolled by funding, {year}")
    rows = tuple(figures.count_rows((_MEASURE,), ["all", *groups]))
    name = say("Enrolled by funding")
    table = Table("funding-enrolled", caption, say("Funding"), material.two_years(), rows, name)
    return Section(
        "funding",
        say("Who paid for the studies"),
        (
            material.lead(
                "Students enrolled in {year}: **{count}**, {comparison}.",
                count=figures.count(_MEASURE).text,
                comparison=growth_note(material, _MEASURE),
            ),
            material.prose(
                "Each student is counted once, under the funding of the first enrolment of the"
                " year."
            ),
            Chart(bars_of(material, _MEASURE, groups), table),
        ),
    )
