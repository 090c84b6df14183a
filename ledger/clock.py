"""The only reader of the clock: everything else is handed a moment."""

from __future__ import annotations

import time

__all__ = ["now_ms"]


def now_ms() -> int:
    """Now, in milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000
