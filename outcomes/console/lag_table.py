"""The lag of live figures behind the log, as a table or in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group

from ledger.numbers import pluralise, thousands
from ledger.report.brief import brief_page
from ledger.report.page import plain_table, titled
from processors.lag import Lag
from processors.live_report import LiveReport

__all__ = ["brief_live_page", "lag_table"]

_SECONDS_EXPECTED = 60
"""A worker that keeps up is less than this behind."""


def lag_table(lags: Sequence[Lag]) -> Group:
    """One row a partition."""
    table = plain_table("processed to", "end", "records", "seconds", "worker")
    for lag in lags:
        offsets = (lag.next_offset, lag.end, lag.records)
        numbers = (*map(thousands, offsets), f"{lag.seconds:,.1f}")
        table.add_row(f"partition {lag.partition}", *numbers, lag.owner or "none")
    return titled("Lag", table)


def brief_live_page(live: LiveReport) -> Group:
    """The report in brief, with the lag and what of it needs attention."""
    lags = live.lag
    waiting = sum(lag.records for lag in lags)
    behind = f"{pluralise(waiting, 'record')}, {max(lag.seconds for lag in lags):,.1f} s"
    workers = pluralise(len({lag.owner for lag in lags if lag.owner}), "worker")
    line = f"{behind if waiting else 'none'}; {workers} on {pluralise(len(lags), 'partition')}"
    attention = list(_needing_attention(lags))
    return brief_page(live.report, live.letters, lag=line, attention=attention)


def _needing_attention(lags: Sequence[Lag]) -> Iterator[str]:
    alone = sum(lag.owner is None for lag in lags)
    if alone:
        where = "" if alone == len(lags) else f" on {alone:,} of {len(lags):,} partitions"
        yield f"no worker{where}, start `outcomes worker`"
    late = sum(lag.seconds > _SECONDS_EXPECTED for lag in lags)
    if late:
        yield f"{pluralise(late, 'partition')} more than {_SECONDS_EXPECTED} s behind"
