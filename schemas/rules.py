"""The rules that make a record an event: fourteen in order; the first that fails names the record.

Each is a function of a `Reading` alone: it keeps nothing, and answers for any bytes. The fifteenth
rule, that a subject has at most 1,000 events, needs the subject's history: `projections.history`.

Source: SPEC section 1, Rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.envelope import SUBJECT, TYPE_FORM, Envelope
from schemas.events import FACTS, Fact
from schemas.json_text import Shape, inspect_json
from schemas.moments import FIRST_DAY, LAST_DAY, instant, midnight
from schemas.partition import partition_of
from schemas.record import Record

__all__ = [
    "PLAIN",
    "RULES",
    "VALUE_BYTES_MAX",
    "Reading",
    "Rule",
    "broken_rule",
    "decode",
    "implausible_dates",
    "is_shallow",
    "read",
    "read_decoded",
]

VALUE_BYTES_MAX = 65_536
DEPTH_MAX = 16
_OBJECTS_OF_A_FLAT_EVENT = 2  # itself and its data

PLAIN = Shape(unique=True, finite=True, depth=1)
"""Of a text without double members; `read_decoded` sees to its depth."""

_FIRST_SECOND = midnight(FIRST_DAY)
_LAST_SECOND = midnight(LAST_DAY) + 86_399
_KNOWN_FACTS = {match[1] for match in map(TYPE_FORM.fullmatch, FACTS) if match}
_DATES = {
    fact: tuple(name for name in fact.model_fields if name.endswith("_on"))
    for fact in FACTS.values()
}


class Reading(NamedTuple):
    """A record, read as far as it can be; what cannot be read is None.

    Attributes:
        record: As the log holds it.
        partitions: The log's partition count.
        decoded: The JSON value.
        shape: What the JSON text is made of.
        envelope: What surrounds the fact.
        fact: What happened; None also where its type is not known.
    """

    record: Record
    partitions: int
    decoded: Any
    shape: Shape | None
    envelope: Envelope | None
    fact: Fact | None


def read(record: Record, partitions: int) -> Reading:
    """Read a record for the rules."""
    return read_decoded(record, partitions, *decode(record.value))


def read_decoded(record: Record, partitions: int, decoded: object, shape: Shape | None) -> Reading:
    """Read a record of which `decode` has read the value."""
    if shape is PLAIN and not is_shallow(record.value or b""):
        shape = inspect_json(record.value or b"")
    envelope, fact = None, None
    try:
        envelope = Envelope.model_validate(decoded)
        if envelope.type in FACTS:
            fact = FACTS[envelope.type].model_validate(envelope.data)
    except ValidationError:
        pass  # What is missing is what the rules ask about.
    return Reading(record, partitions, decoded, shape, envelope, fact)


def decode(value: bytes | None) -> tuple[Any, Shape | None]:
    """The JSON value and the shape of a text; None for both where it is too large to be read."""
    if value is None or len(value) > VALUE_BYTES_MAX:
        return None, None
    try:
        decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None, inspect_json(value)
    if type(decoded) is dict and _are_members_unique(value, decoded):
        return decoded, PLAIN
    return decoded, inspect_json(value)


def is_shallow(value: bytes) -> bool:
    """Whether a text surely is nested no deeper than a record may be."""
    return value.count(b"{") + value.count(b"[") <= DEPTH_MAX


def tombstone_is_not_an_event(reading: Reading) -> bool:
    """The value is not null."""
    return reading.record.value is not None


def value_must_not_exceed_64_kib(reading: Reading) -> bool:
    """At most 65,536 bytes."""
    return len(reading.record.value or b"") <= VALUE_BYTES_MAX


def value_must_be_json(reading: Reading) -> bool:
    """RFC 8259 in UTF-8, without a byte order mark and without lone surrogates."""
    return reading.shape is not None


def members_must_be_unique(reading: Reading) -> bool:
    """No object has two members of one name, after unescaping."""
    return reading.shape is not None and reading.shape.unique


def numbers_must_be_finite(reading: Reading) -> bool:
    """No number rounds to an infinity of binary64."""
    return reading.shape is not None and reading.shape.finite


def nesting_must_not_exceed_16(reading: Reading) -> bool:
    """At most 16 levels, of which the object itself is the first."""
    return reading.shape is not None and reading.shape.depth <= DEPTH_MAX


def envelope_must_be_a_cloud_event(reading: Reading) -> bool:
    """The attributes of `schemas.envelope.Envelope`."""
    return reading.envelope is not None


def subject_must_be_a_pseudonym(reading: Reading) -> bool:
    """1 to 64 characters of A-Z a-z 0-9 . _ : -."""
    envelope = reading.envelope
    return envelope is not None and SUBJECT.fullmatch(envelope.subject) is not None


def key_must_equal_subject(reading: Reading) -> bool:
    """The record key is the subject's bytes."""
    envelope = reading.envelope
    return envelope is not None and reading.record.key == envelope.subject.encode("utf-8")


