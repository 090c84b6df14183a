"""The attacker: which values a count can have, by programs over integers that HiGHS solves.

That a count is safe never rests on floating point: two solutions are known in which it differs by
enough, and each was rounded to integers and checked in exact arithmetic before it was believed. A
solver that errs or gives up leaves a count in danger, and so hides more, never less.

Source: SPEC section 7, attacker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Literal, NamedTuple

import highspy
import numpy as np

from ledger.disclosure.forms import Cell
from ledger.disclosure.relations import Relation

__all__ = ["Attack", "Bounds"]

Bounds = Mapping[Cell, tuple[int, int | None]]
"""The least and the greatest value of each count by itself; None where there is no greatest."""

_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    # What is minimised is an integer.
    "mip_abs_gap": 0.5,
}
# More than the solver errs, and far less than 1.
_TOLERANCE = 1e-3


class _Solver(highspy.Highs):
    """HiGHS without the callbacks, whose set-up prints a banner on standard output."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        for name, value in _OPTIONS.items():
            self.setOptionValue(name, value)


class Attack:
    """What can be found out about counts that are in relations with each other."""

    def __init__(self, bounds: Bounds, relations: Sequence[Relation]) -> None:
        self._bounds, self._relations = bounds, relations
        self._ranges: dict[Cell, tuple[int, int]] = {}
        origin = {cell: least for cell, (least, _) in bounds.items()}
        self._program = _Program(bounds, relations, origin)
        self._solution = self._believe(self._program.solve([], 1))

    def loosen(self, bounds: Bounds, relations: Sequence[Relation]) -> None:
        """Know less from now on: every solution that there was still is one."""
        self._bounds, self._relations = bounds, relations
        if self._solution is not None:
            self._program = _Program(bounds, relations, self._solution)

    def survey(self, cells: Sequence[Cell], distance: int) -> None:
        """Look at many counts at once: most turn out to be safe in a few solutions."""
        while cells:
            for sign in (1, -1):
                self._believe(self._program.solve(cells, sign, in_fractions=True))
            others = [cell for cell in cells if not self._differs(cell, distance)]
            cells = others if len(others) < len(cells) else []

    def can_differ(self, cell: Cell, distance: int) -> bool:
        """Whether a count differs by so much between two integer solutions."""
        if self._differs(cell, distance):
            return True
        if self._solution is None or not self._can_differ_in_fractions(cell, distance):
            return False
        self._believe(self._program.solve([cell], 1))
        # Not the greatest value: there may be none.
        far = self._ranges[cell][0] + distance
        # HiGHS has called small feasible programs infeasible because of its presolve (issue 3090).
        for presolve in ("on", "off"):
            self._believe(self._program.solve([cell], 1, at_least=far, presolve=presolve))
            if self._differs(cell, distance):
                return True
        return False

    def _can_differ_in_fractions(self, cell: Cell, distance: int) -> bool:
        """Far quicker: what not even fractions can, integers cannot; and many are integers."""
        extremes = [self._program.solve([cell], sign, in_fractions=True) for sign in (1, -1)]
        for extreme in extremes:
            self._believe(extreme)
        least, greatest = (extreme.limit for extreme in extremes)
        return least is None or greatest is None or greatest - least >= distance

    def _differs(self, cell: Cell, distance: int) -> bool:
        least, greatest = self._ranges.get(cell, (0, 0))
        return greatest - least >= distance

    def _believe(self, extreme: _Extreme) -> Mapping[Cell, int] | None:
        """Widen the ranges by the counts of an extreme, if they are a solution; None if not."""
        counts = extreme.counts
        if counts is None or not self._is_solution(counts):
            return None
        for cell, count in counts.items():
            least, greatest = self._ranges.get(cell, (count, count))
            self._ranges[cell] = min(least, count), max(greatest, count)
        return counts

    def _is_solution(self, counts: Mapping[Cell, int]) -> bool:
        return all(relation.holds(counts) for relation in self._relations) and all(
            least <= counts[cell] and (greatest is None or counts[cell] <= greatest)
            for cell, (least, greatest) in self._bounds.items()
        )


