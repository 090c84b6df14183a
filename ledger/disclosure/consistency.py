"""Whether a report can be one that the ledger made: what an attacker takes for granted must hold.

A report comes from a file too, and a file may have been changed. From counts that contradict each
other no solution starts, so they are refused before anything is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ledger.disclosure.first_form import counts_by_cell
from ledger.disclosure.forms import Cell
from ledger.disclosure.relations import is_made_zero, relations_of
from ledger.report.model import Report, Row
from projections.figures import Figures
from projections.measures.catalogue import COUNTS, FAMILIES, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import Policy

__all__ = ["contradictions"]


def contradictions(report: Report, policy: Policy) -> Iterator[str]:
    """What is wrong with the figures of a report, a few words each; nothing if all is well.

    Args:
        report: Any.
        policy: The one that it names.
    """
    groups = [(measure, group) for measure in COUNTS for group in groups_shown(measure, policy)]
    rates = [(rate.name, group) for rate in RATES for group in MEMBERSHIP_GROUPS]
    faults = [
        *_wrong_rows("counts", report.counts, groups),
        *_wrong_rows("rates", report.rates, rates),
    ]
    if faults:
        # Without its rows nothing can be added up.
        yield from faults
        return
    counts = counts_by_cell(report)
    yield from _impossible_counts(counts, policy)
    yield from _broken_relations(counts, policy)
    yield from _wrong_rates(report, policy)


def _wrong_rows(
    member: str, rows: Iterable[Row], expected: Iterable[tuple[str, str]]
) -> Iterator[str]:
    present = sorted((row.measure, row.group) for row in rows)
    wanted = sorted(expected)
    if present != wanted:
        differing = sorted({*present} ^ {*wanted}) or present
        measure, group = differing[0]
        yield f"{member} does not have each of its rows once, see {measure}|{group}"


def _impossible_counts(counts: Mapping[Cell, int], policy: Policy) -> Iterator[str]:
    for cell, count in counts.items():
        if count < 0 or (count and is_made_zero(cell, policy)):
            yield f"{_named(cell)} cannot be {count}"


def _broken_relations(counts: Mapping[Cell, int], policy: Policy) -> Iterator[str]:
    for family in FAMILIES:
        for years_back in (0, 1):
            for relation in relations_of(family, policy, years_back):
                if not relation.holds(counts):
                    listed = ", ".join(f"{_named(cell)} {counts[cell]}" for cell in relation.terms)
                    yield f"these counts contradict each other: {listed}"


def _wrong_rates(report: Report, policy: Policy) -> Iterator[str]:
    figures, year = Figures(), report.reference_year
    for row in report.counts:
        figures.cells[year, row.measure, row.group] = row.count
    for rate in report.rates:
        part, whole = figures.rate(year, rate.measure, rate.group, policy)
        if (part, whole) != (rate.numerator, rate.denominator):
            yield f"{rate.measure}|{rate.group} is not that of the counts, {part}/{whole}"


def _named(cell: Cell) -> str:
    return f"{cell.measure}|{cell.group}{' of the year before' if cell.years_back else ''}"
