"""A naive second reading of SPEC section 7: one integer program over all cells, nothing remembered.

It shares no code with `ledger.disclosure` but the type of *fewer than T*. Every protected count is
judged again after every step, by its least and its greatest value over all cells of both years.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property

import highspy
import numpy as np

from ledger.disclosure.shown import FewerThan

FIVE = ("job_seeker", "low_qualification", "disadvantaged_area", "refugee", "disability")
NINE = ("all", *FIVE, "any_category", "no_category", "undeclared")
PARTITIONS = ("kind", "population", "month", "funding")
OUTCOMES = ("outcomes_declared", "career_outcomes", "outcomes_repeated")
PAIRS = (
    ("applicants", "became_students"),
    ("expected_to_graduate", "graduated_as_expected"),
    ("graduates", "respondents"),
    ("respondents", "placed"),
    ("placed", "placed_in_field"),
)
RATES = {
    "orientation_rate": ({"became_students": 1}, "applicants"),
    "graduation_rate": ({"graduated_as_expected": 1}, "expected_to_graduate"),
    "response_rate": ({"respondents": 1}, "graduates"),
    "placement_rate": ({"placed": 1}, None),
    "placement_in_field_rate": ({"placed_in_field": 1}, None),
    "placement_rate_if_silent_not_placed": ({"placed": 1}, "graduates"),
    "placement_rate_if_silent_placed": (
        {"placed": 1, "graduates": 1, "respondents": -1},
        "graduates",
    ),
}


class Oracle:
    """A report as it may be shown so far.

    Attributes:
        counts: (measure, group, years back) → form; what is left out is absent.
        rates: (measure, group) → tenths.
    """

    def __init__(self, report, policy, profile):
        self.report, self.policy, self.profile = report, policy, profile
        self.counts, self.rates = {}, {}
        for row in report.counts:
            if row.measure not in profile.left_out:
                self.counts[row.measure, row.group, 0] = self.count_form(row.count)
                self.counts[row.measure, row.group, 1] = self.count_form(row.previous)
        for row in report.rates:
            if row.measure not in profile.left_out:
                self.rates[row.measure, row.group] = self.rate_form(row)

    def count_form(self, count):
        threshold, rounding = self.profile.threshold, self.profile.rounding
        if threshold is not None and 1 <= count < threshold:
            return FewerThan(threshold)
        if rounding is None:
            return count
        return math.floor(Fraction(count, rounding) + Fraction(1, 2)) * rounding

    def rate_form(self, row):
        signs, whole = self.made_of(row.measure)
        forms = [self.counts.get((measure, row.group, 0)) for measure in (*signs, whole)]
        step = self.step_of(forms[-1]) if all(type(form) is int for form in forms) else None
        if step is None:
            return None
        exact = Fraction(row.numerator * 1_000, row.denominator * step)
        return math.floor(exact + Fraction(1, 2)) * step

    def made_of(self, rate):
        """Its numerator by measure and sign, and its denominator."""
        signs, whole = RATES[rate]
        return signs, whole or self.policy.placement_base

    def rates_of(self, cell):
        """The shown rates that are made of a count."""
        return [
            (name, group)
            for (name, group), tenths in self.rates.items()
            if tenths is not None
            and cell[1:] == (group, 0)
            and cell[0] in (*self.made_of(name)[0], self.made_of(name)[1])
        ]

    def step_of(self, whole):
        steps = [step for least, step in self.profile.rate_steps if whole >= least]
        return steps[-1] if steps else None

    @cached_property
    def zeros(self):
        """The cells that the policy makes 0."""
        zeros = set()
        kinds, nobody = (
            self.policy.outcome_kinds,
            set(self.policy.placement_statuses) <= {"unknown"},
        )
        for row in self.report.counts:
            no_kind = row.group.startswith("kind:") and row.group[5:] not in kinds
            no_outcome = row.measure in OUTCOMES and (no_kind or not kinds)
            if no_outcome or (row.measure in ("placed", "placed_in_field") and nobody):
                zeros |= {(row.measure, row.group, 0), (row.measure, row.group, 1)}
        return zeros

    @cached_property
    def known(self):
        """Rules 1 to 3: ({cell: multiple}, greatest sum), the least is 0."""
        groups = {}
        for row in self.report.counts:
            groups.setdefault(row.measure, []).append(row.group)
        return [
            known
            for year in (0, 1)
            for rule in (sums(groups, year), parts(year), overlaps(groups, year))
            for known in rule
        ]

    def values_of(self, form):
        """The least and the greatest number that a form stands for, found by trying."""
        if form is None:
            return 0, np.inf
        if isinstance(form, FewerThan):
            return 1, form.threshold - 1
        around = 2 * (self.profile.rounding or 0)
        tried = range(max(0, form - around), form + around + 1)
        alike = [count for count in tried if self.count_form(count) == form]
        return min(alike), max(alike)

    def in_danger(self):
        """All counts that are in danger, in order."""
        program = Program(self)
        endangered = []
        for cell in sorted(self.counts.keys() - self.zeros):
            low, high = self.values_of(self.counts[cell])
            if low != high:
                spread = program.value(cell, -1) - program.value(cell, 1)
                if spread < self.profile.ambiguity - 1:
                    endangered.append(cell)
        return endangered

    def candidates(self, cell):
        rates = []
        for name, group in self.rates_of(cell):
            whole = self.counts[self.made_of(name)[1], group, 0]
            rates.append((whole, "if_silent" not in name, name, group))
        itself = [cell] if type(self.counts[cell]) is int else []
        related = {other for terms, _ in self.known if cell in terms for other in terms}
        others = sorted(related - {cell} - self.zeros)
        forms = [(self.counts.get(other), other) for other in others]
        return [
            *((name, group) for _, _, name, group in sorted(rates)),
            *itself,
            *(
                other
                for _, other in sorted(pair for pair in forms if type(pair[0]) is int and pair[0])
            ),
            *(other for form, other in forms if isinstance(form, FewerThan)),
            *(other for form, other in forms if form == 0),
        ]

    def hide(self):
        """Hide one figure after the other; whether everything had to be hidden."""
        while endangered := self.in_danger():
            lists = [listed for cell in endangered if (listed := self.candidates(cell))]
            if not lists:
                self.counts = {cell: 0 if cell in self.zeros else None for cell in self.counts}
                self.rates = dict.fromkeys(self.rates)
                return True
            chosen = lists[0][0]
            for rate in [chosen] if len(chosen) == 2 else self.rates_of(chosen):
                self.rates[rate] = None
            if len(chosen) == 3:
                self.counts[chosen] = None
        return False


def sums(groups, year):
    """Rule 1."""
    for measure, names in groups.items():
        listed = [[n for n in names if n.startswith(f"{key}:")] for key in PARTITIONS]
        for each in (NINE[-3:], *filter(None, listed)):
            yield {(measure, "all", year): 1} | {(measure, part, year): -1 for part in each}, 0
    for group in groups["outcomes_declared"]:
        yield (
            {(measure, group, year): -1 for measure in OUTCOMES} | {(OUTCOMES[0], group, year): 1},
            0,
        )


def parts(year):
    """Rule 3."""
    for whole, part in PAIRS:
        for group in NINE:
            yield {(whole, group, year): 1, (part, group, year): -1}, np.inf


def overlaps(groups, year):
    """Rule 2, of each count and of the difference of two neighbours."""
    for signs in (*({measure: 1} for measure in groups), *({a: 1, b: -1} for a, b in PAIRS)):
        some = {(measure, "any_category", year): sign for measure, sign in signs.items()}
        listed = [
            {(measure, category, year): sign for measure, sign in signs.items()}
            for category in FIVE
        ]
        for terms in listed:
            yield some | {cell: -sign for cell, sign in terms.items()}, np.inf
        total = {cell: -sign for cell, sign in some.items()}
        for terms in listed:
            total |= terms
        yield total, np.inf


class Program:
    """All cells of a report, of both years, as one integer program."""

    def __init__(self, oracle):
        cells = [(row.measure, row.group, year) for row in oracle.report.counts for year in (0, 1)]
        self.place = {cell: column for column, cell in enumerate(cells)}
        self.solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1, "mip_rel_gap": 0.0}.items():
            self.solver.setOptionValue(option, value)
        for column, cell in enumerate(cells):
            form = oracle.counts.get(cell)
            low, high = (0, 0) if cell in oracle.zeros else oracle.values_of(form)
            self.solver.addVar(low, high)
            self.solver.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        for terms, greatest in oracle.known:
            self.add(terms, 0, greatest)
        for (name, group), tenths in oracle.rates.items():
            if tenths is not None:
                self.add_rate(oracle, (name, group), tenths)

    def add(self, terms, low, high):
        columns = np.array([self.place[cell] for cell in terms])
        values = np.array([float(times) for times in terms.values()])
        self.solver.addRow(low, high, len(columns), columns, values)

    def add_rate(self, oracle, key, tenths):
        """Rule 4: (2 t - s) d <= 2000 n < (2 t + s) d, in tenths of a point."""
        name, group = key
        signs, whole = oracle.made_of(name)
        step = oracle.step_of(oracle.counts[whole, group, 0])
        for factor, low, high in ((2 * tenths - step, 0, np.inf), (2 * tenths + step, -np.inf, -1)):
            terms = {(measure, group, 0): 2_000 * sign for measure, sign in signs.items()}
            terms[whole, group, 0] = terms.get((whole, group, 0), 0) - factor
            self.add(terms, low, high)

    def value(self, cell, sense):
        """The least (1) or the greatest (-1) value of a cell."""
        column = self.place[cell]
        self.solver.changeColCost(column, sense)
        self.solver.run()
        status, statuses = self.solver.getModelStatus(), highspy.HighsModelStatus
        self.solver.changeColCost(column, 0)
        if status == statuses.kOptimal:
            return round(self.solver.getSolution().col_value[column])
        assert sense == -1, status
        assert status in (statuses.kUnbounded, statuses.kUnboundedOrInfeasible), status
        return math.inf

    def some_solution(self, random):
        """Counts that agree with everything, chosen at random."""
        for column in self.place.values():
            # Not what has no greatest value.
            self.solver.changeColCost(column, random.randint(0, 9))
        self.solver.run()
        assert self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        values = self.solver.getSolution().col_value
        return {cell: round(values[column]) for cell, column in self.place.items()}
