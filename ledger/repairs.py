"""Which dead letters are repaired, by which event: the one place that tells open from repaired.

An event repairs a dead letter by its extension `resubmits`, the letter's partition:offset. That is
a claim. It counts where the record there is a dead letter that was recorded no later, the claiming
record is itself an event, and the two agree in all that the letter lets one read of its identity.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from ledger.log import Cut, Location, Log
from ledger.log.progress import PROGRESS_EVERY, ProgressCallback, no_progress
from schemas.admission import Event, Quarantined, admit
from schemas.glimpse import glimpse_record
from schemas.record import Record

__all__ = ["POINTER", "REPAIR", "LetterCounts", "Repairs", "count_letters", "other_member"]

REPAIR = "resubmits"
"""The extension by which an event says which dead letter it repairs."""

POINTER = re.compile("([0-9]{1,9}):([0-9]{1,18})")
"""A place in a log, such as `3:1042`."""

_NEEDLE = f'"{REPAIR}"'.encode()


class _Repair(NamedTuple):
    rule: str
    event: Event

    @property
    def place(self) -> Location:
        return Location(self.event.partition, self.event.offset)


class LetterCounts(NamedTuple):
    """Dead letters by the rule that they fail.

    Attributes:
        open: Nobody has repaired them.
        repaired: An event has.
        is_complete: Whether all of the log was looked at; if not, some that count as open may be
            repaired.
    """

    open: Mapping[str, int]
    repaired: Mapping[str, int]
    is_complete: bool = True

    @property
    def open_total(self) -> int:
        """How many are open."""
        return sum(self.open.values())

    @property
    def repaired_total(self) -> int:
        """How many are repaired."""
        return sum(self.repaired.values())


class Repairs:
    """The repairs that a log holds up to where it was read; reads on from there.

    Attributes:
        position: How far each partition was read.
    """

    def __init__(self) -> None:
        self.position: dict[int, int] = {}
        self._repairs: dict[Location, _Repair] = {}

    def read_on(
        self,
        log: Log,
        cut: Cut,
        *,
        seconds: float | None = None,
        progress: ProgressCallback = no_progress,
    ) -> None:
        """Read what lies between the position and a cut.

        Args:
            log: The same at each call.
            cut: How far to read.
            seconds: When to stop, to read on at the next call; never where None.
            progress: Called with the number of records read.

        Raises:
            StoreError: If the log cannot be read.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        claims = list[tuple[Event, Location]]()
        count = 0
        for partition, stop in cut.items():
            start = self.position.get(partition, 0)
            for record in log.read({partition: start}, {partition: stop}):
                claims += _claims(record, log.partitions)
                start = record.offset + 1
                count += 1
                if count % PROGRESS_EVERY == 0:
                    progress(count)
                    if deadline is not None and time.monotonic() > deadline:
                        break
            else:
                start = max(start, stop)
            self.position[partition] = start
        # Asked once: to a broker each question is a way.
        end = log.end() if claims else {}
        for event, place in claims:
            self._add(log, end, event, place)

    def event(self, place: Location) -> Event | None:
        """The event that has repaired a letter; None for an open one."""
        repair = self._repairs.get(place)
        return None if repair is None else repair.event

    def rules_below(self, cut: Cut) -> Counter[str]:
        """How many letters below a cut are repaired by events below it, by the rule they fail."""
        return Counter(
            repair.rule
            for place, repair in self._repairs.items()
            if _is_below(place, cut) and _is_below(repair.place, cut)
        )

    def reaches(self, cut: Cut) -> bool:
        """Whether everything below a cut was read."""
        return all(self.position.get(partition, 0) >= end for partition, end in cut.items())

    def _add(self, log: Log, end: Cut, event: Event, place: Location) -> None:
        rule = _repaired_rule(log, end, event, place)
        if rule is not None:
            repair = _Repair(rule, event)
            known = self._repairs.get(place)
            if known is None or _order(repair) < _order(known):
                self._repairs[place] = repair


def count_letters(quarantined: Mapping[str, int], repairs: Repairs, cut: Cut) -> LetterCounts:
    """Open and repaired dead letters at a cut.

    Args:
        quarantined: The quarantined records below the cut, by rule.
        repairs: Read as far as there was time.
        cut: The cut.
    """
    repaired = repairs.rules_below(cut)
    left = {rule: count - repaired[rule] for rule, count in quarantined.items()}
    return LetterCounts(
        {rule: count for rule, count in left.items() if count > 0},
        {rule: repaired[rule] for rule in quarantined if repaired[rule]},
        not quarantined or repairs.reaches(cut),
    )


def other_member(letter: Record, event: Event) -> str | None:
    """The member by which an event shows that it is not the letter's; None where none does.

    It is `subject`, `source` or `id`, as far as the letter tells them; the letter's key tells its
    subject where its value does not.
    """
    known = glimpse_record(letter)._asdict()
    for name in ("source", "id", "subject"):
        if known[name] not in (None, getattr(event, name)):
            return name
    return None


def _claims(record: Record, partitions: int) -> Iterator[tuple[Event, Location]]:
    """The claim of a record, if it is an event that makes one."""
    if record.value is None or _NEEDLE not in record.value:
        return
    event = admit(record, partitions)
    place = _claimed(record.value) if isinstance(event, Event) else None
    if place is not None and isinstance(event, Event):
        yield event, place


def _claimed(value: bytes) -> Location | None:
    claim = orjson.loads(value).get(REPAIR)
    match = POINTER.fullmatch(claim) if isinstance(claim, str) else None
    return None if match is None else Location(int(match[1]), int(match[2]))


def _repaired_rule(log: Log, end: Cut, event: Event, place: Location) -> str | None:
    """The rule that the letter at a place fails, if an event repairs it."""
    partition, offset = place
    assert offset is not None
    if partition >= log.partitions or end[partition] <= offset:
        return None
    letter = next(log.read({partition: offset}, {partition: offset + 1}), None)
    if letter is None or letter.offset != offset or letter.recorded_at > event.recorded_at:
        return None
    admitted = admit(letter, log.partitions)
    if not isinstance(admitted, Quarantined) or other_member(letter, event) is not None:
        return None
    return admitted.rule


def _order(repair: _Repair) -> tuple[int, int]:
    return repair.event.partition, repair.event.offset


def _is_below(place: Location, cut: Cut) -> bool:
    assert place.offset is not None
    return place.offset < cut.get(place.partition, 0)
