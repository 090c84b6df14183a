"""Figures as integer sums: they add up over students, partitions and machines (SPEC section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from projections.history import Disposition, Resolution
from projections.measures.catalogue import RATES, Contribution
from projections.policy import Policy

__all__ = ["Figures", "RecordCounts", "Tally"]

_WAITING_MAX = 10_000


class Figures:
    """Counts by (year, measure, group); an absent cell is 0."""

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells: Counter[tuple[int, str, str]] = Counter()

    def add(self, contributions: Iterable[Contribution], sign: int = 1) -> None:
        """Add a student's contributions, or with sign -1 take earlier ones away."""
        cells = self.cells
        for year, measure, groups in contributions:
            for group in groups:
                cells[year, measure, group] += sign

    def merge(self, other: Figures) -> None:
        """Add the figures of other students."""
        self.cells.update(other.cells)

    def count(self, year: int, measure: str, group: str) -> int:
        """One cell."""
        return self.cells.get((year, measure, group), 0)

    def rate(self, year: int, name: str, group: str, policy: Policy) -> tuple[int, int]:
        """Numerator and denominator of a rate; both are counts of students."""
        rate = next(rate for rate in RATES if rate.name == name)
        numerator = sum(sign * self.count(year, measure, group) for measure, sign in rate.numerator)
        return numerator, self.count(year, rate.denominator or policy.placement_base, group)


class _Counted:
    """Contributions and how often each was added; counted many at once, which is quicker."""

    __slots__ = ("_counts", "_waiting")

    def __init__(self) -> None:
        self._counts: Counter[Contribution] = Counter()
        self._waiting: list[Contribution] = []

    def add(self, contributions: Iterable[Contribution]) -> None:
        self._waiting.extend(contributions)
        if len(self._waiting) > _WAITING_MAX:
            self.counts()

    def counts(self) -> Counter[Contribution]:
        self._counts.update(self._waiting)
        self._waiting.clear()
        return self._counts


class Tally:
    """Contributions counted as they are; they are spread over their cells once, at the end.

    Students are much alike: thousands of them make the same contribution, so this is far less work
    than adding each to its cells.
    """

    __slots__ = ("_additions", "_removals")

    def __init__(self) -> None:
        self._additions = _Counted()
        self._removals = _Counted()

    def add(self, contributions: Iterable[Contribution], sign: int = 1) -> None:
        """Add a student's contributions, or with sign -1 take earlier ones away."""
        (self._additions if sign > 0 else self._removals).add(contributions)

    def figures(self) -> Figures:
        """Their sum; cells may be negative, or 0."""
        figures = Figures()
        cells = figures.cells
        for counted, sign in ((self._additions, 1), (self._removals, -1)):
            for (year, measure, groups), count in counted.counts().items():
                for group in groups:
                    cells[year, measure, group] += sign * count
        return figures


_NUMBERS = (
    "events",
    "duplicates",
    "conflicts",
    "repeats",
    "retracted",
    "pending",
    "void",
    "orphans",
)


@dataclass(slots=True)
class RecordCounts:
    """Where every record went: records = events + duplicates + conflicts + quarantined.

    Retractions, retracted events, repeats and orphans are among `events`.

    Source: SPEC section 5.
    """

    events: int = 0
    duplicates: int = 0
    conflicts: int = 0
    repeats: int = 0
    retracted: int = 0
    pending: int = 0
    void: int = 0
    orphans: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """All records, quarantined ones included."""
        return self.events + self.duplicates + self.conflicts + self.quarantined.total()

    def count_record(self, disposition: Disposition) -> None:
        """Count an admitted record by what it is among those of its student."""
        if disposition is Disposition.EVENT:
            self.events += 1
        elif disposition is Disposition.DUPLICATE:
            self.duplicates += 1
        elif disposition is Disposition.CONFLICT:
            self.conflicts += 1
        else:
            self.quarantined[disposition.value] += 1

    def merge(self, other: RecordCounts) -> None:
        """Add the counters of other records."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.quarantined.update(other.quarantined)

    def as_dict(self) -> dict[str, Any]:
        """As a report shows them; of the rules only those hit, by name (SPEC section 5)."""
        hit = {rule: self.quarantined[rule] for rule in sorted(self.quarantined)}
        return {**{name: getattr(self, name) for name in _NUMBERS}, "quarantined": hit}

    def count_resolution(self, resolution: Resolution, sign: int = 1) -> None:
        """Count what became of a student's events, or with sign -1 uncount it."""
        self.repeats += sign * len(resolution.repeats)
        self.retracted += sign * len(resolution.retracted)
        self.pending += sign * len(resolution.pending)
        self.void += sign * len(resolution.void)
        self.orphans += sign * len(resolution.orphans)
