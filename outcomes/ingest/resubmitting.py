"""Repairing dead letters: corrected events are appended, and say which letter they repair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson

from ledger.audit.dead_letters import dead_letter_at, dead_letters, pointer_text
from ledger.audit.sorted_rows import SortedRows
from ledger.diagnostics import logger
from ledger.errors import BadInputError, UsageError
from ledger.log import Location, Log, NewRecord
from ledger.log.progress import ProgressCallback, no_progress
from ledger.repairs import REPAIR, Repairs, other_member
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from schemas.admission import Event, admit
from schemas.finding import Finding
from schemas.record import Record

__all__ = [
    "UNCHANGED_RULES",
    "Correction",
    "corrected_record",
    "corrections",
    "open_places",
    "refuse_repaired",
    "repair",
    "repair_rows",
]

UNCHANGED_RULES = ("key_must_equal_subject", "partition_must_follow_key")
"""What is wrong is not in the event: appended by the ledger, the same bytes are one."""

_WAIT_SECONDS = 30.0
_AT_ONCE = 1_000


class Correction(NamedTuple):
    """What is to be appended for a dead letter.

    Attributes:
        letter: Where it is.
        record: That repairs it; None where it cannot be repaired so.
        fault: Why not.
    """

    letter: Location
    record: NewRecord | None
    fault: str = ""


def corrected_record(log: Log, place: Location, corrected: bytes | None) -> NewRecord:
    """The record that repairs a dead letter.

    Args:
        log: That holds the letter.
        place: Of the letter.
        corrected: The event; None for the letter's own bytes, where only its key or partition is
            wrong.

    Raises:
        BadInputError: If that is no event, or has another source, id or subject than the letter.
        UsageError: If there is no dead letter at the place.
    """
    letter, rule = dead_letter_at(log, place)
    if corrected is None and rule not in UNCHANGED_RULES:
        raise BadInputError(f"{pointer_text(place)} fails {rule}; hand in the corrected event")
    text = (letter.value if corrected is None else corrected) or b""
    record, faults, members = EVENTS.judge(Line(1, text))
    if record is None:
        raise BadInputError(f"the corrected event is at fault: {_listed(faults)}")
    event = admit(Record(0, 0, 0, record.key, record.value), 1)
    assert isinstance(event, Event)
    # Under another identity, a later resend of the first would be a second fact.
    other = other_member(letter, event)
    if other is not None:
        raise BadInputError(f"the corrected event has another {other}; keep the letter's own")
    claim = pointer_text(place)
    if members.get(REPAIR, claim) != claim:
        raise BadInputError(f"the corrected event claims to repair another letter than {claim}")
    return record if REPAIR in members else NewRecord(record.key, _with_claim(text, claim))


def refuse_repaired(log: Log, place: Location, repairs: Repairs) -> None:
    """Refuse a letter that is repaired already.

    Args:
        log: That holds the letter.
        place: Of the letter.
        repairs: Of the log; read up to its end.

    Raises:
        UsageError: If an event has repaired it.
    """
    repairs.read_on(log, log.end())
    event = repairs.event(place)
    if event is not None:
        repair = pointer_text(Location(event.partition, event.offset))
        raise UsageError(f"{pointer_text(place)} is repaired already, by {repair}")


def open_places(
    log: Log, rules: Sequence[str], progress: ProgressCallback = no_progress
) -> list[Location]:
    """All open letters of rules that ask for no change of the event.

    Args:
        log: Any log; it is read twice.
        rules: Of `UNCHANGED_RULES`, at least one.
        progress: Called with the number of records read.

    Raises:
        UsageError: If a rule asks for a corrected event.
    """
    if not rules or not set(rules) <= set(UNCHANGED_RULES):
        raise UsageError(
            f"all at once is for the rules {' and '.join(UNCHANGED_RULES)}, where the event itself"
            " is right; correct the others one by one"
        )
    with SortedRows() as rows:
        letters = dead_letters(log, log.normalise(log.end()), rows, rules=rules, progress=progress)
        return [
            Location(row["partition"], row["offset"])
            for row in letters
            if row["repaired_by"] is None
        ]


def corrections(log: Log, places: Iterable[Location]) -> Iterator[Correction]:
    """What repairs letters without a change; some have a second fault, which asks for one."""
    for place in places:
        try:
            yield Correction(place, corrected_record(log, place, None))
        except BadInputError as error:
            yield Correction(place, None, str(error))


def repair(
    log: Log,
    fixes: Sequence[Correction],
    *,
    caller: str | None = None,
    wait_seconds: float = _WAIT_SECONDS,
    progress: ProgressCallback = no_progress,
) -> list[dict[str, str]]:
    """Append the records that repair dead letters; each is itself logged.

    Args:
        log: Open to append.
        fixes: Those without a record are left.
        caller: Who asks for it, for the log of the program.
        wait_seconds: How long an append waits for the file or the brokers.
        progress: Called with the number of letters repaired.

    Returns:
        See `repair_rows`, with `event`, the place of the repair.

    Raises:
        StoreError: If the log could not take a record; sending all again is safe.
    """
    rows = {fix.letter: row for fix, row in zip(fixes, repair_rows(fixes), strict=True)}
    ready = [(fix.letter, fix.record) for fix in fixes if fix.record is not None]
    for start in range(0, len(ready), _AT_ONCE):
        part = ready[start : start + _AT_ONCE]
        appended = log.append_each([record for _, record in part], wait_seconds=wait_seconds)
        for (letter, _), location in zip(part, appended.locations, strict=True):
            if location is not None:
                rows[letter]["event"] = pointer_text(location)
                names = {"letter": pointer_text(letter), "repaired_by": pointer_text(location)}
                logger().info(
                    "dead_letter.resubmitted", **names, **({"caller": caller} if caller else {})
                )
        if appended.failure is not None:
            raise appended.failure
        progress(start + len(part))
    return list(rows.values())


def repair_rows(fixes: Sequence[Correction]) -> list[dict[str, str]]:
    """What would become of letters: `letter`, its place, and `fault` where it is left."""
    return [
        {"letter": pointer_text(fix.letter)} | ({"fault": fix.fault} if fix.record is None else {})
        for fix in fixes
    ]


def _with_claim(text: bytes, claim: str) -> bytes:
    """The event with the claim as its first member; every other byte stays as it was."""
    before, brace, after = text.partition(b"{")
    return before + brace + orjson.dumps({REPAIR: claim})[1:-1] + b"," + after


def _listed(faults: list[Finding]) -> str:
    return "; ".join(
        f"{fault.rule}{f' at {fault.pointer}' if fault.pointer else ''}: {fault.reason}"
        for fault in faults[:3]
    )
