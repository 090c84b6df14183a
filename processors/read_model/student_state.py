"""A student's history as bytes: what the rules need of each event, and nothing else.

The live fold stores this between batches. The bytes are a pure function of the student's events in
log order, so two folds of one log hold the same bytes at the same offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from projections.history import History
from schemas.admission import Event, as_event
from schemas.canonical import Content
from schemas.events import (
    CATEGORIES,
    FACTS,
    Answered,
    Applied,
    CategoriesDeclared,
    Category,
    Enrolled,
    Fact,
    Graduated,
    Identity,
    OutcomeDeclared,
    Rescheduled,
    Retracted,
    Withdrew,
)
from schemas.moments import day

__all__ = ["FOLD_REVISION", "append_events", "decode_history"]

FOLD_REVISION = 2
"""Raise it when what a read model or a partial holds changes, so that none mixes two meanings."""

_STORED_MEMBERS: tuple[tuple[type[Fact], tuple[str, ...]], ...] = (
    (Applied, ("application_id", "applied_on", "categories")),
    (
        Enrolled,
        ("enrollment_id", "enrolled_on", "expected_graduation_on", "funding", "categories"),
    ),
    (Rescheduled, ("enrollment_id", "expected_graduation_on", "decided_on")),
    (Withdrew, ("enrollment_id", "withdrew_on", "reason")),
    (Graduated, ("enrollment_id", "graduated_on")),
    (Answered, ("survey", "answered_on", "status", "job_found_on", "in_field")),
    (OutcomeDeclared, ("outcome_on", "kind", "credited")),
    (CategoriesDeclared, ("declared_on", "categories")),
    (Retracted, ("retracts",)),
)


class _FactCodec(NamedTuple):
    """How facts of one type are encoded.

    Attributes:
        number: The type's index in `_STORED_MEMBERS`.
        fact: The type.
        names: The members stored.
        members_of: Gets their values from a fact's members.
        decoders: By name, of the members that JSON does not hold as they are.
    """

    number: int
    fact: type[Fact]
    names: tuple[str, ...]
    members_of: Callable[[Mapping[str, Any]], tuple[object, ...]]
    decoders: tuple[tuple[str, Callable[[Any], object]], ...]


_CATEGORY_SETS = [
    frozenset(name for bit, name in enumerate(CATEGORIES) if mask >> bit & 1)
    for mask in range(1 << len(CATEGORIES))
]
_CATEGORY_MASKS = {categories: mask for mask, categories in enumerate(_CATEGORY_SETS)}


def _decode_categories(mask: int | None) -> frozenset[Category] | None:
    return None if mask is None else _CATEGORY_SETS[mask]


def _decode_optional_day(text: str | None) -> date | None:
    return None if text is None else day(text)


def _decode_identity(pair: list[str]) -> Identity:
    return Identity(source=pair[0], id=pair[1])


def _decoder(fact: type[Fact], name: str) -> Callable[[Any], object] | None:
    if name == "categories":
        return _decode_categories
    if name == "retracts":
        return _decode_identity
    if not name.endswith("_on"):
        return None
    return day if fact.model_fields[name].is_required() else _decode_optional_day


def _fact_codec(number: int, fact: type[Fact], names: tuple[str, ...]) -> _FactCodec:
    decoders = ((name, _decoder(fact, name)) for name in names)
    needed = tuple((name, decoder) for name, decoder in decoders if decoder is not None)
    return _FactCodec(number, fact, names, _members_getter(names), needed)


def _members_getter(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[object, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda members: (members[names[0]],)


_CODECS = [_fact_codec(number, *stored) for number, stored in enumerate(_STORED_MEMBERS)]
_CODEC_BY_FACT = {codec.fact: codec for codec in _CODECS}
assert set(_CODEC_BY_FACT) == set(FACTS.values())


def append_events(state: bytes | None, events: Iterable[Event]) -> bytes:
    """The bytes of a history with more events at its end.

    Args:
        state: Of the history before; None where there is none.
        events: At least one, in log order.

    Returns:
        JSON, `[[source, id, time, digest, type, …], …]`, an array for each event.
    """
    more = orjson.dumps([_encode_event(event) for event in events], default=_encode_value)
    return more if state is None else state[:-1] + b"," + more[1:]


def decode_history(subject: str, state: bytes) -> History:
    """The history that `append_events` has encoded, without offsets and unused members."""
    history = History()
    events = history.events
    for source, event_id, time, digest, number, *members in orjson.loads(state):
        content = Content(None, bytes.fromhex(digest))
        fact = _decode_fact(_CODECS[number], members)
        events[source, event_id] = as_event(
            (0, 0, 0, subject, source, event_id, time, fact, content)
        )
    return history


def _encode_event(event: Event) -> list[object]:
    _, _, _, _, source, event_id, time, fact, content = event
    codec = _CODEC_BY_FACT[type(fact)]
    digest = content.digest.hex()
    return [source, event_id, time, digest, codec.number, *codec.members_of(fact.__dict__)]


def _encode_value(value: object) -> object:
    """What orjson does not encode by itself."""
    if isinstance(value, frozenset):
        return _CATEGORY_MASKS[value]
    assert isinstance(value, Identity)
    return [value.source, value.id]


def _decode_fact(codec: _FactCodec, members: list[Any]) -> Fact:
    """A fact with the stored members alone; they were validated when the event was admitted."""
    values = dict(zip(codec.names, members, strict=True))
    for name, decode in codec.decoders:
        values[name] = decode(values[name])
    fact = codec.fact.__new__(codec.fact)
    object.__setattr__(fact, "__dict__", values)
    return fact
