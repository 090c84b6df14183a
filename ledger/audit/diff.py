"""What moved between two cuts or two policies, and which students moved it (SPEC section 6, diff).

A figure is a sum of students' contributions, so the difference of two figures is the sum of what
each student adds to one and to the other. One reading of the log, by student, finds both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, itemgetter
from struct import Struct
from typing import NamedTuple

from ledger.audit.diff_query import Cell, DiffQuery, Side
from ledger.audit.diff_rows import StudentChange
from ledger.audit.sorted_rows import Row, SortedRows
from ledger.log import Log, furthest
from ledger.log.progress import ProgressCallback, no_progress, with_progress
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts
from projections.history import History, Resolution, resolve
from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import Policy
from schemas.admission import Event, Quarantined, admit
from schemas.record import Record

__all__ = [
    "Change",
    "Comparison",
    "RateChange",
    "compare",
    "known_cells",
]

_INDEX = Struct(">I")


class Change(NamedTuple):
    """A cell that differs.

    Attributes:
        before: Its value on the first side; 0 where the policy does not show the group.
        after: Likewise on the second side.
        students: How many contribute otherwise.
    """

    cell: Cell
    before: int
    after: int
    students: int


class RateChange(NamedTuple):
    """A rate that differs, as numerator and denominator; both are counts among the cells."""

    cell: Cell
    before: tuple[int, int]
    after: tuple[int, int]


class _Share(NamedTuple):
    """What one student adds on one side: to each cell of the year, and of the year before."""

    cells: Counter[Cell]
    previous: Counter[Cell]
    resolution: Resolution


@dataclass(slots=True)
class _Total:
    """The sum over all students on one side."""

    side: Side
    cells: Counter[Cell] = field(default_factory=Counter)
    previous: Counter[Cell] = field(default_factory=Counter)
    records: RecordCounts = field(default_factory=RecordCounts)

    def count(self, admitted: Event | Quarantined, history: History) -> None:
        if isinstance(admitted, Quarantined):
            self.records.quarantined[admitted.rule] += 1
        else:
            self.records.count_record(history.add(admitted))

    def add(self, share: _Share) -> None:
        self.cells.update(share.cells)
        self.previous.update(share.previous)
        self.records.count_resolution(share.resolution)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides of a year.

    Attributes:
        query: What was asked.
        totals: The figures and counters of both sides.
        students: How many students contribute otherwise to each cell.
    """

    query: DiffQuery
    totals: tuple[_Total, _Total]
    students: Counter[Cell]

    @property
    def records(self) -> tuple[RecordCounts, RecordCounts]:
        """Where every record went, on each side."""
        return self.totals[0].records, self.totals[1].records

    def changes(self) -> list[Change]:
        """Every count that differs, by code points of (measure, group)."""
        first, second = (total.cells for total in self.totals)
        return [
            Change(cell, first[cell], second[cell], self.students[cell])
            for cell in self.cells()
            if first[cell] != second[cell]
        ]

    def balanced(self) -> list[Cell]:
        """The cells that are equal although students have moved."""
        first, second = (total.cells for total in self.totals)
        return [cell for cell in self.students if first[cell] == second[cell]]

    def previous_changes(self) -> list[Cell]:
        """The counts of the year before that differ."""
        first, second = (total.previous for total in self.totals)
        return [cell for cell in self.cells() if first[cell] != second[cell]]

    def rate_changes(self) -> list[RateChange]:
        """Every rate that differs, by code points of (measure, group)."""
        first, second = (self._rates(total) for total in self.totals)
        return [
            RateChange(cell, first[cell], second[cell])
            for cell in sorted(first)
            if first[cell] != second[cell]
        ]

    def cells(self) -> list[Cell]:
        """Every count that one of the two shows."""
        return known_cells(self.query.before.policy, self.query.after.policy)

    def _rates(self, total: _Total) -> dict[Cell, tuple[int, int]]:
        figures, year = Figures(), self.query.year
        for (measure, group), count in total.cells.items():
            figures.cells[year, measure, group] = count
        return {
            Cell(rate.name, group): figures.rate(
                self.query.year, rate.name, group, total.side.policy
            )
            for rate in RATES
            for group in MEMBERSHIP_GROUPS
        }

    def student_rows(self, rows: Iterable[Row]) -> Iterator[tuple[Change, Iterator[Row]]]:
        """Each cell that differs and was asked for, with its students, all to be read in order.

        Raises:
            RuntimeError: If the changes of a cell's students do not add up to the cell's.
        """
        changes = {each.cell: each for each in self.changes() if self.query.asks_for(each.cell)}
        for (measure, group), of_cell in groupby(rows, key=itemgetter("measure", "group")):
            change = changes.pop(Cell(measure, group), None)
            if change is not None:
                yield change, _checked(change, of_cell)
        for change in changes.values():
            _refuse_other_sum(change, 0)


