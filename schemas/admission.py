"""Which records are events: fourteen rules in order; the first that fails names the record.

Admission is a function of key, value, partition and partition count alone, so a copy of a log
admits the same records whenever it is read. The fifteenth rule, that a subject has at most 1,000
events, needs the subject's history and stands in `projections.history`.

Source: SPEC section 1, Which records count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.canonical import Content
from schemas.envelope import SUBJECT, TYPE_FORM, Envelope, is_ordinary
from schemas.events import FACTS, Fact
from schemas.json_text import Shape, inspect_json
from schemas.moments import FIRST_DAY, LAST_DAY, instant, midnight
from schemas.partition import partition_of
from schemas.record import Record

__all__ = [
    "RULES",
    "VALUE_BYTES_MAX",
    "Candidate",
    "Event",
    "Quarantined",
    "Rule",
    "admit",
    "implausible",
]

VALUE_BYTES_MAX = 65_536
DEPTH_MAX = 16
_OBJECTS_OF_A_FLAT_EVENT = 2  # itself and its data

_PLAIN = Shape(unique=True, finite=True, depth=1)
_FIRST_SECOND = midnight(FIRST_DAY)
_LAST_SECOND = midnight(LAST_DAY) + 86_399
_VALIDATE: dict[str, Callable[[object], Fact]] = {
    name: fact.__pydantic_validator__.validate_python for name, fact in FACTS.items()
}
_KNOWN_FACTS = {match[1] for match in map(TYPE_FORM.fullmatch, FACTS) if match}
_DATES = {
    fact: tuple(name for name in fact.model_fields if name.endswith("_on"))
    for fact in FACTS.values()
}


class Event(NamedTuple):
    """A record that was admitted: the fact, who stated it when, and where it stands.

    Attributes:
        partition: With `offset`, its place in log order.
        offset: See `Record`.
        recorded_at: Milliseconds since 1970, see `Record`.
        subject: The student's pseudonym.
        source: With `id`, its identity among the subject's events.
        id: See `source`.
        time: When it was stated, RFC 3339 as written.
        fact: What happened.
        content: What a second record of its identity is compared by.
    """

    partition: int
    offset: int
    recorded_at: int
    subject: str
    source: str
    id: str
    time: str
    fact: Fact
    content: Content


class Quarantined(NamedTuple):
    """A record that is no event, and the first rule it fails."""

    partition: int
    offset: int
    recorded_at: int
    rule: str


class Candidate:
    """A record under judgement; each rule leaves what the next ones need."""

    __slots__ = ("decoded", "envelope", "fact", "partitions", "record", "shape", "value")

    decoded: Any
    envelope: Envelope
    fact: Fact
    shape: Shape
    value: bytes

    def __init__(self, record: Record, partitions: int) -> None:
        self.record = record
        self.partitions = partitions


def tombstone_is_not_an_event(candidate: Candidate) -> bool:
    """The value is not null."""
    if candidate.record.value is None:
        return False
    candidate.value = candidate.record.value
    return True


def value_must_not_exceed_64_kib(candidate: Candidate) -> bool:
    """At most 65,536 bytes."""
    return len(candidate.value) <= VALUE_BYTES_MAX


def value_must_be_json(candidate: Candidate) -> bool:
    """RFC 8259 in UTF-8, without a byte order mark and without lone surrogates."""
    value = candidate.value
    try:
        candidate.decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        shape = inspect_json(value)
    else:
        shape = _PLAIN if _is_plain(value, candidate.decoded) else inspect_json(value)
    if shape is None:
        return False
    candidate.shape = shape
    return True


def _is_plain(value: bytes, decoded: object) -> bool:
    """Whether double members and deep nesting are excluded without a closer look.

    A text that its own decoded members are written as has each of them once. In another, they are
    counted: every member name ends in a quote and a colon. No blank stands before a colon, so if
    those pairs are as many as the members decoded, no member was overwritten by one of its name.
    A pair inside a string only makes the count too large, and the text is looked at closely.
    """
    objects = value.count(b"{")
    if type(decoded) is not dict or objects + value.count(b"[") > DEPTH_MAX:
        return False
    if orjson.dumps(decoded) == value:
        return True
    if b" :" in value or b"\n:" in value or b"\t:" in value or b"\r:" in value:
        return False
    data = decoded.get("data")
    if objects == _OBJECTS_OF_A_FLAT_EVENT and type(data) is dict:
        members = len(decoded) + len(data)
    else:
        members = _count(decoded)
    return value.count(b'":') == members


def _count(decoded: dict[str, Any]) -> int:
    members, containers = 0, [decoded]
    while containers:
        container: Any = containers.pop()
        if type(container) is dict:
            members += len(container)
            container = container.values()
        containers.extend(child for child in container if type(child) in (dict, list))
    return members


def members_must_be_unique(candidate: Candidate) -> bool:
    """No object has two members of one name, after unescaping."""
    return candidate.shape.unique


def numbers_must_be_finite(candidate: Candidate) -> bool:
    """No number rounds to an infinity of binary64."""
    return candidate.shape.finite


def nesting_must_not_exceed_16(candidate: Candidate) -> bool:
    """At most 16 levels, of which the object itself is the first."""
    return candidate.shape.depth <= DEPTH_MAX


def envelope_must_be_a_cloud_event(candidate: Candidate) -> bool:
    """The attributes of `schemas.envelope.Envelope`."""
    if type(candidate.decoded) is not dict:
        return False
    try:
        candidate.envelope = Envelope.model_validate(candidate.decoded)
    except ValidationError:
        return False
    return True


def subject_must_be_a_pseudonym(candidate: Candidate) -> bool:
    """1 to 64 characters of A-Z a-z 0-9 . _ : -."""
    return SUBJECT.fullmatch(candidate.envelope.subject) is not None


def key_must_equal_subject(candidate: Candidate) -> bool:
    """The record key is the subject's bytes."""
    return candidate.record.key == candidate.envelope.subject.encode("ascii")


