"""A published schema accepts an event exactly where admission does, as far as it can say it.

Two validators that share no code judge thousands of mutated events, each with formats and without.
"""

from __future__ import annotations

import copy
import json
import random

import jsonschema
import jsonschema_rs
import pytest

from schemas.admission import Event, admit
from schemas.catalogue import event_schemas
from schemas.events import CATEGORIES, CHOICES, FACTS
from schemas.partition import partition_of
from schemas.record import Record

MUTANTS_PER_TYPE = 600
PARTITIONS = 5
SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
DATA = {
    "ledger.student.applied.v1": {
        "application_id": "ap-1",
        "programme": "data-analyst",
        "applied_on": "2022-01-10",
        "categories": ["job_seeker", "refugee"],
    },
    "ledger.student.enrolled.v1": {
        "enrollment_id": "en-1",
        "application_id": "ap-1",
        "programme": "data-analyst",
        "enrolled_on": "2022-03-01",
        "expected_graduation_on": "2022-12-01",
        "funding": "cpf",
        "categories": [],
    },
    "ledger.enrollment.rescheduled.v1": {
        "enrollment_id": "en-1",
        "expected_graduation_on": "2023-02-01",
        "decided_on": "2022-10-03",
        "reason": "student",
    },
    "ledger.student.withdrew.v1": {
        "enrollment_id": "en-1",
        "withdrew_on": "2022-11-18",
        "reason": "transferred",
    },
    "ledger.student.graduated.v1": {
        "enrollment_id": "en-1",
        "graduated_on": "2023-01-30",
        "credential": "certificate",
    },
    "ledger.survey.answered.v1": {
        "survey": "job",
        "enrollment_id": "en-1",
        "answered_on": "2023-06-12",
        "status": "employed",
        "job_found_on": "2023-04-03",
        "in_field": True,
        "employment": "full_time",
        "by_school": False,
        "stated_by": "registry",
        "evidence": {"sha256": SHA256, "uri": "urn:example:contract-17"},
    },
    "ledger.outcome.declared.v1": {
        "outcome_on": "2023-04-03",
        "kind": "new_job",
        "credited": True,
        "stated_by": "student",
        "evidence": {"sha256": SHA256},
    },
    "ledger.categories.declared.v1": {"declared_on": "2022-09-01", "categories": ["disability"]},
    "ledger.event.retracted.v1": {
        "retracts": {"source": "/lms", "id": "lms-2003"},
        "reason": "entered_wrongly",
    },
}
VALUES = [
    *(None, True, False, 0, 1, 1.5, "", " ", "x", "\n", "é", "𝛑" * 200, "𝛑" * 201, "e\u0301" * 100),
    *([], {}, [None], ["refugee"], ["refugee", "refugee"], list(CATEGORIES), [["refugee"]]),
    *("1.0", "1.00", "ledger.student.applied.v1", "ledger.student.applied.v2", SHA256.upper()),
    *({"sha256": SHA256}, {"sha256": SHA256, "uri": None}, {"source": "/lms", "id": "1"}),
]
NAMES = ["x", "data", "Id", "data_base64", "datacontenttype", "dataschema", "categories", "uri"]
CHARACTERS = (
    "\n\r\t ;/+.:-_$^&'\"\\~`|!#%*@(),<=>?[]{}09aAzZtT\0\x7fé\u2028\u0660\ufeff𝛑\u017f\u212a"
)


def original(event_type):
    return {
        "specversion": "1.0",
        "id": "lms-2001",
        "source": "/lms",
        "type": event_type,
        "subject": "s-7c1f02a9d4",
        "time": "2022-03-01T08:00:00+01:00",
        "data": copy.deepcopy(DATA[event_type]),
        "datacontenttype": "application/json",
    }


