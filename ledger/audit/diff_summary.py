"""A comparison as it is printed: its two sides, and every cell that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.audit.diff import Change, Comparison, RateChange
from ledger.audit.diff_query import Cell, Side
from ledger.audit.report_diff import Stated, compare_stated
from ledger.log import Log
from ledger.report.make import zoned_text
from projections.policy import Difference, differing_parameters

__all__ = ["DiffSummary", "summarise", "summarise_stated"]


class DiffSummary(NamedTuple):
    """What two sides have to do with each other.

    Attributes:
        year: The reference year.
        before: The first side as JSON has it: policy, cut, number of records.
        after: The second side.
        parameters: Those in which the policies differ, as far as both are known.
        changes: Every count that differs.
        rates: Every rate that differs.
        previous_changes: The counts of the year before that differ.
        balanced: The cells that are equal although students have moved; None without a log.
    """

    year: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    parameters: Sequence[Difference]
    changes: Sequence[Change]
    rates: Sequence[RateChange]
    previous_changes: Sequence[Cell]
    balanced: Sequence[Cell] | None = None

    def as_json(self) -> dict[str, Any]:
        """All but the cells, which may be many."""
        return {
            "schema": "ledger/diff/v1",
            "reference_year": self.year,
            "before": self.before,
            "after": self.after,
            "parameters": [difference._asdict() for difference in self.parameters],
            "previous_year_changes": len(self.previous_changes),
            "balanced_cells": None if self.balanced is None else len(self.balanced),
        }


def summarise(log: Log, comparison: Comparison) -> DiffSummary:
    """What a log says of two sides."""
    before, after = comparison.query.before, comparison.query.after
    first, second = comparison.records
    return DiffSummary(
        comparison.query.year,
        _side(log, before, first.records),
        _side(log, after, second.records),
        differing_parameters(before.policy, after.policy),
        comparison.changes(),
        comparison.rate_changes(),
        comparison.previous_changes(),
        comparison.balanced(),
    )


def summarise_stated(
    before: Stated, after: Stated, parameters: Sequence[Difference] = ()
) -> DiffSummary:
    """What two report files say."""
    changes, rates, previous = compare_stated(before, after)
    year = before.report.reference_year
    sides = (_stated_side(before), _stated_side(after))
    return DiffSummary(year, *sides, parameters, changes, rates, previous)


def _side(log: Log, side: Side, records: int) -> dict[str, Any]:
    policy = side.policy
    latest = log.latest_recorded_at(side.cut)
    return {
        "policy": {"id": policy.id, "version": policy.version, "sha256": policy.sha256},
        "cut": {str(partition): offset for partition, offset in side.cut.items()},
        "records": records,
        "latest_recorded_at": zoned_text(latest, policy),
    }


def _stated_side(stated: Stated) -> dict[str, Any]:
    report = stated.report
    records = report.log.records
    return {
        "file": stated.name,
        "policy": report.policy.as_json(),
        "cut": dict(report.log.cut),
        "records": records if type(records) is int else None,
        "latest_recorded_at": None,
    }
