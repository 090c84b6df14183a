"""`outcomes.ingest.personal_data`: what looks like a person is seen, a random id is not."""

from __future__ import annotations

import base64
import copy
import json
import random
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.ingest import personal_data
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from outcomes.ingest.personal_data import is_like_a_name, personal_data_findings
from tests.support.applications import APPLIED
from tests.support.histories import story

IDS = 10_000
FALSE_ALARMS_MAX = 0
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE62 = string.digits + string.ascii_letters
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE64URL = BASE62 + "-_"
KINDS = {
    "uuid4": lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "urn:uuid": lambda draw: uuid.UUID(int=draw.getrandbits(128), version=4).urn,
    "hex 8": lambda draw: draw.randbytes(4).hex(),
    "hex 32": lambda draw: draw.randbytes(16).hex(),
    "base32": lambda draw: base64.b32encode(draw.randbytes(10)).decode(),
    "base32 lower": lambda draw: base64.b32encode(draw.randbytes(5)).decode().lower(),
    "base58": lambda draw: "".join(draw.choices(BASE58, k=22)),
    "base62": lambda draw: "".join(draw.choices(BASE62, k=8)),
    "ULID": lambda draw: "01" + "".join(draw.choices(CROCKFORD, k=24)),
    "KSUID": lambda draw: "".join(draw.choices(BASE62, k=27)),
    "nanoid": lambda draw: "".join(draw.choices(BASE64URL, k=21)),
    "base64": lambda draw: base64.b64encode(draw.randbytes(15)).decode(),
    "numeric 6": lambda draw: f"{draw.randrange(10**6):06}",
    "numeric 10": lambda draw: f"{draw.randrange(10**10):010}",
    "numeric 18": lambda draw: f"{draw.randrange(10**18):018}",
    "prefixed": lambda draw: "user-" + "".join(draw.choices(string.ascii_lowercase, k=8)),
}


def findings(**members):
    return [(each.rule, each.pointer) for each in personal_data_findings(APPLIED | members)]


def rules(**members):
    return {rule.removeprefix("string_must_not_be_") for rule, _ in findings(**members)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_id_raises_no_alarm(kind):
    draw = random.Random(f"2022 {kind}")
    ids = [KINDS[kind](draw) for _ in range(IDS)]
    alarms = [each for each in ids if is_like_a_name(each)] + findings(ids=ids)
    assert len(alarms) <= FALSE_ALARMS_MAX, alarms


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.org",
        "mail to Anna.Schmidt+x@mail.example.co.uk, please",
        "mailto:anna%40example.org",
        "zoë@exämple.org",
    ],
)
def test_an_email_address_is_seen(text):
    assert {"an_email_address"} == rules(note=text)


@pytest.mark.parametrize(
    "text",
    [
        "+33612345678",
        "+33 6 12 34 56 78",
        "+49 (0)171/1234567",
        "+1-555-123-4567",
        "0033 6 12 34 56 78",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "01-23-45-67-89",
        "0171/1234567",
        "020 7946 0958",
        "(555) 123-4567",
        "call 555-123-4567 today",
        "tel:0612345678",
    ],
)
def test_a_telephone_number_is_seen(text):
    assert {"a_telephone_number"} == rules(note=text)


@pytest.mark.parametrize(
    "text",
    [
        "2022-01-31",
        "01/02/2022 10:30",
        "2022-01-02T03:04:05.123456789+02:00",
        "10.0.0.1",
        "192.168.100.200",
        "0612345678",
        "1.2.3-4",
        "web developer 2022 2023",
        "https://crm.example.org/events?page=2",
        "@example",
        "a @ b.c",
    ],
)
def test_dates_addresses_of_machines_and_bare_digits_are_none(text):
    assert set() == rules(note=text)


@pytest.mark.parametrize(
    "subject", ["anna.schmidt", "Jean-Dupont", "ANNA_SCHMIDT", "li:wu", "Mary.jones"]
)
def test_a_subject_of_two_words_is_seen(subject):
    assert [("subject_must_not_be_a_name", "/subject")] == findings(subject=subject)


@pytest.mark.parametrize("subject", ["s-1", "anna", "student-seven", "a.b", "x7-anna", "pqr-stv"])
def test_other_subjects_are_none(subject):
    assert [] == findings(subject=subject)


