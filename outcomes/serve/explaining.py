"""Opening a figure over HTTP: the counts by reason, and a page of the rows behind it.

The log is read at the cut of the figures, as `outcomes explain` does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ledger.audit.explain import (
    ExplainQuery,
    Part,
    Totals,
    explain_figure,
    explanation_row,
)
from ledger.log import Log, LogAddress, format_cut
from ledger.log.progress import ProgressCallback
from outcomes.console.explain_page import explain_head, totals_as_json
from outcomes.serve.log_reading import LogReading
from projections.explanations import Explanation
from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import Policy

__all__ = ["Explained", "Explainer", "is_cell"]

ROWS = 100
"""Rows of a page."""


class Explained(NamedTuple):
    """A figure that was opened.

    Attributes:
        query: Which.
        log_name: Of the log.
        totals: What its candidates add up to.
        rows: Those of the page.
        pages: How many there are.
    """

    query: ExplainQuery
    log_name: str
    totals: Totals
    rows: list[tuple[Part, Explanation]]
    pages: int

    def as_json(self) -> dict[str, Any]:
        """Without rows, as `outcomes explain --json --counts` has it."""
        return explain_head(self.query, self.log_name) | totals_as_json(self.query, self.totals)

    def rows_as_json(self) -> list[Any]:
        """The rows of the page."""
        return [explanation_row(*row) for row in self.rows]


class Explainer:
    """Opens figures of one log."""

    def __init__(self, address: LogAddress, seconds: float = 15.0) -> None:
        """Name the log.

        Args:
            address: Of the log.
            seconds: What one figure may take.
        """
        self._reading = LogReading(address, seconds)

    async def explain(self, query: ExplainQuery, wanted: str, page: int) -> Explained:
        """Open a figure.

        Args:
            query: Which; its cut is one that the log holds.
            wanted: Which rows: `counted`, `near` or `all`.
            page: Of the rows, from 1.

        Raises:
            Problem: 503 if the log is out of reach.
            TooLongProblem: If it is too long to be read now; its member `command` does it.
        """

        def work(log: Log, check: ProgressCallback) -> Explained:
            normal = query._replace(cut=log.normalise(query.cut))
            totals, first, count = Totals(), (page - 1) * ROWS, 0
            rows = list[tuple[Part, Explanation]]()
            for part, explanation in explain_figure(log, normal, totals, check):
                check(0)
                if wanted in ("all", "counted" if explanation.is_counted else "near"):
                    if first <= count < first + ROWS:
                        rows.append((part, explanation))
                    count += 1
            return Explained(normal, log.name, totals, rows, max(1, -(-count // ROWS)))

        records = sum(query.cut.values())
        return await self._reading.run(work, records=records, command=_command(query))


def is_cell(measure: str, group: str, policy: Policy) -> bool:
    """Whether a report under a policy has a figure there."""
    if measure in COUNTS:
        return group in groups_shown(measure, policy)
    return measure in {rate.name for rate in RATES} and group in MEMBERSHIP_GROUPS


def _command(query: ExplainQuery) -> str:
    return (
        f"outcomes explain --year {query.year} --measure {query.measure}"
        f" --group {query.group} --policy {query.policy.id} --cut {format_cut(query.cut)}"
    )
