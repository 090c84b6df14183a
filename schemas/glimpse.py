"""What a record says of itself, read as far as anybody could: for people, never for a figure.

A record that fails a rule has no fact. Whoever asks why it does not count knows it by its student,
its type and its dates, and these can often be read all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import orjson

from schemas.admission import Event
from schemas.envelope import SUBJECT, TYPE_FORM
from schemas.events import FACTS, TEXT_MAX
from schemas.moments import FIRST_DAY, LAST_DAY, Instant, day, instant
from schemas.record import Record

__all__ = ["Glimpse", "glimpse_event", "glimpse_record", "key_subject"]

_TYPES = {match[1]: name for name in FACTS if (match := TYPE_FORM.fullmatch(name))}
_DATES = {
    name: tuple(member for member in fact.model_fields if member.endswith("_on"))
    for name, fact in FACTS.items()
}
_DAY_LENGTH = 10
# Beyond these years a time zone may have no date for a moment.
_FIRST, _LAST = "1899", "2200"


class Glimpse(NamedTuple):
    """What can be read of a record; None for what cannot.

    Attributes:
        subject: A pseudonym: that of the event, or the record's key.
        source: With `id`, what the event calls itself.
        id: See `source`.
        type: A known type of event, of whatever version.
        stated_at: Its `time`, if it is plausible.
        dates: The members of its data that are plausible dates.
    """

    subject: str | None
    source: str | None
    id: str | None
    type: str | None
    stated_at: Instant | None
    dates: Mapping[str, date]

    def year_of(self, member: str) -> set[int]:
        """The year of a date; none where it has none."""
        found_on = self.dates.get(member)
        return set() if found_on is None else {found_on.year}


def glimpse_event(event: Event) -> Glimpse:
    """What an event that was admitted says of itself."""
    dates = {
        member: value
        for member in _DATES[event.fact.TYPE]
        if (value := getattr(event.fact, member)) is not None
    }
    stated_at = instant(event.time)
    return Glimpse(event.subject, event.source, event.id, event.fact.TYPE, stated_at, dates)


def glimpse_record(record: Record) -> Glimpse:
    """What can be read of a record that is no event; never raises for data."""
    members = _object(_decoded(record.value))
    subject = _text(members.get("subject"))
    if subject is None or not SUBJECT.fullmatch(subject):
        subject = key_subject(record.key)
    event_type = _known_type(_text(members.get("type")))
    time = _text(members.get("time"))
    return Glimpse(
        subject,
        _text(members.get("source")),
        _text(members.get("id")),
        event_type,
        instant(time) if time is not None and _FIRST < time[:4] < _LAST else None,
        _dates(event_type, _object(members.get("data"))),
    )


def key_subject(key: bytes | None) -> str | None:
    """The pseudonym that a record is keyed by, None where the key is none."""
    text = "" if key is None else key.decode("ascii", "replace")
    return text if SUBJECT.fullmatch(text) else None


def _decoded(value: bytes | None) -> object:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """A text that can be shown: no longer than an attribute may be, without lone surrogates."""
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
        return None
    return None if any("\ud800" <= char <= "\udfff" for char in value) else value


def _known_type(name: str | None) -> str | None:
    match = None if name is None else TYPE_FORM.fullmatch(name)
    return None if match is None else _TYPES.get(match[1])


def _dates(event_type: str | None, data: dict[str, Any]) -> dict[str, date]:
    dates = {}
    for member in _DATES.get(event_type or "", ()):
        text = _text(data.get(member))
        found_on = None if text is None else day(text[:_DAY_LENGTH])
        if found_on is not None and FIRST_DAY <= found_on <= LAST_DAY:
            dates[member] = found_on
    return dates
