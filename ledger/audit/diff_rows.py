"""One student who contributes otherwise on two sides: by which events, and for which reasons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ledger.audit.diff_query import Cell, DiffQuery, Side
from ledger.audit.findings import event_row
from projections.explanations import Cell as ExplainedCell
from projections.explanations import Explanation, explain_cell
from projections.history import History
from projections.student import Student, read_student
from schemas.record import Record

__all__ = ["StudentChange"]


class StudentChange:
    """A student before two sides.

    Args:
        query: What is compared.
        partitions: The log's partition count.
        records: The student's admitted records below either cut, in log order, at least one.
        histories: The student's events on each side.
    """

    def __init__(
        self,
        query: DiffQuery,
        partitions: int,
        records: Sequence[Record],
        histories: tuple[History, History],
    ) -> None:
        self._query = query
        self._partitions = partitions
        self._records = records
        self._histories = histories

    def row(self, cell: Cell, before: int, after: int) -> dict[str, Any]:
        """What the student adds to a cell on each side, and why.

        Raises:
            AssertionError: If the reasons and what is added do not agree; a fault of the ledger.
        """
        first, second = self._students
        return {
            **cell._asdict(),
            "subject": self._subject,
            "before": before,
            "after": after,
            "events": self._between,
            "reasons": {
                "before": self._reasons(first, self._query.before, cell),
                "after": self._reasons(second, self._query.after, cell),
            },
        }

    @cached_property
    def _subject(self) -> str:
        return next(event.subject for each in self._histories for event in each.events.values())

    @cached_property
    def _between(self) -> list[dict[str, Any]]:
        """The events that are below one cut and not below the other."""
        first, second = (history.events for history in self._histories)
        return [
            event_row(event)
            for identity, event in (first | second).items()
            if (identity in first) != (identity in second)
        ]

    @cached_property
    def _students(self) -> tuple[Student, Student]:
        return self._student(self._query.before), self._student(self._query.after)

    def _student(self, side: Side) -> Student:
        below = (record for record in self._records if record.offset < side.cut[record.partition])
        return read_student(below, self._partitions)

    def _reasons(self, student: Student, side: Side, cell: Cell) -> list[dict[str, Any]]:
        explained = ExplainedCell(self._query.year, *cell)
        return [_reason(each) for each in explain_cell(student, side.policy, explained)]


def _reason(candidate: Explanation) -> dict[str, Any]:
    event = candidate.events[0]
    reason = None if candidate.reason is None else str(candidate.reason)
    return {
        "partition": event.partition,
        "offset": event.offset,
        "counted": candidate.is_counted,
        "reason": reason,
    }
