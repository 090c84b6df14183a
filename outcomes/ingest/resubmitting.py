"""Repairing a dead letter: the corrected event is appended, and says which letter it repairs."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from ledger.audit.dead_letters import REPAIR, dead_letter_at, readable_members
from ledger.diagnostics import logger
from ledger.errors import BadInputError
from ledger.log import Location, Log, NewRecord
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from schemas.finding import Finding
from schemas.text import excerpt

__all__ = ["UNCHANGED_RULES", "Resubmission", "corrected_record", "resubmit"]

UNCHANGED_RULES = ("key_must_equal_subject", "partition_must_follow_key")
"""What is wrong is not in the event: appended by the ledger, the same bytes are one."""

_IDENTITY = ("source", "id")
_WAIT_SECONDS = 30.0
_TEXT_MAX = 200


class Resubmission(NamedTuple):
    """A repaired letter.

    Attributes:
        letter: Where the dead letter is.
        event: Where its corrected event is.
    """

    letter: Location
    event: Location


def corrected_record(log: Log, place: Location, corrected: bytes | None) -> NewRecord:
    """The record that repairs a dead letter.

    Args:
        log: That holds the letter.
        place: Of the letter.
        corrected: The event; None for the letter's own bytes, where only its key or partition is
            wrong.

    Raises:
        BadInputError: If that is no event, or has another source and id than the letter.
        UsageError: If there is no dead letter at the place.
    """
    letter, rule = dead_letter_at(log, place)
    if corrected is None and rule not in UNCHANGED_RULES:
        raise BadInputError(f"{_name(place)} fails {rule}; hand in the corrected event")
    text = (letter.value if corrected is None else corrected) or b""
    record, faults = EVENTS.judge(Line(1, text))
    if record is None:
        raise BadInputError(f"the corrected event is at fault: {_listed(faults)}")
    members = orjson.loads(text)
    # Under another identity, a later resend of the first would be a second fact.
    known = readable_members(letter.value)
    for name in _IDENTITY:
        if name in known and known[name] != excerpt(members[name].encode(), _TEXT_MAX):
            raise BadInputError(f"the corrected event has another {name}; keep the letter's own")
    claim = _name(place)
    if members.get(REPAIR, claim) != claim:
        raise BadInputError(
            f"the corrected event claims to repair {members[REPAIR]!r}, not {claim}"
        )
    return record if REPAIR in members else NewRecord(record.key, _with_claim(text, claim))


def resubmit(log: Log, record: NewRecord, place: Location) -> Resubmission:
    """Append the record that repairs a dead letter; it is itself logged.

    Args:
        log: Open to append.
        record: From `corrected_record`.
        place: Of the letter.

    Raises:
        StoreError: If the log could not take it; sending it again is safe.
    """
    appended = log.append_each([record], wait_seconds=_WAIT_SECONDS)
    (location,) = appended.locations
    if location is None:
        assert appended.failure is not None
        raise appended.failure
    logger().info("dead_letter.resubmitted", letter=_name(place), repaired_by=_name(location))
    return Resubmission(place, location)


def _with_claim(text: bytes, claim: str) -> bytes:
    """The event with the claim as its first member; every other byte stays as it was."""
    before, brace, after = text.partition(b"{")
    return before + brace + orjson.dumps({REPAIR: claim})[1:-1] + b"," + after


def _name(place: Location) -> str:
    return f"{place.partition}:{place.offset}"


def _listed(faults: list[Finding]) -> str:
    return "; ".join(f"{fault.rule} at {fault.pointer}: {fault.reason}" for fault in faults[:3])
