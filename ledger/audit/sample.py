"""An audit sample that anybody can draw again: from a report's digest and a seed (docs/audit.md).

Each counted unit has a ticket, a hash of the digest, the seed, the cell and the unit, and the units
with the smallest tickets are drawn. That is sampling without replacement by permanent random
numbers (E. Ohlsson, 1995), in the form of R. L. Rivest, "Consistent Sampling with Replacement",
arXiv:1808.10016 (2018): whoever knows the digest and the seed finds the same tickets, in any order
and with any program, and a larger sample holds the smaller one.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ledger.audit.explain import ExplainQuery, Totals, explain_figure
from ledger.audit.sorted_rows import Row
from ledger.audit.trace import Trace, traces_of
from ledger.evidence.leaf import leaf_of
from ledger.log import Log
from ledger.log.progress import ProgressCallback, no_progress
from projections.explanations import Explanation
from schemas.moments import utc_text

__all__ = ["Drawn", "SampleQuery", "draw_sample", "ticket_of", "work_sheet"]


class SampleQuery(NamedTuple):
    """What is drawn.

    Attributes:
        figure: A count; its counted candidates are the units.
        digest: Of the report of that year, policy and cut: `sha256:` and 64 hexadecimal digits.
        seed: A number that was agreed after the digest was published.
        size: How many units are drawn, or all where there are fewer.
    """

    figure: ExplainQuery
    digest: str
    seed: int
    size: int


class Drawn(NamedTuple):
    """A unit of the sample.

    Attributes:
        ticket: 64 hexadecimal digits; units are drawn in their order.
        explanation: The candidate that counts.
    """

    ticket: str
    explanation: Explanation


def ticket_of(query: SampleQuery, explanation: Explanation) -> str:
    """SHA-256 of seven lines without an end: digest, seed, year, measure, group, subject, place."""
    figure, first = query.figure, explanation.events[0]
    lines = (
        query.digest,
        query.seed,
        figure.year,
        figure.measure,
        figure.group,
        explanation.subject,
        f"{first.partition}:{first.offset}",
    )
    return hashlib.sha256("\n".join(map(str, lines)).encode()).hexdigest()


def draw_sample(
    log: Log, query: SampleQuery, progress: ProgressCallback = no_progress
) -> tuple[list[Drawn], int]:
    """The units with the smallest tickets, in that order, and of how many they were drawn.

    Raises:
        StoreError: If the log cannot be read.
    """
    totals = Totals()
    tickets = (
        Drawn(ticket_of(query, explanation), explanation)
        for _, explanation in explain_figure(log, query.figure, totals, progress)
        if explanation.is_counted
    )
    drawn = heapq.nsmallest(query.size, tickets, key=lambda unit: unit.ticket)
    return drawn, totals.counted.total()


def work_sheet(
    log: Log,
    query: SampleQuery,
    drawn: Iterable[Drawn],
    progress: ProgressCallback = no_progress,
) -> Iterator[Row]:
    """A row for each record of each drawn student, in the order of the draw, then of the log.

    Raises:
        StoreError: If the log cannot be read.
    """
    units = list(drawn)
    subjects = {unit.explanation.subject for unit in units}
    traces = traces_of(log, query.figure.cut, subjects, query.figure.policy, progress)
    for number, unit in enumerate(units, 1):
        for record in _rows(traces[unit.explanation.subject], unit):
            yield {"number": number, "ticket": unit.ticket, **record}


def _rows(trace: Trace, unit: Drawn) -> Iterator[dict[str, Any]]:
    rests_on = {reference[:2] for reference in unit.explanation.events}
    for traced in trace.records:
        judged = traced.judged
        record, glimpse = judged.record, judged.glimpse
        yield {
            "subject": trace.subject,
            "rests_on_it": (record.partition, record.offset) in rests_on,
            "partition": record.partition,
            "offset": record.offset,
            "recorded_at": utc_text(record.recorded_at),
            "type": glimpse.type,
            "dates": " ".join(f"{name}={day}" for name, day in glimpse.dates.items()),
            "source": glimpse.source,
            "id": glimpse.id,
            "verdict": str(judged.verdict),
            "leaf_sha256": leaf_of(record).hex(),
        }