def known_cells(*policies: Policy) -> list[Cell]:
    """Every count that a report under one of the policies shows, by code points."""
    return sorted(
        {
            Cell(measure, group)
            for policy in policies
            for measure in COUNTS
            for group in groups_shown(measure, policy)
        }
    )


def compare(
    log: Log,
    query: DiffQuery,
    *,
    rows: SortedRows | None = None,
    progress: ProgressCallback = no_progress,
) -> Comparison:
    """Read a log once, by student, and find what differs between two sides.

    Args:
        log: Any log.
        query: What is asked.
        rows: Gets a row for each student and cell to which the student contributes otherwise, by
            measure, group and subject.
        progress: Called with the number of records read.

    Raises:
        RuntimeError: If the students' changes do not add up; a fault of the ledger.
        StoreError: If the log cannot be read, or the temporary folder is full.
    """
    totals = _Total(query.before), _Total(query.after)
    cells = known_cells(query.before.policy, query.after.policy)
    order = {cell: _INDEX.pack(number) for number, cell in enumerate(cells)}
    students, moved = Counter[Cell](), Counter[Cell]()
    records = with_progress(
        log.read_by_key(furthest([query.before.cut, query.after.cut])), progress
    )
    for _, of_key in groupby(records, key=attrgetter("key")):
        own, histories = _histories(of_key, log.partitions, totals)
        if not own:
            continue
        first, second = _shares(histories, totals, query.year)
        student = StudentChange(query, log.partitions, own, histories)
        for cell in first.keys() | second.keys():
            change = second[cell] - first[cell]
            if change == 0:
                continue
            students[cell] += 1
            moved[cell] += change
            if rows is not None and query.asks_for(cell):
                row = student.row(cell, first[cell], second[cell])
                rows.add(order[cell] + row["subject"].encode(), row)
    comparison = Comparison(query, totals, students)
    for difference in comparison.changes():
        _refuse_other_sum(difference, moved[difference.cell])
    return comparison


def _histories(
    records: Iterator[Record], partitions: int, totals: Sequence[_Total]
) -> tuple[list[Record], tuple[History, History]]:
    """The admitted records of a key, and its events on each side; all records are counted."""
    own, histories = list[Record](), (History(), History())
    for record in records:
        admitted = admit(record, partitions)
        if isinstance(admitted, Event):
            own.append(record)
        for total, history in zip(totals, histories, strict=True):
            if record.offset < total.side.cut[record.partition]:
                total.count(admitted, history)
    return own, histories


def _shares(
    histories: tuple[History, History], totals: tuple[_Total, _Total], year: int
) -> tuple[Counter[Cell], Counter[Cell]]:
    first = _share(histories[0], totals[0].side.policy, year)
    # A student is in one partition, so one history begins with the other.
    same = len(histories[0].events) == len(histories[1].events)
    if same and totals[0].side.policy is totals[1].side.policy:
        second = first
    else:
        second = _share(histories[1], totals[1].side.policy, year)
    totals[0].add(first)
    totals[1].add(second)
    return first.cells, second.cells


def _share(history: History, policy: Policy, year: int) -> _Share:
    resolution = resolve(list(history.events.values()))
    share = _Share(Counter(), Counter(), resolution)
    for of_year, measure, groups in contributions(facts_of(resolution.in_force), policy):
        if of_year in (year, year - 1):
            cells = share.cells if of_year == year else share.previous
            cells.update(Cell(measure, group) for group in groups)
    return share


def _checked(change: Change, rows: Iterator[Row]) -> Iterator[Row]:
    moved = 0
    for row in rows:
        moved += row["after"] - row["before"]
        yield row
    _refuse_other_sum(change, moved)


def _refuse_other_sum(change: Change, moved: int) -> None:
    if moved != change.after - change.before:
        raise RuntimeError(
            f"the students' changes of {change.cell} add up to {moved},"
            f" not to {change.after - change.before}"
        )
