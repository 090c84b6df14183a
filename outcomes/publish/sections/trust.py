"""What the figures do not say, how people are protected, and how to check all of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeVar

from ledger.disclosure.shown import encode_shown
from outcomes.presentation.words import DISCLAIMER
from outcomes.publish.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Inline,
    Row,
    Section,
    Table,
)
from outcomes.publish.evidence import checkpoint_of
from outcomes.publish.material import Material
from schemas.canonical import sha256_hex

__all__ = ["checking_section", "disclosure_section", "limits_section"]

T = TypeVar("T")


def limits_section(material: Material) -> Section:
    """What nobody should read into the figures."""
    items = (
        material.item(DISCLAIMER),
        material.item(
            "The groups differ in age, place, means and much else, and one person may be in"
            " several. A rate that is higher in one of them shows that there is a difference, not"
            " where it comes from."
        ),
        material.item(
            "There is no comparison with people who never came to the school. The figures do not"
            " say what would have happened without it."
        ),
        material.item(
            "Figures count what was stated. A statement that is wrong counts until it is taken"
            " back."
        ),
        material.item(
            "Those who did not answer the job survey may have fared better or worse than those who"
            " did; the bounds say how much that could change."
        ),
        material.item("In a small group a few people move a rate by many points."),
        material.item("Years are comparable only as far as they were counted under one policy."),
    )
    return Section("limits", material.say("What these figures do not say"), (Bullets(items),))


def disclosure_section(material: Material) -> Section:
    """What is hidden, what that promises, and what it does not."""
    say = material.say
    profile = material.source.profile
    protects = profile.threshold is not None or profile.rounding is not None
    how: list[Block] = [
        material.lead(
            "Behind small figures there are persons. This publication is made so that nobody can be"
            " recognised in it by calculation."
        ),
        Bullets(tuple(_measures(material))),
        material.prose(
            "Then a program takes the part of a curious reader: it knows everything that is shown"
            " here and how it was rounded, and works out for each protected count the least and the"
            " greatest number that it could be. As long as fewer than {values} numbers are"
            " possible for one of them, further figures are hidden: they are *not shown*.",
            values=material.language.number(profile.ambiguity),
        ),
    ]
    exact: list[Block] = [
        material.lead(
            "**This edition shows exact figures and protects nobody.** It is meant for the school"
            " and its auditors. Do not pass it on."
        )
    ]
    promised = [
        material.item(
            "What two publications tell together, such as this one and that of another year."
        ),
        material.item(
            "Differences of counts: a difference may be closer to the truth than the counts."
        ),
        material.item(
            "{none} and {all}: they say something about everybody in a group.",
            none=material.language.tenths(0, 0),
            all=material.language.tenths(1_000, 0),
        ),
        material.item("Readers who know persons: they may recognise somebody in a figure."),
    ]
    blocks = [
        *(how if protects else exact),
        Heading(say("What this does not promise")),
        material.prose("The protection does not reach to:"),
        Bullets(tuple(promised)),
    ]
    return Section("disclosure", say("How people are protected"), tuple(blocks))


def _measures(material: Material) -> list[Inline]:
    profile, number = material.source.profile, material.language.number
    items = []
    if profile.threshold is not None:
        items.append(
            material.item(
                "A count from 1 to {last} is shown as *fewer than {threshold}*.",
                last=number(profile.threshold - 1),
                threshold=number(profile.threshold),
            )
        )
    if profile.rounding is not None:
        items.append(
            material.item(
                "Counts are rounded to the nearest multiple of {rounding}, so they may not add up.",
                rounding=number(profile.rounding),
            )
        )
    items += [
        material.item(
            "The rates of groups of {least} people or more are rounded to multiples of {step}.",
            least=number(least),
            step=material.language.tenths(step, 1 if step % 10 else 0),
        )
        for least, step in profile.rate_steps
        if step > 1
    ]
    if profile.rate_steps and profile.rate_steps[0][0] > 1:
        items.append(
            material.item(
                "The rate of a group of fewer than {least} people is *not shown*.",
                least=number(profile.rate_steps[0][0]),
            )
        )
    items.append(
        material.item(
            "Growth is computed from the counts as they are shown, so it tells nothing new."
        )
    )
    if profile.left_out:
        names = [
            material.say("“{name}”", name=material.figures.measure_name(measure))
            for measure in profile.left_out
        ]
        items.append(
            material.item("Not published: {measures}.", measures=material.language.listing(names))
        )
    return items


def checking_section(material: Material) -> Section:
    """What whoever doubts can do."""
    say = material.say
    steps = (
        material.item(
            "Compare the SHA-256 of the file `shown.json` with the one below, and with the one that"
            " the school has published elsewhere."
        ),
        material.item(
            "`outcomes verify FOLDER` makes every file of this publication again from `shown.json`"
            " and the school's words, and compares them byte for byte. It needs no access to the"
            " log."
        ),
        *_signed_step(material),
        material.item(
            "`outcomes verify FOLDER --log LOG` makes it again from the log itself. Auditors"
            " follow a figure down to its events as `docs/audit.md` of the program describes."
        ),
    )
    return Section(
        "checking",
        say("How to check this report"),
        (
            material.lead("Nobody has to believe this report: it can be made again."),
            Bullets(steps),
            _identity(material),
        ),
    )


def _signed_step(material: Material) -> list[Inline]:
    if material.source.checkpoint is None:
        return []
    return [
        material.item(
            "`outcomes verify FOLDER --key KEY` checks, with the public key of the log, that what"
            " the report has read was signed: the file `checkpoint.txt` is a signed note of"
            " [C2SP](https://c2sp.org/tlog-checkpoint). Whoever has another checkpoint of that"
            " number holds the proof of a second history."
        )
    ]


def _signed(material: Material) -> list[tuple[str, str]]:
    if material.source.checkpoint is None:
        return []
    checkpoint = checkpoint_of(material.source.checkpoint).checkpoint
    name = material.say(
        "number {number} of {origin}",
        number=material.language.number(checkpoint.size),
        origin=checkpoint.origin,
    )
    root = base64.b64encode(checkpoint.root).decode()
    return [
        (material.say("Signed checkpoint"), name),
        (material.say("Root of the checkpoint"), root),
    ]


def _identity(material: Material) -> Table:
    shown, say = material.shown, material.say
    facts = [
        (say("Reference year"), str(shown.reference_year)),
        (say("Log"), shown.log.name),
        (say("Cut"), ",".join(f"{part}:{end}" for part, end in _in_order(shown.log.cut))),
        *(
            (f"{head} {partition}", root)
            for head in (say("Root of partition"),)
            for partition, root in _in_order(shown.log.roots or {})
        ),
        *_signed(material),
        (say("Policy"), _versioned(material, shown.policy.id, shown.policy.version)),
        (say("SHA-256 of the policy"), shown.policy.sha256),
        (
            say("Disclosure profile"),
            _versioned(material, shown.disclosure.id, shown.disclosure.version),
        ),
        (say("SHA-256 of the profile"), shown.disclosure.sha256),
        (say("Version of the specification"), str(shown.rules)),
        (say("Zone data"), shown.zone_data),
        (say("SHA-256 of shown.json"), sha256_hex(encode_shown(shown))),
    ]
    rows = tuple(Row(head, (Cell(text),)) for head, text in facts)
    caption = say("What this report was made from")
    columns = (Column(say("Which")),)
    return Table("identity", caption, say("What"), columns, rows, say("Origin of this report"))


def _versioned(material: Material, name: str, version: int) -> str:
    return material.say("{name}, version {version}", name=name, version=version)


def _in_order(partitions: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(partitions.items(), key=lambda item: int(item[0]))
