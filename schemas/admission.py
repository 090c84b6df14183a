"""Which records are events: the rules in order, and a shortcut for the ordinary record.

Admission is a function of key, value, partition and partition count alone, so a copy of a log
admits the same records whenever it is read.

Source: SPEC section 1, Which records count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from schemas.canonical import Content
from schemas.envelope import DEFAULT_MEDIA_TYPE, REQUIRED, SUBJECT
from schemas.events import FACTS, TEXT_MAX, Fact
from schemas.json_text import Shape
from schemas.moments import is_time
from schemas.partition import compute_partition
from schemas.record import Record
from schemas.rules import (
    PLAIN,
    Reading,
    broken_rule,
    decode,
    implausible_dates,
    is_shallow,
    read,
    read_decoded,
)

__all__ = [
    "Event",
    "Quarantined",
    "admit",
    "admit_by_rules",
    "admit_decoded",
    "admit_with_content",
    "as_event",
]

_VALIDATE: dict[str, Callable[[object], Fact]] = {
    name: fact.__pydantic_validator__.validate_python for name, fact in FACTS.items()
}
_VALUES_OF = itemgetter(*REQUIRED)


class Event(NamedTuple):
    """A record that was admitted: the fact, who stated it when, and its place in the log.

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


as_event = cast("Callable[[tuple[object, ...]], Event]", partial(tuple.__new__, Event))
"""What `Event._make` comes to, several times as fast."""


class Quarantined(NamedTuple):
    """A record that is no event, and the first rule it fails."""

    partition: int
    offset: int
    recorded_at: int
    rule: str


def admit(record: Record, partitions: int) -> Event | Quarantined:
    """Judge one record by the rules in order.

    Args:
        record: Any bytes at all.
        partitions: The log's partition count.

    Returns:
        The event, or the name of the first rule that the record fails. Never raises for data.
    """
    return admit_decoded(record, partitions, decode(record.value))


def admit_decoded(
    record: Record, partitions: int, reading: tuple[Any, Shape | None]
) -> Event | Quarantined:
    """What `admit` says, where `decode` has made a reading of the record's value already."""
    decoded, shape = reading
    if shape is PLAIN:
        event = _ordinary_event(record, partitions, decoded)
        if event is not None:
            return event
    return _judge(read_decoded(record, partitions, decoded, shape))


def admit_with_content(record: Record, partitions: int) -> Event | Quarantined:
    """What `admit` says; the content of an event is worked out, for those who will store it."""
    reading = decode(record.value)
    admitted = admit_decoded(record, partitions, reading)
    if isinstance(admitted, Event):
        admitted.content.work_out(reading[0])
    return admitted


def admit_by_rules(record: Record, partitions: int) -> Event | Quarantined:
    """What `admit` says, by the rules alone; the shortcut has to agree with it."""
    return _judge(read(record, partitions))


def _ordinary_event(record: Record, partitions: int, members: dict[str, Any]) -> Event | None:
    """The event of a record that surely keeps every rule; None where the rules are to be asked.

    Args:
        record: Its value is plain.
        partitions: The log's partition count.
        members: Of the decoded value.
    """
    partition, offset, recorded_at, key, value = record
    try:
        specversion, event_id, source, event_type, subject, time, data = _VALUES_OF(members)
        if not (
            specversion == "1.0"
            and type(event_id) is str
            and 0 < len(event_id) <= TEXT_MAX
            and type(source) is str
            and 0 < len(source) <= TEXT_MAX
            and type(time) is str
            and is_time(time)
            and (subject, partition) == _home(key, partitions)
            and (len(members) == len(REQUIRED) or _are_others_ordinary(members, value))
        ):
            return None
        fact = _VALIDATE[event_type](data)
    except (KeyError, TypeError, ValidationError):  # A list as a type is a TypeError.
        return None
    if implausible_dates(fact, time):
        return None
    content = Content(value)
    return as_event(
        (partition, offset, recorded_at, subject, source, event_id, time, fact, content)
    )


def _are_others_ordinary(members: dict[str, Any], value: bytes | None) -> bool:
    """Whether attributes beside the required ones surely break no rule."""
    if "data_base64" in members:
        return False
    others = len(members) - len(REQUIRED)
    if "datacontenttype" in members:
        others -= 1
        if members["datacontenttype"] != DEFAULT_MEDIA_TYPE:
            return False
    return not others or is_shallow(value or b"")


@lru_cache(maxsize=256)
def _home(key: bytes | None, partitions: int) -> tuple[str, int] | None:
    """The subject that a key names and the partition where its records are; None for no subject."""
    if key is None:
        return None
    subject = key.decode("ascii", "replace")
    return (subject, compute_partition(key, partitions)) if SUBJECT.fullmatch(subject) else None


def _judge(reading: Reading) -> Event | Quarantined:
    record, envelope, fact = reading.record, reading.envelope, reading.fact
    place = record[:3]
    rule = broken_rule(reading)
    if rule is not None:
        return Quarantined(*place, rule.__name__)
    assert envelope is not None
    assert fact is not None
    identity = (envelope.subject, envelope.source, envelope.id)
    return Event(*place, *identity, envelope.time, fact, Content(record.value))