class Mutator:
    """Changes a member or a text of an event, always alike for one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def mutant(self, event_type):
        event = original(event_type)
        for _ in range(self.random.choice((1, 1, 1, 2))):
            self.change(event)
        return event

    def change(self, event):
        pick = self.random
        target = pick.choice((event, event, *self.objects(event.get("data"))))
        name = pick.choice(list(target) or ["x"])
        action = pick.choice((self.date, self.edited, self.edited, self.other))
        if pick.random() < 0.1:
            target.pop(name, None)
        elif pick.random() < 0.1:
            target[pick.choice(NAMES)] = pick.choice(VALUES)
        elif name == "datacontenttype":
            target[name] = self.media_type()
        elif name == "time" and pick.random() < 0.7:
            target[name] = self.time()
        elif name.endswith("_on") or action is not self.date:
            target[name] = action(target.get(name))

    def objects(self, value):
        if not isinstance(value, dict):
            return
        yield value
        yield value
        for child in value.values():
            yield from self.objects(child)

    def other(self, _):
        return copy.deepcopy(self.random.choice([*VALUES, *sum(CHOICES.values(), ())]))

    def edited(self, value):
        """A text with a character more, less or repeated; a list with a member more."""
        pick = self.random
        if isinstance(value, list):
            return [*value, pick.choice([*CATEGORIES, "", None])]
        if not isinstance(value, str):
            return pick.choice(VALUES)
        place = pick.choice((0, len(value), pick.randint(0, len(value))))
        inserted = pick.choice(("", *CHARACTERS, value[place : place + 1] * 2, value * 20))
        return value[:place] + inserted + value[place + pick.randint(0, 1) :]

    def date(self, _=None):
        """A text of the form of a date, often of one that does not exist or does not count."""
        pick = self.random
        year = pick.choice((0, 1899, 1900, 1904, 2000, 2023, 2024, 2100, 2199, 2200, 9999))
        month, day = (
            pick.choice((0, 1, 2, 2, 4, 9, 11, 12, 13)),
            pick.choice((0, 1, 28, 29, 30, 31)),
        )
        text = f"{pick.choice((year, pick.randint(1890, 2210))):04}-{month:02}-{day:02}"
        return pick.choice(
            (text, text, text, text + pick.choice("\nZ0 "), text.replace("0", "\u0660", 1))
        )

    def time(self):
        pick = self.random
        date = pick.choice((self.date(), "2022-03-01", "1899-12-31", "2200-01-01", "2024-02-29"))
        clock = f"{pick.choice((0, 9, 23, 24)):02}:{pick.choice((0, 59, 60)):02}"
        second = f"{pick.choice((0, 59, 60)):02}" + pick.choice(
            ("", ".", ".5", ".123456789", ".1234567890")
        )
        offset = pick.choice(
            ("Z", "z", "", "+01:00", "-00:00", "-23:59", "+24:00", "+0100", "+01", "Z\n")
        )
        return f"{date}{pick.choice('TTTTt ')}{clock}:{second}{offset}"

    def media_type(self):
        pick = self.random
        parts = ("application", "x", "*", "", "a b", "é", "a/b")
        end = ("", "", ";", "; charset=utf-8", " \t;a\nb", " ", "\n", ";\n", "\u00a0;", ",")
        suffix = (
            "json",
            "JSON",
            "ld+json",
            "+json",
            "a+b+Json",
            "j\u017fon",
            "xml",
            "jsonx",
            "a\n+json",
        )
        return f"{pick.choice(parts)}/{pick.choice(suffix)}{pick.choice(end)}"


def rule_of(event, event_type):
    """None for an event of the type; else the first rule that fails, or "another type"."""
    value = json.dumps(event, ensure_ascii=False).encode()
    subject = event.get("subject")
    key = subject.encode() if isinstance(subject, str) else b""
    judged = admit(Record(partition_of(key, PARTITIONS), 0, 0, key, value), PARTITIONS)
    if not isinstance(judged, Event):
        return judged.rule
    return None if isinstance(judged.fact, FACTS[event_type]) else "another type"


def is_beyond_a_schema(event, rule):
    """A time that only in UTC is outside of the years that count; docs/events.md says so."""
    return rule == "date_must_be_plausible" and f"{event['time'][:10]} {event['time'][-6]}" in (
        "1899-12-31 -",
        "1900-01-01 +",
        "2199-12-31 -",
        "2200-01-01 +",
    )


def validators(schema):
    """Each says whether an event is valid."""
    python = jsonschema.Draft202012Validator
    return {
        "jsonschema": python(schema).is_valid,
        "jsonschema, formats": python(schema, format_checker=python.FORMAT_CHECKER).is_valid,
        "jsonschema-rs": jsonschema_rs.Draft202012Validator(schema).is_valid,
        "jsonschema-rs, formats": jsonschema_rs.Draft202012Validator(
            schema, validate_formats=True
        ).is_valid,
    }


@pytest.mark.parametrize("event_type", FACTS)
def test_validators_accept_the_events_that_admission_admits(event_type):
    judges = validators(event_schemas()[event_type])
    mutator, admitted, beyond = Mutator(event_type), 0, 0
    for _ in range(MUTANTS_PER_TYPE):
        event = mutator.mutant(event_type)
        rule = rule_of(event, event_type)
        verdicts = {name: is_valid(event) for name, is_valid in judges.items()}
        admitted += rule is None
        if is_beyond_a_schema(event, rule):
            beyond += 1
        else:
            assert verdicts == dict.fromkeys(judges, rule is None), (rule, json.dumps(event))

    assert MUTANTS_PER_TYPE / 10 < admitted < MUTANTS_PER_TYPE * 9 / 10
    assert beyond < MUTANTS_PER_TYPE / 20
