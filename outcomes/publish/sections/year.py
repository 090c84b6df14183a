"""The career outcomes of the year: how many, what they are, when, of which kind, of whom."""

from __future__ import annotations

from outcomes.presentation.charts import Bar, Bars, Month, Months
from outcomes.presentation.words import KINDS
from outcomes.publish.document import (
    Block,
    Bullets,
    Chart,
    Heading,
    KeyFigure,
    Paragraph,
    Run,
    Section,
    Table,
)
from outcomes.publish.material import Material

__all__ = ["bars_of", "growth_note", "main_figure", "year_section"]

_MEASURE = "career_outcomes"
_MONTHS = 12


def main_figure(material: Material) -> KeyFigure:
    """The figure that the publication is about."""
    value = material.figures.count(_MEASURE).text
    label = material.say("Career outcomes in {year}")
    return KeyFigure(label, value, growth_note(material, _MEASURE), is_main=True)


def growth_note(material: Material, measure: str) -> str:
    """How a count compares with the year before."""
    figures = material.figures
    growth, previous = figures.growth(measure), figures.previous(measure)
    if growth.status == "number":
        return material.say(
            "{growth} on {before} ({previous})", growth=growth.text, previous=previous.text
        )
    return material.say("{before}: {previous}", previous=previous.text)


def year_section(material: Material) -> Section:
    """All about the career outcomes."""
    blocks: list[Block] = [
        material.lead(
            "Career outcomes counted in {year}: **{count}**. {comparison}",
            count=material.figures.count(_MEASURE).text,
            comparison=_comparison(material),
        ),
        *_definition(material),
        Heading(material.say("Month by month")),
        _months(material),
        Heading(material.say("What kind of outcome")),
        _breakdown(material, "kind", material.say("Career outcomes by kind")),
        Heading(material.say("Students and learners")),
        material.prose(
            "A *student* has enrolled on or before the day of the outcome. A *learner* has not:"
            " somebody who learns with the school without being enrolled. Leaving or graduating"
            " ends neither."
        ),
        _breakdown(
            material, "population", material.say("Career outcomes of students and learners")
        ),
    ]
    return Section("outcomes", material.say("Career outcomes"), tuple(blocks))


def _comparison(material: Material) -> str:
    figures = material.figures
    growth, previous = figures.growth(_MEASURE), figures.previous(_MEASURE).text
    if growth.status == "number":
        return material.say(
            "In {before} it was {previous}, so growth is {growth}.",
            previous=previous,
            growth=growth.text,
        )
    return material.say("In {before} it was {previous}.", previous=previous)


def _definition(material: Material) -> list[Block]:
    policy, say = material.policy, material.say
    kinds = tuple((Run(say(KINDS[kind])),) for kind in policy.outcome_kinds)
    credited = (
        material.prose("It counts only if the person credits the school with having helped.")
        if policy.outcome_must_be_credited
        else material.prose("It counts whether or not the person credits the school with it.")
    )
    blocks: list[Block] = [
        Heading(say("What a career outcome is")),
        material.prose("A career outcome is one of these steps in somebody's working life:"),
        Bullets(kinds),
        credited,
        _window(material),
    ]
    if policy.outcome_window_scope == "student_and_kind":
        blocks.append(material.prose("Each kind of outcome is looked at apart."))
    if material.figures.has("outcomes_declared"):
        blocks.append(
            material.prose(
                "Outcomes declared in {year}: {declared}; repeats among them: {repeated}.",
                declared=material.figures.count("outcomes_declared").text,
                repeated=material.figures.count("outcomes_repeated").text,
            )
        )
    return blocks


def _window(material: Material) -> Paragraph:
    policy = material.policy
    if policy.outcome_window_anchor == "calendar_year":
        return material.prose(
            "Nobody is counted twice in a calendar year: the first outcome of the year counts,"
            " further ones are repeats."
        )
    months = material.months(policy.outcome_window_months)
    if policy.outcome_window_anchor == "last_declared":
        return material.prose(
            "Nobody is counted twice at short intervals: an outcome counts if the same person had"
            " none in the {months} before it, counted or not.",
            months=months,
        )
    return material.prose(
        "Nobody is counted twice within {months}: after an outcome that counts, those of the same"
        " person in the {months} that follow are repeats and do not count.",
        months=months,
    )


def _months(material: Material) -> Chart:
    figures, language = material.figures, material.language
    months = []
    for number in range(1, _MONTHS + 1):
        group = f"month:{number:02}"
        count, previous = figures.count(_MEASURE, group), figures.previous(_MEASURE, group)
        title = material.say(
            "{month}: {count}; a year before {previous}",
            month=language.month_in_full(number),
            count=count.text,
            previous=previous.text,
        )
        months.append(
            Month(
                language.month(number),
                title,
                count.value,
                0,
                previous.value,
                _SHORT[count.status] if count.value is None else language.short_number(count.value),
            )
        )
    caption = material.say("Career outcomes by month, {year} and {before}")
    groups = figures.groups(_MEASURE, "month")
    rows = tuple(figures.count_rows((_MEASURE,), groups))
    table = Table(
        "outcomes-month",
        caption,
        material.say("Month"),
        material.two_years(),
        rows,
        material.say("Outcomes by month"),
    )
    return Chart(Months(tuple(months)), table)


_SHORT = {"fewer_than": "<", "not_shown": "–"}


def _breakdown(material: Material, key: str, caption: str) -> Chart:
    groups = _largest_first(material, material.figures.groups(_MEASURE, key))
    rows = tuple(material.figures.count_rows((_MEASURE,), groups))
    say = material.say
    corner, name = (
        (say("Kind"), say("Outcomes by kind"))
        if key == "kind"
        else (say("Who"), say("Outcomes by population"))
    )
    table = Table(f"outcomes-{key}", caption, corner, material.two_years(), rows, name)
    return Chart(bars_of(material, _MEASURE, groups), table)


def _largest_first(material: Material, groups: list[str]) -> list[str]:
    """By what is shown, and nothing else: the order must not tell what is not shown."""
    return sorted(groups, key=lambda group: -(material.figures.count(_MEASURE, group).value or -1))


def bars_of(material: Material, measure: str, groups: list[str]) -> Bars:
    """A count by group as bars."""
    figures = material.figures
    rows = (
        Bar(
            figures.group_name(group),
            figures.count(measure, group).text,
            figures.count(measure, group).value,
            figures.previous(measure, group).value,
        )
        for group in groups
    )
    return Bars(tuple(rows))
