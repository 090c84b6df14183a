"""One student's records, each with what became of it, and the facts of those in force.

A replay needs the facts alone (`history`, `facts`); whoever asks why needs every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from projections.facts import Facts, facts_of
from projections.history import (
    Disposition,
    History,
    Identity,
    Resolution,
    business_identity,
    resolve,
)
from schemas.admission import Event, Quarantined, admit
from schemas.events import Retracted
from schemas.glimpse import Glimpse, glimpse_event, glimpse_record
from schemas.record import Record

__all__ = ["JudgedRecord", "RecordVerdict", "Student", "read_student"]


class RecordVerdict(StrEnum):
    """What became of a record (docs/GLOSSARY.md, What becomes of a record)."""

    EVENT = "event"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    REPEAT = "repeat"
    RETRACTED = "retracted"
    ORPHAN = "orphan"
    PENDING = "pending"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class JudgedRecord:
    """A record and what became of it.

    Attributes:
        record: As the log holds it.
        event: What was admitted; None for a record that cannot be read.
        verdict: `event` is in force, or a retraction that removes an event.
        rule: That a quarantined record fails.
        cause: The first of its identity, what states its fact already, or what retracts it.
    """

    record: Record
    event: Event | None
    verdict: RecordVerdict
    rule: str | None = None
    cause: Event | None = None

    @property
    def glimpse(self) -> Glimpse:
        """What it says of itself."""
        if self.event is not None:
            return glimpse_event(self.event)
        return glimpse_record(self.record)


@dataclass(frozen=True, slots=True)
class Student:
    """What the records of one key say.

    Attributes:
        records: All, in log order.
        resolution: What became of the events.
        facts: What those in force say.
    """

    records: list[JudgedRecord]
    resolution: Resolution
    facts: Facts


def read_student(records: Iterable[Record], partitions: int) -> Student:
    """Judge the records of one key.

    Args:
        records: All records of the key below a cut, in log order.
        partitions: The log's partition count, which admission asks for.
    """
    history = History()
    admitted = [(record, admit(record, partitions)) for record in records]
    dispositions = [
        None if isinstance(result, Quarantined) else history.add(result) for _, result in admitted
    ]
    resolution = resolve(list(history.events.values()))
    judge = _Judge(history, resolution)
    judged = [
        judge.quarantined(record, result)
        if isinstance(result, Quarantined)
        else judge.admitted(record, result, disposition)
        for (record, result), disposition in zip(admitted, dispositions, strict=True)
    ]
    return Student(judged, resolution, facts_of(resolution.in_force))


class _Judge:
    """What became of each record, once a student's events are resolved."""

    def __init__(self, history: History, resolution: Resolution) -> None:
        self._first = history.events
        self._verdicts = dict(_verdicts(resolution))
        self._retracting = _retracting(history, resolution)
        self._stated = {
            identity: event
            for event in resolution.in_force
            if (identity := business_identity(event)) is not None
        }

    @staticmethod
    def quarantined(record: Record, result: Quarantined) -> JudgedRecord:
        return JudgedRecord(record, None, RecordVerdict.QUARANTINED, result.rule)

    def admitted(
        self, record: Record, event: Event, disposition: Disposition | None
    ) -> JudgedRecord:
        identity = (event.source, event.id)
        if disposition is Disposition.OVER_LIMIT:
            return JudgedRecord(record, event, RecordVerdict.QUARANTINED, disposition.value)
        if disposition is Disposition.DUPLICATE:
            return JudgedRecord(record, event, RecordVerdict.DUPLICATE, cause=self._first[identity])
        if disposition is Disposition.CONFLICT:
            return JudgedRecord(record, event, RecordVerdict.CONFLICT, cause=self._first[identity])
        verdict = self._verdicts.get(identity, RecordVerdict.EVENT)
        return JudgedRecord(record, event, verdict, cause=self._cause(event, verdict))

    def _cause(self, event: Event, verdict: RecordVerdict) -> Event | None:
        if verdict is RecordVerdict.RETRACTED:
            return self._retracting[event.source, event.id]
        stated = business_identity(event)
        if verdict is RecordVerdict.REPEAT and stated is not None:
            return self._stated[stated]
        return None


def _verdicts(resolution: Resolution) -> Iterator[tuple[Identity, RecordVerdict]]:
    """Of the events that are neither in force nor a retraction that removes one."""
    for verdict, events in (
        (RecordVerdict.REPEAT, resolution.repeats),
        (RecordVerdict.RETRACTED, resolution.retracted),
        (RecordVerdict.PENDING, resolution.pending),
        (RecordVerdict.VOID, resolution.void),
        (RecordVerdict.ORPHAN, resolution.orphans),
    ):
        for event in events:
            yield (event.source, event.id), verdict


def _retracting(history: History, resolution: Resolution) -> dict[Identity, Event]:
    """The first retraction of each event that was retracted."""
    retracted = {(event.source, event.id) for event in resolution.retracted}
    retracting: dict[Identity, Event] = {}
    for event in history.events.values():
        if isinstance(event.fact, Retracted):
            target = (event.fact.retracts.source, event.fact.retracts.id)
            if target in retracted:
                retracting.setdefault(target, event)
    return retracting
