"""Complementary hiding: what must not be shown so that nothing else can be found out.

Everything here is a function of the first form, the policy and the profile. No exact count comes
this far, so two reports of one first form are hidden alike.

Source: SPEC section 7, complementary hiding.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.disclosure.attack import Attack, Bounds
from ledger.disclosure.forms import (
    Cell,
    Form,
    Forms,
    counts_of_rate,
    denominator_of,
    step_of,
    values_of,
)
from ledger.disclosure.profile import Profile
from ledger.disclosure.relations import (
    Relation,
    cells_of,
    is_made_zero,
    rate_relations,
    relations_of,
)
from ledger.disclosure.shown import FewerThan
from projections.measures.catalogue import FAMILIES, Family, Rate
from projections.policy import Policy

__all__ = ["Hidden", "HidingStep", "hide"]

RateKey = tuple[str, str]
"""A rate of the reference year by measure and group."""


@dataclass(frozen=True, slots=True)
class HidingStep:
    """One figure that was hidden.

    Attributes:
        hidden: A count, or a rate by measure and group.
        protected: The count that was in danger.
    """

    hidden: Cell | RateKey
    protected: Cell


@dataclass(frozen=True, slots=True)
class Hidden:
    """What may be shown in the end, and why the rest may not.

    Attributes:
        forms: Of all that is published.
        protected: The counts whose first form stands for several values.
        in_danger: Those of them that were in danger in first form.
        steps: What was hidden, one after the other in each family and year.
        is_all: Whether every count had to be hidden.
    """

    forms: Forms
    protected: tuple[Cell, ...]
    in_danger: tuple[Cell, ...]
    steps: tuple[HidingStep, ...]
    is_all: bool = False


def hide(first: Forms, policy: Policy, profile: Profile) -> Hidden:
    """Hide figures of a first form until no protected count is in danger.

    Counts of two families, or of two years, are in no relation, so each has an attack of its own.
    The result is that of the one order of the specification: a step in one changes nothing in
    another.
    """
    parts = [
        _Part(family, years_back, first, policy=policy, profile=profile)
        for family in FAMILIES
        for years_back in (0, 1)
    ]
    finished = [part.hide() for part in parts]
    forms = Forms(
        {cell: form for part in parts for cell, form in part.counts.items()},
        {key: tenths for part in parts for key, tenths in part.rates.items()},
    )
    is_all = not all(finished)
    return Hidden(
        _nothing_shown(first, policy) if is_all else forms,
        protected=tuple(sorted(cell for part in parts for cell in part.protected)),
        in_danger=tuple(sorted(cell for part in parts for cell in part.in_danger)),
        steps=tuple(step for part in parts for step in part.steps),
        is_all=is_all,
    )


def _nothing_shown(first: Forms, policy: Policy) -> Forms:
    """No count, but for those that a policy makes 0, and so no rate."""
    counts: dict[Cell, Form] = {
        cell: 0 if is_made_zero(cell, policy) else None for cell in first.counts
    }
    return Forms(counts, dict.fromkeys(first.rates))


class _Part:
    """The counts of one family in one year, and the rates that are made of them.

    Attributes:
        counts: As they may be shown so far, those that are published.
        rates: Likewise; there are none of the year before.
        protected, in_danger, steps: See `Hidden`.
    """

    def __init__(
        self, family: Family, years_back: int, first: Forms, *, policy: Policy, profile: Profile
    ) -> None:
        self._policy, self._profile = policy, profile
        self._cells = cells_of(family, policy, years_back)
        self._zeros = {cell for cell in self._cells if is_made_zero(cell, policy)}
        self._relations = relations_of(family, policy, years_back)
        self._rates = {} if years_back else {rate.name: rate for rate in family.rates}
        self.counts = {cell: first.counts[cell] for cell in self._cells if cell in first.counts}
        self.rates = {key: each for key, each in first.rates.items() if key[0] in self._rates}
        self._attack = Attack(self._bounds(), self._known())
        self.protected = [cell for cell in self.counts if self._is_protected(cell)]
        self._attack.survey(self.protected, profile.ambiguity - 1)
        self.in_danger = [cell for cell in self.protected if self._is_in_danger(cell)]
        self.steps: list[HidingStep] = []

    def hide(self) -> bool:
        """Hide until nothing is in danger; False where that cannot be done figure by figure."""
        suspects = sorted(self.in_danger)
        while step := self._next_step(suspects):
            self.steps.append(step)
            self._take_away(step.hidden)
            if isinstance(step.hidden, Cell) and step.hidden not in suspects:
                insort(suspects, step.hidden)
        return not any(map(self._is_in_danger, suspects))

    def _next_step(self, suspects: list[Cell]) -> HidingStep | None:
        """What to hide for the first suspect that is in danger and has a candidate.

        What is found to be safe is no suspect any more: hiding never makes a solution impossible.
        """
        for cell in tuple(suspects):
            candidate = next(self._candidates(cell), None)
            if candidate is not None:
                if self._is_in_danger(cell):
                    return HidingStep(candidate, cell)
                suspects.remove(cell)
        return None

    def _candidates(self, cell: Cell) -> Iterator[Cell | RateKey]:
        """What could be hidden for a count, in the order of the specification."""
        rates = [
            rate for rate in self._rates_of(cell) if self.rates[rate.name, cell.group] is not None
        ]
        for rate in sorted(rates, key=lambda rate: self._rank_of_rate(rate, cell.group)):
            yield rate.name, cell.group
        if isinstance(self.counts[cell], int):
            yield cell
        related = {
            other
            for relation in self._relations
            if cell in relation.terms
            for other in relation.terms
            if self.counts.get(other) is not None
        }
        yield from sorted(related - self._zeros - {cell}, key=self._rank_of_count)

    def _rank_of_rate(self, rate: Rate, group: str) -> tuple[int, bool, str]:
        whole = self.counts[Cell(denominator_of(rate, self._policy), group)]
        assert isinstance(whole, int)
        return whole, not rate.is_bound, rate.name

    def _rank_of_count(self, cell: Cell) -> tuple[int, int, Cell]:
        form = self.counts[cell]
        if isinstance(form, FewerThan):
            return 1, 0, cell
        assert form is not None
        return (0, form, cell) if form else (2, 0, cell)

    def _rates_of(self, cell: Cell) -> list[Rate]:
        """The published rates that are made of a count."""
        return [
            rate
            for rate in self._rates.values()
            if (rate.name, cell.group) in self.rates
            and cell.measure in counts_of_rate(rate, self._policy)
        ]

    def _take_away(self, hidden: Cell | RateKey) -> None:
        if isinstance(hidden, Cell):
            self.counts[hidden] = None
            for rate in self._rates_of(hidden):
                self.rates[rate.name, hidden.group] = None
        else:
            self.rates[hidden] = None
        self._attack.loosen(self._bounds(), self._known())

    def _is_protected(self, cell: Cell) -> bool:
        least, greatest = values_of(self._profile, self.counts[cell])
        return least != greatest and cell not in self._zeros

    def _is_in_danger(self, cell: Cell) -> bool:
        return not self._attack.can_differ(cell, self._profile.ambiguity - 1)

    def _bounds(self) -> Bounds:
        """What the form of each count says of it; a count that is left out has none."""
        return {
            cell: (0, 0) if cell in self._zeros else values_of(self._profile, self.counts.get(cell))
            for cell in self._cells
        }

    def _known(self) -> list[Relation]:
        """Rules 1 to 3, and rule 4 for the rates that are shown so far."""
        relations = [*self._relations]
        for (name, group), tenths in self.rates.items():
            if tenths is not None:
                rate = self._rates[name]
                whole = self.counts[Cell(denominator_of(rate, self._policy), group)]
                assert isinstance(whole, int)
                step = step_of(self._profile, whole)
                assert step is not None
                relations += rate_relations(rate, group, self._policy, tenths, step)
        return relations
