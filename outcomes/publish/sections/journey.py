"""From application to job: three rates of everybody, with the counts that they are made of."""

from __future__ import annotations

from typing import NamedTuple

from outcomes.presentation.charts import Bar, Bars, Rate, Rates
from outcomes.publish.document import (
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    KeyFigure,
    Paragraph,
    Row,
    Section,
    Table,
)
from outcomes.publish.material import Material

__all__ = ["BOUNDS", "RATES", "journey_section", "rate_figures"]

RATES = ("orientation_rate", "graduation_rate", "placement_rate")
BOUNDS = ("placement_rate_if_silent_not_placed", "placement_rate_if_silent_placed")


class _Step(NamedTuple):
    """A stage of the way, and the rate of those who went on; empty at the beginning."""

    measure: str
    rate: str = ""


def rate_figures(material: Material) -> tuple[KeyFigure, ...]:
    """The three rates for the title page."""
    say = material.say
    words = {
        "orientation_rate": (say("Orientation rate"), say("of applicants became students")),
        "graduation_rate": (say("Graduation rate"), say("graduated as expected")),
        "placement_rate": (say("Placement rate"), _placement_note(material)),
    }
    return tuple(KeyFigure(words[rate][0], _rate(material, rate), words[rate][1]) for rate in RATES)


def _placement_note(material: Material) -> str:
    months = material.months(material.policy.placement_months)
    if material.policy.placement_base == "respondents":
        return material.say("of graduates who answered found work within {months}", months=months)
    return material.say("of graduates found work within {months}", months=months)


def _rate(material: Material, rate: str) -> str:
    return material.figures.rate(rate).text


def journey_section(material: Material) -> Section:
    """Who applied, who studied, who graduated, who found work."""
    say = material.say
    blocks: list[Block] = [
        material.lead(
            "Three rates follow people from their application to a job. Each of them is about"
            " other people: those who applied, those who were due to graduate, those who did."
        ),
        Heading(say("From application to enrolment")),
        _orientation(material),
        _funnel(material, "application", say("Applications in {year}"),
                (_Step("applicants"), _Step("became_students", "orientation_rate"))),
        Heading(say("From enrolment to graduation")),
        *_graduation(material),
        _funnel(material, "graduation", say("Graduation in {year}"),
                (_Step("expected_to_graduate"), _Step("graduated_as_expected", "graduation_rate"))),
        Heading(say("From graduation to work")),
        *_placement(material),
        _funnel(material, "placement", say("Graduates of {year} and work"),
                (_Step("graduates"), _Step("respondents", "response_rate"),
                 _Step("placed", "placement_rate"),
                 _Step("placed_in_field", "placement_in_field_rate"))),
        Heading(say("Those who did not answer")),
        *_silent(material),
    ]  # fmt: skip
    return Section("journey", say("From application to job"), tuple(blocks))


def _orientation(material: Material) -> Paragraph:
    return material.prose(
        "Orientation rate: of the people who applied in {year}, the share who became students"
        " within {months} of their first application of the year.",
        months=material.months(material.policy.orientation_months),
    )


def _graduation(material: Material) -> list[Block]:
    policy = material.policy
    deadline = (
        material.prose(
            "Graduation rate: of the students expected to graduate in {year}, the share who did so"
            " by the end of the year."
        )
        if policy.graduation_deadline == "year_end"
        else material.prose(
            "Graduation rate: of the students expected to graduate in {year}, the share who did so"
            " by the date expected of them."
        )
    )
    expected = (
        material.prose("The date expected is the one first agreed, even if it was moved later.")
        if policy.expected_date == "first"
        else material.prose(
            "The date expected is the one agreed last: a postponement moves a student to another"
            " year."
        )
    )
    return [deadline, expected]


def _placement(material: Material) -> list[Block]:
    policy, language = material.policy, material.language
    first, last = (language.day_of_year(*day) for day in policy.placement_days)
    window = (
        material.prose("Graduates are those who graduated from {first} to {last} {year}.",
                       first=first, last=last)
        if policy.placement_days[0] <= policy.placement_days[1]
        else material.prose(
            "Graduates are those who graduated from {first} {before} to {last} {year}.",
            first=first, last=last)
    )  # fmt: skip
    months = material.months(policy.placement_months)
    rate = (
        material.prose(
            "Placement rate: of the graduates who answered the job survey, the share who had found"
            " work within {months} of graduating.",
            months=months,
        )
        if policy.placement_base == "respondents"
        else material.prose(
            "Placement rate: of all graduates, the share who answered the job survey and had found"
            " work within {months} of graduating.",
            months=months,
        )
    )
    return [window, rate]


def _funnel(material: Material, key: str, caption: str, steps: tuple[_Step, ...]) -> Chart:
    figures = material.figures
    rows, bars = [], []
    for step in steps:
        count, previous = figures.count(step.measure), figures.previous(step.measure)
        rate = figures.rate(step.rate) if step.rate else Cell("–")
        growth = figures.growth(step.measure)
        name = figures.measure_name(step.measure)
        rows.append(Row(name, (count, previous, growth, rate)))
        bars.append(Bar(name, count.text, count.value))
    columns = (*material.two_years(), Column(material.say("Rate, {year}"), "rate"))
    table = Table(f"journey-{key}", caption, material.say("Stage"), columns, tuple(rows))
    return Chart(Bars(tuple(bars)), table)


def _silent(material: Material) -> list[Block]:
    figures, say = material.figures, material.say
    names = {
        "placement_rate_if_silent_not_placed": say("None of them found work"),
        "placement_rate": say("Placement rate"),
        "placement_rate_if_silent_placed": say("All of them found work"),
    }
    order = (BOUNDS[0], "placement_rate", BOUNDS[1])
    caption = say("Placement rate and its bounds, {year}")
    cells = {measure: figures.rate(measure) for measure in order}
    rows = tuple(Row(names[measure], (cells[measure],)) for measure in order)
    table = Table("journey-silent", caption, say("If of those who did not answer …"),
                  (Column(say("Rate, {year}"), "rate"),), rows,
                  say("Placement rate, bounds"))  # fmt: skip
    bounds = bounds_of(material, "all")
    drawn = (Rate(names["placement_rate"], cells["placement_rate"].text,
                  cells["placement_rate"].value, bounds),)  # fmt: skip
    return [
        material.prose(
            "Response rate: {response} of the graduates answered the job survey. What became of the"
            " others is not known. If none of them had found work, the placement rate of all"
            " graduates would be {low}; if all of them had, {high}. The truth lies between the"
            " two.",
            response=figures.rate("response_rate").text,
            low=cells[BOUNDS[0]].text,
            high=cells[BOUNDS[1]].text,
        ),
        Chart(Rates(drawn), table),
    ]


def bounds_of(material: Material, group: str) -> tuple[int, int] | None:
    """The bounds of a placement rate for those who did not answer; None if one is not shown."""
    low, high = (material.figures.rate(measure, group).value for measure in BOUNDS)
    return None if low is None or high is None else (low, high)