def partition_must_follow_key(reading: Reading) -> bool:
    """The record is in the partition that Kafka's own partitioner chooses for its key."""
    key = reading.record.key
    return key is not None and reading.record.partition == partition_of(key, reading.partitions)


def type_must_be_known(reading: Reading) -> bool:
    """The form `ledger.<entity>.<fact>.v<N>`, and a pair entity.fact of the table."""
    match = TYPE_FORM.fullmatch(reading.envelope.type) if reading.envelope else None
    return match is not None and match[1] in _KNOWN_FACTS


def schema_version_must_be_known(reading: Reading) -> bool:
    """The version of a known fact is one of those that are understood."""
    return reading.envelope is not None and reading.envelope.type in FACTS


def data_must_match_its_type(reading: Reading) -> bool:
    """The members of the fact's class in `schemas.events`, and no others."""
    return reading.fact is not None


def date_must_be_plausible(reading: Reading) -> bool:
    """Every date, and `time`'s UTC date, from 1900-01-01 to 2199-12-31."""
    fact, envelope = reading.fact, reading.envelope
    if fact is None or envelope is None:
        return False
    return not implausible_dates(fact, envelope.time)


Rule = Callable[[Reading], bool]

RULES: tuple[Rule, ...] = (
    tombstone_is_not_an_event,
    value_must_not_exceed_64_kib,
    value_must_be_json,
    members_must_be_unique,
    numbers_must_be_finite,
    nesting_must_not_exceed_16,
    envelope_must_be_a_cloud_event,
    subject_must_be_a_pseudonym,
    key_must_equal_subject,
    partition_must_follow_key,
    type_must_be_known,
    schema_version_must_be_known,
    data_must_match_its_type,
    date_must_be_plausible,
)


def broken_rule(reading: Reading) -> Rule | None:
    """The first rule that a record fails; None for an event."""
    for rule in RULES:
        if not rule(reading):
            return rule
    return None


def _are_members_unique(value: bytes, decoded: dict[str, Any]) -> bool:
    """Whether double members are excluded without a closer look.

    A text that equals the encoding of its decoded members has each of them once. In any other, they
    are counted: every member name ends in a quote and a colon, without a blank between the two. If
    there are as many of those pairs as decoded members, no member has overwritten another. A pair
    inside a string makes the count too large, and the text is read token by token.
    """
    try:
        if orjson.dumps(decoded) == value:
            return True
    except orjson.JSONEncodeError:  # It is nested deeper than can be written.
        return False
    if b" :" in value or b"\n:" in value or b"\t:" in value or b"\r:" in value:
        return False
    data = decoded.get("data")
    if value.count(b"{") == _OBJECTS_OF_A_FLAT_EVENT and type(data) is dict:
        members = len(decoded) + len(data)
    else:
        members = _members(decoded)
    return value.count(b'":') == members


def _members(decoded: dict[str, Any]) -> int:
    members, containers = 0, [decoded]
    while containers:
        container: Any = containers.pop()
        if type(container) is dict:
            members += len(container)
            container = container.values()
        containers.extend(child for child in container if type(child) in (dict, list))
    return members


def implausible_dates(fact: Fact, time: str) -> list[str]:
    """JSON pointers to the dates of an event that are not plausible."""
    pointers, members = [], fact.__dict__
    for name in _DATES[type(fact)]:
        day = members[name]
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            pointers.append(f"/data/{name}")
    if "1901" <= time[:4] <= "2198":
        return pointers
    stated_at = instant(time)
    assert stated_at is not None
    if not _FIRST_SECOND <= stated_at.seconds <= _LAST_SECOND:
        pointers.append("/time")
    return pointers
