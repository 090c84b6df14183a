"""How the figures were made, what is not final yet, and what was left out."""

from __future__ import annotations

from datetime import date

from outcomes.publish.document import Block, Bullets, Cell, Column, Heading, Row, Section, Table
from outcomes.publish.material import Material
from outcomes.publish.sections.rules import RULES

__all__ = ["method_section"]


def method_section(material: Material) -> Section:
    """From events to figures."""
    say = material.say
    blocks: list[Block] = [
        material.lead(
            "Every figure is counted from a log of events: somebody applied, enrolled, graduated,"
            " found work. Nothing in the log is ever overwritten."
        ),
        Bullets(
            (
                material.item(
                    "A correction takes an earlier event back and states the fact again. Both stay"
                    " in the log, so what was known when can be reconstructed."
                ),
                material.item(
                    "The report reads the log from its beginning up to a fixed point, the *cut*,"
                    " and applies fixed rules: the *policy*, {policy}, version {version}.",
                    policy=material.policy.id,
                    version=material.policy.version,
                ),
                material.item(
                    "The same log, cut and policy give the same figures, whenever and by whomever"
                    " they are made again."
                ),
                material.item(
                    "Growth compares two years counted under the same policy from the same log, not"
                    " with what was printed a year ago."
                ),
            )
        ),
        Heading(say("What is final, and what is not")),
        *_maturity(material),
        Heading(say("What was left out, and why")),
        *_left_out(material),
    ]
    return Section("method", say("How these figures were made"), tuple(blocks))


def _maturity(material: Material) -> list[Block]:
    provisional = material.shown.provisional
    say = material.say
    if not provisional:
        return [
            material.prose(
                "The time of observation of every figure is over. A fact that arrives late can"
                " still change one; a new revision would then say so."
            )
        ]
    rows = tuple(
        Row(
            material.figures.measure_name(measure),
            (Cell(material.language.date(date.fromisoformat(until))),),
        )
        for measure, until in sorted(provisional.items())
    )
    caption = say("Provisional figures")
    return [
        material.prose(
            "These figures are *provisional*: some of the people behind them still have time. What"
            " was not observed yet counts as not having happened."
        ),
        Table("provisional", caption, say("Figure"), (Column(say("Provisional until")),), rows),
    ]


def _left_out(material: Material) -> list[Block]:
    records, cell_of, say = material.shown.records, material.figures.cell_of, material.say
    meanings = (
        (say("Events"), records.events, say("Admitted, and judged by the rules of each figure.")),
        (say("Duplicates"), records.duplicates,
         say("The same event once more, word for word. It counts once.")),
        (say("Conflicts"), records.conflicts,
         say("A second event under the name of another, with other content. The first counts.")),
        (say("Of the events: repeats"), records.repeats,
         say("An application or enrolment stated a second time. It counts once.")),
        (say("Of the events: retracted"), records.retracted,
         say("Taken back by a later event. They count nowhere.")),
        (say("Of the events: retractions without their event"), records.pending,
         say("They take back an event that has not arrived.")),
        (say("Of the events: void retractions"), records.void,
         say("They take back a retraction, which is not possible: the fact must be stated again.")),
        (say("Of the events: orphans"), records.orphans,
         say("They are about an enrolment that is not known. They count as soon as it is.")),
    )  # fmt: skip
    rows = tuple(Row(head, (cell_of(count), Cell(meaning))) for head, count, meaning in meanings)
    columns = (Column(say("Records"), "count"), Column(say("What became of them")))
    caption, name = say("Where every record of the log went"), say("Records of the log")
    return [
        material.prose(
            "The log up to the cut has this many records: {records}. Each of them is accounted"
            " for.",
            records=cell_of(material.shown.log.records).text,
        ),
        *_note_of_rounding(material),
        Table("records", caption, name, columns, rows, name),
        *_quarantined(material),
        material.prose(
            "People who had said nothing about the categories are counted with everybody, and"
            " apart as *undeclared*: career outcomes {outcomes}, applicants {applicants},"
            " graduates {graduates}.",
            **{
                name: material.figures.count(measure, "undeclared").text
                for name, measure in (
                    ("outcomes", "career_outcomes"),
                    ("applicants", "applicants"),
                    ("graduates", "graduates"),
                )
            },
        ),
    ]


def _note_of_rounding(material: Material) -> list[Block]:
    profile = material.source.profile
    if profile.rounding is None and profile.threshold is None:
        return []
    return [
        material.note(
            "Numbers of records are shown as counts of people are. The cut is a place in the log"
            " and is exact, so it may differ from them by a little."
        )
    ]


def _quarantined(material: Material) -> list[Block]:
    quarantined, say = material.shown.records.quarantined, material.say
    if not quarantined:
        return []
    rows = tuple(
        Row(say(RULES[rule]) if rule in RULES else rule, (material.figures.cell_of(count),))
        for rule, count in sorted(quarantined.items())
    )
    caption = say("Records in quarantine, by the rule that they break")
    columns = (Column(say("Records"), "count"),)
    return [
        Table("quarantined", caption, say("Rule"), columns, rows, say("Records in quarantine")),
        material.note(
            "A record in quarantine cannot be read as an event, so no figure counts it. It is"
            " kept, and counts once it is sent again without the fault."
        ),
    ]
