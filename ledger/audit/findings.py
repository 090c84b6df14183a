"""What an auditor asks about: every finding with its events, and every dead letter.

Source: SPEC section 1, Findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import attrgetter
from struct import Struct
from typing import Any

import orjson

from ledger.audit.sorted_rows import Row, SortedRows
from ledger.log import Cut, Log
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from projections.findings import FINDINGS, EventFinding, conflict_finding, student_findings
from projections.history import EVENTS_MAX, Disposition, History
from schemas.admission import Event, Quarantined, admit
from schemas.faults import faults
from schemas.moments import utc_text
from schemas.record import Record
from schemas.rules import RULES
from schemas.text import excerpt, one_line

__all__ = ["ADMISSION", "EXCERPT_CHARACTERS", "collect_findings", "dead_letter_row", "event_row"]

ADMISSION = (*(rule.__name__ for rule in RULES), Disposition.OVER_LIMIT.value)
"""The rules of admission in their order: a dead letter is a record that fails one of them."""

EXCERPT_CHARACTERS = 200
"""How much of a dead letter's key and value is shown."""

FAULTS_MAX = 10
"""How many places are named at which a dead letter fails its rule."""

_MEMBERS = ("source", "id", "type", "subject")
_NUMBERS = {rule: bytes([number]) for number, rule in enumerate((*FINDINGS, *ADMISSION))}
_POSITION = Struct(">Iq")


def collect_findings(
    log: Log,
    cut: Cut,
    *,
    rules: Collection[str] = (*FINDINGS, *ADMISSION),
    rows: SortedRows | None = None,
    progress: ProgressCallback = no_progress,
) -> Counter[str]:
    """Read a log once, by student, and count what there is to ask about.

    Args:
        log: Any log.
        cut: In its normal form.
        rules: Findings and rules of admission to look for.
        rows: Gets a row for each; by rule in the order of the specification, then in log order.
        progress: Called with the number of records read.

    Returns:
        How many there are by rule.

    Raises:
        StoreError: If the log cannot be read, or the temporary folder is full.
    """
    counts: Counter[str] = Counter()
    records = with_progress(log.read_by_key(cut), progress)
    for _, records_of_key in groupby(records, key=attrgetter("key")):
        for row in _rows_of_key(records_of_key, log.partitions, rules):
            counts[row["rule"]] += 1
            if rows is not None:
                rows.add(_order(row), row)
    return counts


def event_row(event: Event) -> dict[str, Any]:
    """An event by its place and its identity, as JSON has it."""
    return {
        "partition": event.partition,
        "offset": event.offset,
        "source": event.source,
        "id": event.id,
        "type": event.fact.TYPE,
    }


def _order(row: Row) -> bytes:
    place = row["events"][0] if "events" in row else row
    return _NUMBERS[row["rule"]] + _POSITION.pack(place["partition"], place["offset"])


def _rows_of_key(
    records: Iterator[Record], partitions: int, rules: Collection[str]
) -> Iterator[Row]:
    history = History()
    for record in records:
        admitted = admit(record, partitions)
        if isinstance(admitted, Quarantined):
            if admitted.rule in rules:
                yield dead_letter_row(record, admitted.rule, partitions)
            continue
        disposition = history.add(admitted)
        if disposition is Disposition.CONFLICT:
            first = history.events[admitted.source, admitted.id]
            yield from _chosen(conflict_finding(admitted, first), rules)
        elif disposition is Disposition.OVER_LIMIT and disposition.value in rules:
            yield dead_letter_row(record, disposition.value, partitions)
    for finding in student_findings(list(history.events.values())):
        yield from _chosen(finding, rules)


def _chosen(each: EventFinding, rules: Collection[str]) -> Iterator[Row]:
    finding, events = each
    if finding.rule in rules:
        yield {
            "rule": finding.rule,
            "subject": events[0].subject,
            "pointer": finding.pointer,
            "reason": finding.reason,
            "events": [event_row(event) for event in events],
        }


def dead_letter_row(
    record: Record, rule: str, partitions: int, *, characters: int = EXCERPT_CHARACTERS
) -> Row:
    """A quarantined record: where it is, what is wrong with it, and its bytes as printable text.

    Args:
        record: The record.
        rule: That it fails.
        partitions: The log's partition count.
        characters: How much of its key and value is shown.
    """
    located = [(fault.pointer, fault.reason) for fault in faults(record, partitions)] or [
        ("/subject", f"its subject has {EVENTS_MAX:,} events before this record")
    ]
    return {
        "rule": rule,
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": utc_text(record.recorded_at),
        **_readable_members(record.value),
        "key": _shown(record.key, characters),
        "value": _shown(record.value, characters),
        "bytes": None if record.value is None else len(record.value),
        "faults": [
            {"pointer": _shown(pointer.encode()), "reason": one_line(reason)}
            for pointer, reason in located[:FAULTS_MAX]
        ],
    }


def _readable_members(value: bytes | None) -> Row:
    """The attributes of a dead letter that can be read, as printable text."""
    try:
        members = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(members, dict):
        return {}
    texts = {name: members[name] for name in _MEMBERS if isinstance(members.get(name), str)}
    return {name: _shown(text.encode()) for name, text in texts.items()}


def _shown(data: bytes | None, characters: int = EXCERPT_CHARACTERS) -> str | None:
    return None if data is None else excerpt(data, characters)
