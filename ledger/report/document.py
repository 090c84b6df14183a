"""The report as JSON, to the byte (SPEC section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson

from ledger.log import Cut
from ledger.replay import FiguresAtCut
from projections.figures import Figures
from projections.maturity import provisional_until
from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import Policy
from schemas.canonical import canonical, sha256_hex
from schemas.moments import midnight
from schemas.version import RULES_VERSION

__all__ = ["Report", "build_report", "digest_of", "provisional", "report_bytes"]

DIGESTED = ("rules", "reference_year", "policy", "records", "counts", "rates")

Report = dict[str, Any]


def build_report(replayed: FiguresAtCut, *, log_name: str, policy: Policy, year: int) -> Report:
    """The report of one year under one policy.

    Args:
        replayed: From a replay that was asked for this policy.
        log_name: See `Log.name`.
        policy: Names the figures among those replayed.
        year: The reference year.
    """
    figures = replayed.figures[policy.sha256]
    report: Report = {
        "schema": "ledger/report/v1",
        "rules": RULES_VERSION,
        "reference_year": year,
        "policy": {"id": policy.id, "version": policy.version, "sha256": policy.sha256},
        "log": {
            "name": log_name,
            "cut": _cut(replayed.cut),
            "records": replayed.records.records,
        },
        "records": replayed.records.as_dict(),
        "counts": list(_counts(figures, policy, year)),
        "rates": list(_rates(figures, policy, year)),
        "provisional": provisional(policy, year, replayed.latest_recorded_at),
    }
    report["digest"] = digest_of(report)
    return report


def digest_of(report: Report) -> str:
    """`sha256:` and the hexadecimal hash over all that the figures hang on."""
    chosen = {name: report[name] for name in DIGESTED}
    chosen["log"] = {"cut": report["log"]["cut"]}
    return f"sha256:{sha256_hex(canonical(chosen))}"


def report_bytes(report: Report | list[Report]) -> bytes:
    """As it is printed and filed: two blanks a level, ends with a line end."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def provisional(policy: Policy, year: int, latest_recorded_at: int | None) -> dict[str, str]:
    """The measures that are not final yet, with the date on or before which they were not.

    Source: SPEC section 4, Maturity.
    """
    last_days = sorted(provisional_until(policy, year).items())
    dates = {measure: last_day.isoformat() for measure, last_day in last_days}
    if latest_recorded_at is None:
        return dates
    # A foreign producer's clock may claim any time, one without a date too.
    seconds = min(latest_recorded_at // 1_000, midnight(date.max))
    moment = datetime.fromtimestamp(seconds, UTC)
    latest_on = moment.astimezone(policy.time_zone).date().isoformat()
    return {measure: until for measure, until in dates.items() if latest_on <= until}


def _cut(cut: Cut) -> dict[str, int]:
    return {str(partition): cut[partition] for partition in sorted(cut)}


def _counts(figures: Figures, policy: Policy, year: int) -> Iterator[dict[str, Any]]:
    cells = sorted(
        (measure, group) for measure in COUNTS for group in groups_shown(measure, policy)
    )
    for measure, group in cells:
        yield {
            "measure": measure,
            "group": group,
            "count": figures.count(year, measure, group),
            "previous": figures.count(year - 1, measure, group),
        }


def _rates(figures: Figures, policy: Policy, year: int) -> Iterator[dict[str, Any]]:
    for name in sorted(rate.name for rate in RATES):
        for group in sorted(MEMBERSHIP_GROUPS):
            numerator, denominator = figures.rate(year, name, group, policy)
            yield {
                "measure": name,
                "group": group,
                "numerator": numerator,
                "denominator": denominator,
            }
