"""Which events say something else than a log holds of them already: their sender should hear so.

A conflict is no fault, and nothing is refused: the first record counts (SPEC section 1, conflict).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from ledger.diagnostics import logger
from ledger.errors import LedgerError
from ledger.log import Log, NewRecord
from ledger.log.sqlite.log import SqliteLog
from schemas.admission import Event, admit
from schemas.canonical import content
from schemas.record import Record

__all__ = ["Judged", "find_conflicts", "identity_of"]

_RECORDS_MAX = 100_000
"""So many earlier records are looked at; beyond that a conflict is left to `outcomes findings`."""

Identity = tuple[bytes, str, str]
"""What names an event: the key, which is its subject, source and id."""

Judged = tuple[NewRecord, Identity | None]
"""A record to append, and what names the event in it; None where nobody has kept that."""


def identity_of(event: NewRecord, members: Mapping[str, Any]) -> Identity:
    """What names an admitted event that has these members."""
    return event.key or b"", members["source"], members["id"]


def find_conflicts(log: Log, events: Sequence[Judged]) -> list[int] | None:
    """The positions of events that were appended and conflict with an earlier record.

    What was appended stands, whether they can be found or not.

    Args:
        log: That has taken them.
        events: Each admitted and under its own key, in the order in which they were appended.

    Returns:
        None where nobody has looked: in another log than a file, which would have to be read from
        its beginning, and in one that could not be read, which is logged.
    """
    if not isinstance(log, SqliteLog):
        return None
    try:
        return _conflicting(log, [(event, name or _read_identity(event)) for event, name in events])
    except LedgerError as error:
        logger().warning("log.unread", reason=str(error))
        return None


def _conflicting(log: SqliteLog, events: Sequence[tuple[NewRecord, Identity]]) -> list[int]:
    known = _known_before(log, events)
    first = _first_records(log, events, known) if known else {}
    conflicting = []
    for position, ((key, value, _), identity) in enumerate(events):
        earlier = first.get(identity)
        if earlier is None and key not in known:
            first[identity] = value or b""
        elif earlier is not None and _differs(earlier, value or b""):
            conflicting.append(position)
    return conflicting


def _known_before(log: SqliteLog, events: Sequence[tuple[NewRecord, Identity]]) -> set[bytes]:
    """The keys of students of whom the log holds other records too: these have to be read again."""
    if sum(log.end().values()) <= len(events):
        return set()
    own = Counter(identity[0] for _, identity in events)
    return {key for key, count in log.count_records(own).items() if count > own[key]}


def _first_records(
    log: SqliteLog, events: Sequence[tuple[NewRecord, Identity]], known: set[bytes]
) -> dict[Identity, bytes]:
    """The first value of each identity of some students, of those that may be an event's."""
    first = dict[Identity, bytes]()
    own = {event.value: identity for event, identity in events}
    needles = dict[bytes, set[bytes]]()
    for key, _, name in own.values():
        if key in known:
            needles.setdefault(key, set()).add(name.encode())
    for record in islice(log.read_subjects(needles), _RECORDS_MAX):
        identity = own.get(record.value)
        if identity is None and _may_match(record, needles):
            event = admit(record, log.partitions)
            if isinstance(event, Event):
                identity = event.subject.encode(), event.source, event.id
        if identity is not None:
            first.setdefault(identity, record.value or b"")
    return first


def _may_match(record: Record, needles: Mapping[bytes, set[bytes]]) -> bool:
    """Whether a record may have one of the ids; only an escape can hide it."""
    value, names = record.value or b"", needles[record.key or b""]
    return b"\\" in value or any(name in value for name in names)


def _differs(first: bytes, value: bytes) -> bool:
    return first != value and content(first) != content(value)


def _read_identity(event: NewRecord) -> Identity:
    return identity_of(event, orjson.loads(event.value or b""))
