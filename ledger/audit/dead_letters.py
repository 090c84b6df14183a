"""Dead letters as work for somebody: quarantined records, with the event that has repaired one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ledger.audit.findings import ADMISSION, collect_findings, dead_letter_row, event_row
from ledger.audit.sorted_rows import SortedRows
from ledger.errors import UsageError
from ledger.log import Cut, Location, Log
from ledger.log.progress import ProgressCallback, no_progress
from ledger.repairs import POINTER, Repairs
from schemas.admission import Quarantined, admit
from schemas.record import Record

__all__ = [
    "dead_letter_at",
    "dead_letters",
    "letter_row",
    "parse_pointer",
    "pointer_text",
    "repaired_by",
]

_BYTES_SHOWN = 65_536


def parse_pointer(text: str) -> Location:
    """Read a place such as `3:1042`.

    Raises:
        UsageError: If it is none.
    """
    match = POINTER.fullmatch(text)
    if match is None:
        raise UsageError(f"{text}: a dead letter is named by partition and offset, such as 3:1042")
    return Location(int(match[1]), int(match[2]))


def pointer_text(place: Location) -> str:
    """A place as `parse_pointer` reads it.

    >>> pointer_text(Location(3, 1042))
    '3:1042'
    """
    return f"{place.partition}:{place.offset}"


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
    repairs = Repairs()
    repairs.read_on(log, cut, progress=progress)
    for row in rows:
        place = Location(row["partition"], row["offset"])
        yield row | {"repaired_by": repaired_by(repairs, place)}


def repaired_by(repairs: Repairs, place: Location) -> dict[str, Any] | None:
    """The event that has repaired a letter, as JSON has it; None for an open one."""
    event = repairs.event(place)
    return None if event is None else event_row(event)


def dead_letter_at(log: Log, place: Location) -> tuple[Record, str]:
    """The dead letter at a place, and the first rule that it fails.

    The rule on 1,000 events is left out: only a student's whole history tells.

    Raises:
        UsageError: If there is no record, or one that is an event.
    """
    assert place.offset is not None
    pointer = pointer_text(place)
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


def letter_row(log: Log, place: Location) -> dict[str, Any]:
    """One dead letter with all that is known of it but its repair; its bytes are printable.

    Raises:
        UsageError: See `dead_letter_at`.
    """
    record, rule = dead_letter_at(log, place)
    row = dead_letter_row(record, rule, log.partitions, characters=_BYTES_SHOWN)
    return {"schema": "ledger/dead-letter/v1", **row}
