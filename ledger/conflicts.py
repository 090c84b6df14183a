"""Which events say something else than a log holds of them already: their sender should hear so.

A conflict is no fault, and nothing is refused: the first record counts (SPEC section 1, conflict).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter

import orjson

from ledger.log import Log, NewRecord
from ledger.log.sqlite.log import SqliteLog
from schemas.admission import Event, admit
from schemas.canonical import content
from schemas.record import Record

__all__ = ["conflicting"]

_RECORDS_MAX = 100_000
"""So many earlier records are looked at; beyond that a conflict is left to `outcomes findings`."""

_Identity = tuple[str, str, str]  # subject, source, id
_IDENTITY = itemgetter("subject", "source", "id")


def conflicting(log: Log, events: Sequence[NewRecord]) -> list[int] | None:
    """The positions of events that were appended and conflict with an earlier record.

    Args:
        log: That has taken them.
        events: Each admitted, and under its own key.

    Returns:
        None for another log: it would have to be read from its beginning.

    Raises:
        StoreError: If the log cannot be read.
    """
    if not isinstance(log, SqliteLog):
        return None
    identities = list(map(_identity, events))
    own = Counter(identity[0] for identity in identities)
    # Of a student of whom the log holds no other records, none has to be read again.
    known = {subject for subject, count in log.count_records(own).items() if count > own[subject]}
    first = _first_records(log, events, identities, known)
    for identity, event in zip(identities, events, strict=True):
        if identity[0] not in known:
            first.setdefault(identity, event.value or b"")
    return [
        position
        for position, (identity, event) in enumerate(zip(identities, events, strict=True))
        if _differs(first.get(identity), event.value or b"")
    ]


def _first_records(
    log: SqliteLog, events: Sequence[NewRecord], identities: Sequence[_Identity], known: set[str]
) -> dict[_Identity, bytes]:
    """The first value of each identity of some students, of those that may be an event's."""
    first = dict[_Identity, bytes]()
    own = {event.value: identity for event, identity in zip(events, identities, strict=True)}
    needles = dict[str, set[bytes]]()
    for subject, _, name in identities:
        if subject in known:
            needles.setdefault(subject, set()).add(name.encode())
    for record in islice(log.read_subjects(list(needles)), _RECORDS_MAX):
        identity = own.get(record.value)
        if identity is None and _may_match(record, needles):
            event = admit(record, log.partitions)
            if isinstance(event, Event):
                identity = event.subject, event.source, event.id
        if identity is not None:
            first.setdefault(identity, record.value or b"")
    return first


def _may_match(record: Record, needles: dict[str, set[bytes]]) -> bool:
    """Whether a record may have one of the ids; only an escape can hide it."""
    value, names = record.value or b"", needles[(record.key or b"").decode("ascii")]
    return b"\\" in value or any(name in value for name in names)


def _differs(first: bytes | None, value: bytes) -> bool:
    return first not in (None, value) and content(first or b"") != content(value)


def _identity(event: NewRecord) -> _Identity:
    identity: _Identity = _IDENTITY(orjson.loads(event.value or b""))
    return identity
