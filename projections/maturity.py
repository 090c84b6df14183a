"""Until when a measure is provisional: the observation period of its last student is open.

Source: SPEC section 4, Maturity.
"""

from __future__ import annotations

from datetime import date

from projections.measures.catalogue import FAMILIES, Maturity
from projections.policy import Policy
from schemas.moments import months_after

__all__ = ["provisional_until"]


def provisional_until(policy: Policy, year: int) -> dict[str, date]:
    """The last day on which each measure of a year that matures is provisional, by measure."""
    return {
        measure: _last_day(family.maturity, policy, year)
        for family in FAMILIES
        if family.maturity is not None
        for measure in family.maturing
    }


def _last_day(maturity: Maturity, policy: Policy, year: int) -> date:
    start = date(year, 12, 31)
    if maturity.start == "placement_window_end":
        start = date(year, *policy.placement_days[1])
    if maturity.months is None:
        return start
    months: int = getattr(policy, maturity.months)
    return months_after(start, months)
