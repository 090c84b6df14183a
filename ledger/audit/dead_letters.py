"""Dead letters as work for somebody: which are open, and which event has repaired one.

An event repairs a dead letter by its extension `resubmits`, the letter's partition:offset. That is
a claim: it counts where the record there is a dead letter, and the claiming record is an event
itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from ledger.audit.findings import ADMISSION, collect_findings, event_row
from ledger.audit.sorted_rows import SortedRows
from ledger.errors import UsageError
from ledger.log import Cut, Location, Log
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from schemas.admission import Event, Quarantined, admit
from schemas.record import Record
from schemas.text import excerpt

__all__ = [
    "REPAIR",
    "dead_letter_at",
    "dead_letters",
    "parse_pointer",
    "readable_members",
    "repairs",
]

REPAIR = "resubmits"
"""The extension by which an event says which dead letter it repairs."""

_NEEDLE = f'"{REPAIR}"'.encode()
_POINTER = re.compile("([0-9]{1,9}):([0-9]{1,18})")
_MEMBERS = ("source", "id", "type", "subject")
_TEXT_MAX = 200


def parse_pointer(text: str) -> Location:
    """Read a place such as `3:1042`.

    Raises:
        UsageError: If it is none.
    """
    match = _POINTER.fullmatch(text)
    if match is None:
        raise UsageError(f"{text}: a dead letter is named by partition and offset, such as 3:1042")
    return Location(int(match[1]), int(match[2]))


def repairs(
    log: Log, cut: Cut, progress: ProgressCallback = no_progress
) -> dict[Location, dict[str, Any]]:
    """The first event that claims to repair each place, by that place; one reading of the log.

    Args:
        log: Any log.
        cut: How far to read.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    claims = dict[Location, dict[str, Any]]()
    for record in with_progress(log.read(dict.fromkeys(cut, 0), cut), progress):
        if record.value is None or _NEEDLE not in record.value:
            continue
        event = admit(record, log.partitions)
        place = _claimed(record.value) if isinstance(event, Event) else None
        if place is not None and isinstance(event, Event):
            claims.setdefault(place, event_row(event))
    return claims


def dead_letters(
    log: Log,
    cut: Cut,
    rows: SortedRows,
    *,
    rules: Collection[str] = ADMISSION,
    progress: ProgressCallback = no_progress,
) -> Iterator[dict[str, Any]]:
    """Every dead letter, by rule, then in log order, with `repaired_by`: an event, or None.

    Args:
        log: Any log.
        cut: In its normal form.
        rows: Empty; holds the letters.
        rules: Of admission, to look for.
        progress: Called with the number of records read, twice that of the log.

    Raises:
        StoreError: See `collect_findings`.
    """
    collect_findings(log, cut, rules=rules, rows=rows, progress=progress)
    claims = repairs(log, cut, progress)
    for row in rows:
        place = Location(row["partition"], row["offset"])
        yield row | {"repaired_by": claims.get(place)}


def dead_letter_at(log: Log, place: Location) -> tuple[Record, str]:
    """The dead letter at a place, and the first rule that it fails.

    The rule on 1,000 events is left out: only a student's whole history tells.

    Raises:
        UsageError: If there is no record, or one that is an event.
    """
    assert place.offset is not None
    pointer = f"{place.partition}:{place.offset}"
    if place.partition >= log.partitions:
        raise UsageError(f"{pointer}: the log has {log.partitions} partitions, counted from 0")
    start, end = {place.partition: place.offset}, {place.partition: place.offset + 1}
    record = next(log.read(start, end), None)
    if record is None:
        raise UsageError(f"{pointer}: the log holds no record there")
    admitted = admit(record, log.partitions)
    if not isinstance(admitted, Quarantined):
        raise UsageError(f"{pointer} is an event and no dead letter; nothing is to be repaired")
    return record, admitted.rule


def readable_members(value: bytes | None) -> Mapping[str, str]:
    """The attributes of a dead letter that can be read, as printable text."""
    try:
        members = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(members, dict):
        return {}
    texts = {name: members[name] for name in _MEMBERS if isinstance(members.get(name), str)}
    return {name: excerpt(text.encode(), _TEXT_MAX) for name, text in texts.items()}


def _claimed(value: bytes) -> Location | None:
    claim = orjson.loads(value).get(REPAIR)
    match = _POINTER.fullmatch(claim) if isinstance(claim, str) else None
    return None if match is None else Location(int(match[1]), int(match[2]))