def partition_must_follow_key(candidate: Candidate) -> bool:
    """So a student never spreads over partitions, whatever client wrote."""
    key = candidate.record.key
    assert key is not None
    return candidate.record.partition == partition_of(key, candidate.partitions)


def type_must_be_known(candidate: Candidate) -> bool:
    """The form `ledger.<entity>.<fact>.v<N>`, and a pair entity.fact of the table."""
    name = candidate.envelope.type
    if name in FACTS:
        return True
    match = TYPE_FORM.fullmatch(name)
    return match is not None and match[1] in _KNOWN_FACTS


def schema_version_must_be_known(candidate: Candidate) -> bool:
    """The version of a known fact is one of those that are understood."""
    return candidate.envelope.type in FACTS


def data_must_match_its_type(candidate: Candidate) -> bool:
    """The members of the fact's class in `schemas.events`, and no others."""
    envelope = candidate.envelope
    try:
        candidate.fact = FACTS[envelope.type].model_validate(envelope.data)
    except ValidationError:
        return False
    return True


def date_must_be_plausible(candidate: Candidate) -> bool:
    """Every date, and `time`'s UTC date, from 1900-01-01 to 2199-12-31."""
    return not any(implausible(candidate.fact, candidate.envelope.time))


def implausible(fact: Fact, time: str) -> Iterator[str]:
    """JSON pointers to the dates of an event that are not plausible."""
    for name in _DATES[type(fact)]:
        on = getattr(fact, name)
        if on is not None and not FIRST_DAY <= on <= LAST_DAY:
            yield f"/data/{name}"
    if "1901" <= time[:4] <= "2198":
        return
    at = instant(time)
    assert at is not None
    if not _FIRST_SECOND <= at.seconds <= _LAST_SECOND:
        yield "/time"


Rule = Callable[[Candidate], bool]

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


def admit(record: Record, partitions: int) -> Event | Quarantined:
    """Judge one record by the rules in order.

    Args:
        record: Any bytes at all.
        partitions: The log's partition count.

    Returns:
        The event, or the name of the first rule that the record fails. Never raises for data.
    """
    return _ordinary_event(record, partitions) or _judge(record, partitions)


def _ordinary_event(record: Record, partitions: int) -> Event | None:
    """The event of a record that surely passes every rule; None where it is to be judged."""
    partition, offset, recorded_at, key, value = record
    members = _ordinary_members(value)
    if members is None or key is None or value is None:
        return None
    subject, source, time = members["subject"], members["source"], members["time"]
    validate = _VALIDATE.get(members["type"])
    if (
        validate is None
        or SUBJECT.fullmatch(subject) is None
        or subject.encode("ascii") != key
        or partition_of(key, partitions) != partition
    ):
        return None
    try:
        fact = validate(members["data"])
    except ValidationError:
        return None
    if any(implausible(fact, time)):
        return None
    place = (partition, offset, recorded_at)
    return Event(*place, subject, source, members["id"], time, fact, Content(value))


def _ordinary_members(value: bytes | None) -> dict[str, Any] | None:
    """The members of a plain text that are surely an envelope."""
    if value is None or len(value) > VALUE_BYTES_MAX:
        return None
    try:
        members = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return members if _is_plain(value, members) and is_ordinary(members) else None


def _judge(record: Record, partitions: int) -> Event | Quarantined:
    candidate = Candidate(record, partitions)
    for rule in RULES:
        if not rule(candidate):
            return Quarantined(record.partition, record.offset, record.recorded_at, rule.__name__)
    envelope = candidate.envelope
    return Event(
        record.partition,
        record.offset,
        record.recorded_at,
        envelope.subject,
        envelope.source,
        envelope.id,
        envelope.time,
        candidate.fact,
        Content(candidate.value),
    )