class _Extreme(NamedTuple):
    """Where a sum of counts is least or greatest.

    Attributes:
        limit: No solution has a sum beyond it; None where that is not known.
        counts: There, rounded to integers; None without any.
    """

    limit: int | None = None
    counts: Mapping[Cell, int] | None = None


class _Program:
    """A program over the distances of counts from an origin, which are small numbers."""

    def __init__(
        self, bounds: Bounds, relations: Sequence[Relation], origin: Mapping[Cell, int]
    ) -> None:
        self._origin = origin
        self._column = {cell: column for column, cell in enumerate(bounds)}
        self._lower = [least - origin[cell] for cell, (least, _) in bounds.items()]
        self._upper = [
            inf if greatest is None else greatest - origin[cell]
            for cell, (_, greatest) in bounds.items()
        ]
        self._solver = _Solver()
        self._solver.passModel(self._model(relations))

    def solve(
        self,
        cells: Sequence[Cell],
        sign: int,
        *,
        in_fractions: bool = False,
        at_least: int | None = None,
        presolve: Literal["on", "off"] = "on",
    ) -> _Extreme:
        """Where the sum of some counts is least, or greatest.

        Args:
            cells: The counts.
            sign: 1 for the least sum, -1 for the greatest.
            in_fractions: Whether counts may be fractions.
            at_least: What none of the cells may be below.
            presolve: Whether the program is made smaller first.
        """
        solver, columns = self._solver, [self._column[cell] for cell in cells]
        solver.setOptionValue("solve_relaxation", in_fractions)
        solver.setOptionValue("presolve", presolve)
        for cell, column in zip(cells, columns, strict=True):
            solver.changeColCost(column, sign)
            if at_least is not None:
                lower = max(self._lower[column], at_least - self._origin[cell])
                solver.changeColBounds(column, lower, max(lower, self._upper[column]))
        solver.run()
        extreme = self._extreme(cells, sign)
        for column in columns:
            solver.changeColCost(column, 0)
            solver.changeColBounds(column, self._lower[column], self._upper[column])
        return extreme

    def _extreme(self, cells: Sequence[Cell], sign: int) -> _Extreme:
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return _Extreme()
        least = ceil(self._solver.getObjectiveValue() - _TOLERANCE)
        distances = self._solver.getSolution().col_value
        counts = {
            cell: self._origin[cell] + round(distance)
            for cell, distance in zip(self._column, distances, strict=True)
        }
        return _Extreme(sum(self._origin[cell] for cell in cells) + sign * least, counts)

    def _model(self, relations: Sequence[Relation]) -> highspy.HighsLp:
        leasts = [
            relation.least - sum(times * self._origin[c] for c, times in relation.terms.items())
            for relation in relations
        ]
        rows = [
            (relation, least)
            for relation, least in zip(relations, leasts, strict=True)
            if relation.is_equal or self._lowest(relation) < least
        ]
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self._column), len(rows)
        model.col_cost_ = np.zeros(len(self._column))
        model.col_lower_ = np.array(self._lower, dtype=float)
        model.col_upper_ = np.array(self._upper, dtype=float)
        model.row_lower_ = np.array([least for _, least in rows], dtype=float)
        model.row_upper_ = np.array(
            [least if relation.is_equal else inf for relation, least in rows], dtype=float
        )
        terms = [list(relation.terms.items()) for relation, _ in rows]
        flat = [term for each in terms for term in each]
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *map(len, terms)])
        model.a_matrix_.index_ = np.array([self._column[cell] for cell, _ in flat])
        model.a_matrix_.value_ = np.array([times for _, times in flat], dtype=float)
        model.integrality_ = [highspy.HighsVarType.kInteger] * len(self._column)
        return model

    def _lowest(self, relation: Relation) -> float:
        """What the sum of a relation is at least by the bounds alone: then it says nothing."""
        return sum(
            times * (self._lower if times > 0 else self._upper)[self._column[cell]]
            for cell, times in relation.terms.items()
        )
