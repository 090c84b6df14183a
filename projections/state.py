"""A student's history as bytes: what the rules need of each event, and nothing else.

The incremental fold keeps this between one batch and the next. The bytes are a pure function of the
student's events in log order, so two folds of one log hold the same bytes at the same offset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import orjson

from projections.history import History
from schemas.admission import Event
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

__all__ = ["FOLD_REVISION", "decode_history", "encode_history"]

FOLD_REVISION = 1
"""Raise it whenever these bytes or what is made of them change, so that no state mixes meanings."""

_KEPT: tuple[tuple[type[Fact], tuple[str, ...]], ...] = (
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


class _Form(NamedTuple):
    """How facts of one type are written: the type's place in `_KEPT`, and a reader a member."""

    number: int
    fact: type[Fact]
    names: tuple[str, ...]
    readers: tuple[Callable[[Any], object] | None, ...]


def _categories(mask: int | None) -> frozenset[Category] | None:
    return None if mask is None else _SETS[mask]


def _day(text: str | None) -> date | None:
    return None if text is None else day(text)


def _identity(pair: list[str]) -> Identity:
    return Identity(source=pair[0], id=pair[1])


_SETS = [
    frozenset(name for bit, name in enumerate(CATEGORIES) if mask >> bit & 1)
    for mask in range(1 << len(CATEGORIES))
]
_MASKS = {categories: mask for mask, categories in enumerate(_SETS)}


def _reader(name: str) -> Callable[[Any], object] | None:
    if name == "categories":
        return _categories
    if name == "retracts":
        return _identity
    return _day if name.endswith("_on") else None


_FORMS = [
    _Form(number, fact, names, tuple(map(_reader, names)))
    for number, (fact, names) in enumerate(_KEPT)
]
_FORM_OF = {form.fact: form for form in _FORMS}
assert set(_FORM_OF) == set(FACTS.values())


def encode_history(history: History) -> bytes:
    """A student's events in log order as JSON: `[[source, id, time, digest, type, …], …]`."""
    return orjson.dumps([_written(event) for event in history.events.values()])


def decode_history(subject: str, text: bytes) -> History:
    """The history that `encode_history` wrote; positions and unused members are not in it."""
    history = History()
    for source, event_id, time, digest, number, *members in orjson.loads(text):
        content = Content(None, bytes.fromhex(digest))
        fact = _read(_FORMS[number], members)
        history.events[source, event_id] = Event(
            0, 0, 0, subject, source, event_id, time, fact, content
        )
    return history


def _written(event: Event) -> list[Any]:
    form = _FORM_OF[type(event.fact)]
    members = (_plain(getattr(event.fact, name)) for name in form.names)
    return [
        event.source,
        event.id,
        event.time,
        event.content.digest.hex(),
        form.number,
        *members,
    ]


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return _MASKS[value]
    if isinstance(value, Identity):
        return [value.source, value.id]
    return value


def _read(form: _Form, members: list[Any]) -> Fact:
    """A fact with the kept members alone; they were validated when the event was admitted."""
    values = {
        name: value if reader is None else reader(value)
        for name, reader, value in zip(form.names, form.readers, members, strict=True)
    }
    fact = form.fact.__new__(form.fact)
    object.__setattr__(fact, "__dict__", values)
    return fact
