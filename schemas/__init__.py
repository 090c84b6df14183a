"""The words of the ledger: what an event is, and which records are events.

Read `events` for the nine facts, `envelope` for what surrounds them, `admission` for the ordered
rules that turn a record's bytes into an event or the name of the first rule it fails.
"""

from __future__ import annotations

from schemas.admission import Event, Quarantined, admit
from schemas.record import Record

__all__ = ["Event", "Quarantined", "Record", "admit"]
