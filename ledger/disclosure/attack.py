"""The attacker: which values a count can have, by integer programs that HiGHS solves.

That a count is safe never rests on floating point: two solutions are known in which it differs by
enough, and each was rounded to integers and checked in exact arithmetic before it was believed. A
solver that errs or gives up leaves a count in danger, and so hides more, never less.

Source: SPEC section 7, attacker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf

import highspy
import numpy as np

from ledger.disclosure.forms import Cell
from ledger.disclosure.relations import Relation

__all__ = ["Attack", "Bounds"]

Bounds = Mapping[Cell, tuple[int, int | None]]
"""The least and the greatest value of each count by itself; None where there is no greatest."""

# Most counts turn out to be safe close to a known solution, where fewer relations can be broken.
_REACH = 4

_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    # What is minimised is an integer.
    "mip_abs_gap": 0.5,
}


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
        self._programs: dict[int | None, _Program] = {}
        origin = {cell: least for cell, (least, _) in bounds.items()}
        program = _Program(bounds, relations, origin)
        self._solution = program.solve([], 1)
        self._believe(self._solution)

    def loosen(self, bounds: Bounds, relations: Sequence[Relation]) -> None:
        """Know less from now on: every solution that there was still is one."""
        self._bounds, self._relations = bounds, relations
        self._programs.clear()

    def can_differ(self, cell: Cell, distance: int) -> bool:
        """Whether a count differs by so much between two integer solutions."""
        return any(self._differs(cell, distance) for _ in self._searches(cell, distance))

    def survey(self, cells: Sequence[Cell], distance: int) -> None:
        """Look at many counts at once: most turn out to be safe in a few solutions."""
        while cells and self._solution is not None:
            for sign in (1, -1):
                self._believe(self._program(_REACH).solve(cells, sign))
            others = [cell for cell in cells if not self._differs(cell, distance)]
            cells = others if len(others) < len(cells) else []

    def _differs(self, cell: Cell, distance: int) -> bool:
        least, greatest = self._ranges.get(cell, (0, 0))
        return greatest - least >= distance

    def _searches(self, cell: Cell, distance: int) -> Iterator[None]:
        """Search for solutions that differ in a cell, the cheapest way first."""
        yield
        if self._solution is None:
            return
        for sign in (1, -1):
            self._believe(self._program(_REACH).solve([cell], sign))
            yield
        self._believe(self._program(None).solve([cell], 1))
        yield
        # Not the greatest value: there may be none.
        far = self._ranges[cell][0] + distance
        self._believe(self._program(None).solve([cell], 1, at_least=far))
        yield

    def _program(self, reach: int | None) -> _Program:
        if reach not in self._programs:
            assert self._solution is not None
            self._programs[reach] = _Program(
                self._bounds, self._relations, self._solution, reach=reach
            )
        return self._programs[reach]

    def _believe(self, counts: dict[Cell, int] | None) -> None:
        """Widen the ranges by a solution, if it is one."""
        if counts is None or not self._is_solution(counts):
            return
        for cell, count in counts.items():
            least, greatest = self._ranges.get(cell, (count, count))
            self._ranges[cell] = min(least, count), max(greatest, count)

    def _is_solution(self, counts: Mapping[Cell, int]) -> bool:
        return all(relation.holds(counts) for relation in self._relations) and all(
            least <= counts[cell] and (greatest is None or counts[cell] <= greatest)
            for cell, (least, greatest) in self._bounds.items()
        )


class _Program:
    """An integer program over the distances of counts from known ones, which are small numbers.

    Args:
        bounds: Of the counts.
        relations: Between them.
        origin: What distances are from.
        reach: The greatest distance that is looked at; None for any.
    """

    def __init__(
        self,
        bounds: Bounds,
        relations: Sequence[Relation],
        origin: Mapping[Cell, int],
        *,
        reach: int | None = None,
    ) -> None:
        self._origin = origin
        self._column = {cell: column for column, cell in enumerate(bounds)}
        limit = inf if reach is None else reach
        self._lower = [max(least - origin[cell], -limit) for cell, (least, _) in bounds.items()]
        self._upper = [
            limit if greatest is None else min(greatest - origin[cell], limit)
            for cell, (_, greatest) in bounds.items()
        ]
        self._solver = _Solver()
        self._solver.passModel(self._model(relations))

    def solve(
        self, cells: Sequence[Cell], sign: int, *, at_least: int | None = None
    ) -> dict[Cell, int] | None:
        """The counts with the least or the greatest sum of some of them; None without any.

        Args:
            cells: Those of the sum.
            sign: 1 for the least, -1 for the greatest.
            at_least: What none of the cells may be below.
        """
        solver, columns = self._solver, [self._column[cell] for cell in cells]
        for cell, column in zip(cells, columns, strict=True):
            solver.changeColCost(column, sign)
            if at_least is not None:
                lower = max(self._lower[column], at_least - self._origin[cell])
                solver.changeColBounds(column, lower, max(lower, self._upper[column]))
        solver.run()
        status, distances = solver.getModelStatus(), solver.getSolution().col_value
        for column in columns:
            solver.changeColCost(column, 0)
            solver.changeColBounds(column, self._lower[column], self._upper[column])
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        return {
            cell: self._origin[cell] + round(distance)
            for cell, distance in zip(self._column, distances, strict=True)
        }

    def _model(self, relations: Sequence[Relation]) -> highspy.HighsLp:
        rows = [(relation, self._least(relation)) for relation in relations]
        rows = [(relation, least) for relation, least in rows if not self._is_idle(relation, least)]
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

    def _least(self, relation: Relation) -> int:
        """What the sum over distances is at least."""
        known = sum(times * self._origin[cell] for cell, times in relation.terms.items())
        return relation.least - known

    def _is_idle(self, relation: Relation, least: int) -> bool:
        """Whether no distances within the bounds could break a relation."""
        lowest = sum(
            times * (self._lower if times > 0 else self._upper)[self._column[cell]]
            for cell, times in relation.terms.items()
        )
        return not relation.is_equal and lowest >= least
