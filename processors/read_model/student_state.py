"""A student's history as bytes: what the rules need of each event, and nothing else.

The incremental fold keeps this between one batch and the next. The bytes are a pure function of the
student's events in log order, so two folds of one log hold the same bytes at the same offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from operator import attrgetter
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

__all__ = ["FOLD_REVISION", "decode_history", "extended"]

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
    """How facts of one type are written.

    Attributes:
        number: The type's place in `_KEPT`.
        fact: The type.
        names: The members kept.
        members: Takes them off a fact.
        readers: Of those members that are not written as they are.
    """

    number: int
    fact: type[Fact]
    names: tuple[str, ...]
    members: Callable[[Fact], tuple[object, ...]]
    readers: tuple[tuple[str, Callable[[Any], object]], ...]


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


def _reader(fact: type[Fact], name: str) -> Callable[[Any], object] | None:
    if name == "categories":
        return _categories
    if name == "retracts":
        return _identity
    if not name.endswith("_on"):
        return None
    return day if fact.model_fields[name].is_required() else _day


def _form(number: int, fact: type[Fact], names: tuple[str, ...]) -> _Form:
    readers = ((name, _reader(fact, name)) for name in names)
    special = tuple((name, reader) for name, reader in readers if reader is not None)
    return _Form(number, fact, names, _taker(names), special)


def _taker(names: tuple[str, ...]) -> Callable[[Fact], tuple[object, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda fact: (getattr(fact, names[0]),)


_FORMS = [_form(number, fact, names) for number, (fact, names) in enumerate(_KEPT)]
_FORM_OF = {form.fact: form for form in _FORMS}
assert set(_FORM_OF) == set(FACTS.values())


def extended(state: bytes | None, events: Iterable[Event]) -> bytes:
    """The bytes of a history that goes on with more events.

    Args:
        state: Of the history so far; None where there is none.
        events: At least one, in log order.

    Returns:
        JSON, `[[source, id, time, digest, type, …], …]`, an array for each event.
    """
    more = orjson.dumps([_written(event) for event in events], default=_plain)
    return more if state is None else state[:-1] + b"," + more[1:]


def decode_history(subject: str, text: bytes) -> History:
    """The history that `extended` wrote; positions and unused members are not in it."""
    history = History()
    events = history.events
    for source, event_id, time, digest, number, *members in orjson.loads(text):
        content = Content(None, bytes.fromhex(digest))
        fact = _read(_FORMS[number], members)
        events[source, event_id] = Event(0, 0, 0, subject, source, event_id, time, fact, content)
    return history


def _written(event: Event) -> list[object]:
    form = _FORM_OF[type(event.fact)]
    digest = event.content.digest.hex()
    members = form.members(event.fact)
    return [event.source, event.id, event.time, digest, form.number, *members]


def _plain(value: object) -> object:
    """What orjson does not write by itself."""
    if isinstance(value, frozenset):
        return _MASKS[value]
    assert isinstance(value, Identity)
    return [value.source, value.id]


def _read(form: _Form, members: list[Any]) -> Fact:
    """A fact with the kept members alone; they were validated when the event was admitted."""
    values = dict(zip(form.names, members, strict=True))
    for name, reader in form.readers:
        values[name] = reader(values[name])
    fact = form.fact.__new__(form.fact)
    object.__setattr__(fact, "__dict__", values)
    return fact
