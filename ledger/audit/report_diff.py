"""What moved between two report files: their cells alone, without a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.audit.diff import Change, Comparison, RateChange
from ledger.audit.diff_query import Cell
from ledger.errors import BadInputError
from ledger.report.model import ReportOutline, Row

__all__ = ["Stated", "compare_stated", "read_stated", "refuse_other_figures"]


class Stated(NamedTuple):
    """What a report file says.

    Attributes:
        name: What a person knows it by.
        report: The report.
        counts: Of the reference year.
        previous: Of the year before.
        rates: Numerator and denominator.
    """

    name: str
    report: ReportOutline
    counts: Mapping[Cell, int]
    previous: Mapping[Cell, int]
    rates: Mapping[Cell, tuple[int, int]]


def read_stated(name: str, report: ReportOutline) -> Stated:
    """The figures of a report file.

    Raises:
        BadInputError: If a figure is no whole number.
    """
    counts, previous, rates = {}, {}, {}
    for row in report.counts:
        cell = Cell(row.measure, row.group)
        counts[cell] = _number(name, row, "count")
        previous[cell] = _number(name, row, "previous")
    for row in report.rates:
        pair = _number(name, row, "numerator"), _number(name, row, "denominator")
        rates[Cell(row.measure, row.group)] = pair
    return Stated(name, report, counts, previous, rates)


def compare_stated(
    before: Stated, after: Stated
) -> tuple[list[Change], list[RateChange], list[Cell]]:
    """The counts and the rates that differ, and the counts of the year before that do.

    A row that one of them lacks counts as 0. Which students moved, a file does not say: 0 of them.
    """
    first, second = before.counts, after.counts
    changes = [
        Change(cell, first.get(cell, 0), second.get(cell, 0), 0)
        for cell in sorted(first.keys() | second.keys())
        if first.get(cell, 0) != second.get(cell, 0)
    ]
    none = (0, 0)
    rate_changes = [
        RateChange(cell, before.rates.get(cell, none), after.rates.get(cell, none))
        for cell in sorted(before.rates.keys() | after.rates.keys())
        if before.rates.get(cell, none) != after.rates.get(cell, none)
    ]
    earlier = sorted(before.previous.keys() | after.previous.keys())
    return (
        changes,
        rate_changes,
        [cell for cell in earlier if before.previous.get(cell, 0) != after.previous.get(cell, 0)],
    )


def refuse_other_figures(comparison: Comparison, stated: tuple[Stated, Stated]) -> None:
    """Refuse to explain report files that say something else than the log.

    Raises:
        BadInputError: If a count of a file is not that of the log at its cut.
    """
    for total, file in zip(comparison.totals, stated, strict=True):
        others = [cell for cell, count in file.counts.items() if total.cells[cell] != count]
        if others:
            measure, group = others[0]
            raise BadInputError(
                f"{file.name} says {file.counts[others[0]]} for {measure}|{group}, the log"
                f" {total.cells[others[0]]} at its cut; `outcomes verify` lists what differs"
            )


def _number(name: str, row: Row, member: str) -> int:
    value = row.as_json().get(member)
    if type(value) is not int:
        raise BadInputError(
            f"{name}: {member} of {row.measure}|{row.group} is no whole number;"
            " is it of `outcomes report --json`?"
        )
    return value