@pytest.mark.parametrize(
    ("members", "pointers"),
    [
        ({"source": "anna@example.org"}, ["/source"]),
        ({"contact": {"mails": ["x", "anna@example.org"]}}, ["/contact/mails/1"]),
        ({"data": APPLIED["data"] | {"programme": "+33612345678"}}, ["/data/programme"]),
        ({"anna@example.org": 1}, [""]),
        ({"notes": {"anna@example.org": "+33612345678"}}, ["/notes", "/notes"]),
        ({"phone": "0612345678"}, ["/phone"]),
        ({"telephone_number": 33612345678}, ["/telephone_number"]),
        ({"phone": "yes", "mobile": True}, []),
    ],
)
def test_the_pointer_leads_to_the_member_and_never_shows_the_value(members, pointers):
    seen = personal_data_findings(APPLIED | members)

    assert pointers == [each.pointer for each in seen]
    assert "anna" not in str(seen)
    assert "612" not in str(seen)


LIFE = """
    applied a1 2022-01-10
    enrolled e1 2022-02-10 2022-12-01 application_id=a1
    answered 2022-06-01 employed enrollment_id=e1
    outcome 2022-06-01 internship
    withdrew e1 2022-05-01 left
    graduated e1 2022-05-01 credential=c1
"""
TELLING = ("ada@school.example", "+33 6 12 34 56 78", "tel:+33612345678", "(555) 123-4567")


def places_of_texts(value, path=()):
    """Where an event has a text, its member names aside."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from places_of_texts(child, (*path, name))
    elif isinstance(value, str):
        yield path


def put(event, path, text):
    *way, last = path
    for name in way:
        event = event[name]
    event[last] = text


@pytest.mark.parametrize("text", TELLING)
def test_no_member_that_takes_any_text_is_passed_over(text):
    """Most events are let through at a glance; what admission lets in anywhere is seen there."""
    extension = {"x": {"status": "s", "deep": ["s"]}, "phone": "s", "uri": "s"}
    seen = 0
    for event in [*story(LIFE), APPLIED | extension]:
        for path in places_of_texts(event):
            changed_event = copy.deepcopy(event)
            put(changed_event, path, text)
            record, _, members = EVENTS.judge(Line(1, json.dumps(changed_event).encode()))
            if record is not None:
                seen += 1
                assert personal_data_findings(members), path
    assert seen > 20


EVERY_TYPE = story(LIFE + "retracted 3\nrescheduled e1 2022-12-01 2022-03-01")
EVERY_TYPE[2]["data"]["evidence"] = {"sha256": "0" * 64, "uri": "s"}
ALIKE = st.text("ab1234567890 .-/()+@%:", min_size=1, max_size=30)
TEXTS = st.one_of(ALIKE, st.sampled_from([*TELLING, "s-1", "/crm", "06 12 34 56 78", "a%40b.de"]))
SUBJECTS = st.one_of(
    st.from_regex("[a-z]{1,5}[._:-][a-z]{1,5}", fullmatch=True),
    st.text("ab01:.-", min_size=1, max_size=20),
)
EXTENSIONS = st.dictionaries(
    st.one_of(TEXTS, st.sampled_from(["phone", "programme", "uri", "evidence", "mobile"])),
    st.one_of(TEXTS, st.integers(), st.lists(TEXTS), st.dictionaries(TEXTS, TEXTS)),
    max_size=2,
)


@given(st.data())
def test_a_glance_finds_what_a_look_at_everything_finds(data):
    event = copy.deepcopy(data.draw(st.sampled_from(EVERY_TYPE)))
    event["subject"] = data.draw(SUBJECTS)
    for path in list(places_of_texts(event)):
        if path[-1] not in ("type", "subject") and data.draw(st.booleans()):
            put(event, path, data.draw(TEXTS))
    line = Line(1, json.dumps(event | data.draw(EXTENSIONS)).encode())
    record, _, members = EVENTS.judge(line)
    if record is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(personal_data, "_is_suspect", lambda event: True)
            whole = personal_data_findings(members)
        assert whole == personal_data_findings(members)
