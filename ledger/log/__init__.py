"""The log port: what every log can do, whatever stores it."""

from __future__ import annotations

from ledger.log.address import (
    ArchiveAddress,
    LogAddress,
    SqliteAddress,
    TopicAddress,
    open_log,
    open_to_append,
    parse_address,
)
from ledger.log.cut import Cut, format_cut, furthest, parse_cut
from ledger.log.port import (
    Acknowledged,
    Check,
    EachAppended,
    Location,
    Log,
    NewRecord,
    Severity,
)

__all__ = [
    "Acknowledged",
    "ArchiveAddress",
    "Check",
    "Cut",
    "EachAppended",
    "Location",
    "Log",
    "LogAddress",
    "NewRecord",
    "Severity",
    "SqliteAddress",
    "TopicAddress",
    "format_cut",
    "furthest",
    "open_log",
    "open_to_append",
    "parse_address",
    "parse_cut",
]
