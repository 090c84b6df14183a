"""The lag of live figures behind the log, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group

from ledger.numbers import thousands
from ledger.report.page import plain_table, titled
from processors.lag import Lag

__all__ = ["lag_table"]


def lag_table(lags: Sequence[Lag]) -> Group:
    """One row a partition."""
    table = plain_table("processed to", "end", "records", "seconds", "worker")
    for lag in lags:
        offsets = (lag.next_offset, lag.end, lag.records)
        numbers = (*map(thousands, offsets), f"{lag.seconds:.1f}")
        table.add_row(f"partition {lag.partition}", *numbers, lag.owner or "none")
    return titled("Lag", table)
