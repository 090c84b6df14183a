"""The log port: what every log can do, whatever keeps it."""

from __future__ import annotations

from ledger.log.address import for_appending, open_log
from ledger.log.cut import Cut, format_cut, furthest, parse_cut
from ledger.log.port import Acknowledged, Log, NewRecord

__all__ = [
    "Acknowledged",
    "Cut",
    "Log",
    "NewRecord",
    "for_appending",
    "format_cut",
    "furthest",
    "open_log",
    "parse_cut",
]
