"""The first form of a report: how its figures would be shown if nobody compared them.

What is hidden later depends on nothing else: only here are exact counts turned into forms.

Source: SPEC section 7, first form.
"""

from __future__ import annotations

from ledger.disclosure.forms import (
    Cell,
    Form,
    Forms,
    counts_of_rate,
    denominator_of,
    form_of,
    nearest_multiple,
    step_of,
)
from ledger.disclosure.profile import Profile
from ledger.report.model import RateRow, Report
from projections.measures.catalogue import RATES
from projections.policy import Policy

__all__ = ["counts_by_cell", "first_form"]


def first_form(report: Report, policy: Policy, profile: Profile) -> Forms:
    """The first form of a report.

    Args:
        report: Any whose rates are those of its counts.
        policy: The one that it was made under; says which count a placement rate is of.
        profile: Says how a figure is shown.
    """
    counts: dict[Cell, Form] = {
        cell: form_of(profile, count)
        for cell, count in counts_by_cell(report).items()
        if cell.measure not in profile.left_out
    }
    rates = {
        (row.measure, row.group): _rate_form(row, counts, policy, profile)
        for row in report.rates
        if row.measure not in profile.left_out
    }
    return Forms(counts, rates)


def counts_by_cell(report: Report) -> dict[Cell, int]:
    """The exact counts of both years."""
    by_cell = {}
    for row in report.counts:
        by_cell[Cell(row.measure, row.group)] = row.count
        by_cell[Cell(row.measure, row.group, 1)] = row.previous
    return by_cell


def _rate_form(
    row: RateRow, counts: dict[Cell, Form], policy: Policy, profile: Profile
) -> int | None:
    """A rate to its step; a count that is left out is not shown, and so no rate of it is."""
    rate = next(rate for rate in RATES if rate.name == row.measure)
    for measure in counts_of_rate(rate, policy):
        if not isinstance(counts.get(Cell(measure, row.group)), int):
            return None
    whole = counts[Cell(denominator_of(rate, policy), row.group)]
    assert isinstance(whole, int)
    step = step_of(profile, whole)
    return None if step is None else nearest_multiple(row.numerator * 1_000, row.denominator, step)
