"""The key figures of a live report: what somebody in operations looks at first."""

from __future__ import annotations

from typing import Any

from ledger.report import Report
from processors.live_report import LiveReport, lag_members

__all__ = ["key_figures"]

_ALL = "all"


def key_figures(live: LiveReport) -> dict[str, Any]:
    """The main count with last year's, the rates of all, the records, the lag.

    Args:
        live: A live report.

    Returns:
        JSON values; rates as their two counts.
    """
    report = live.report
    waiting = [lag for lag in live.lag if lag.records]
    return {
        "reference_year": report.reference_year,
        "policy": report.policy.as_json(),
        "cut": dict(report.log.cut),
        "digest": report.digest,
        "counts": _rows(report, "counts"),
        "rates": _rows(report, "rates"),
        "provisional": dict(report.provisional),
        "records": report.records.as_json(),
        "dead_letters": {"open": dict(live.letters.open), "repaired": dict(live.letters.repaired)},
        "lag": {
            "records": sum(lag.records for lag in waiting),
            "seconds": max((lag.seconds for lag in waiting), default=0),
            **lag_members(live.lag),
        },
    }


def _rows(report: Report, kind: str) -> list[dict[str, Any]]:
    rows = report.counts if kind == "counts" else report.rates
    return [row.as_json() for row in rows if row.group == _ALL]
