"""The state of one partition in memory: next offset, counters, figures and checksum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger.log.identity import PrefixIdentity
from processors.read_model.checksum import CHECKSUM_MODULUS, Cell, cell_hash
from projections.figures import Figures, RecordCounts

__all__ = ["PartitionState"]


@dataclass(slots=True)
class PartitionState:
    """What is known of one partition at `next_offset`, except for its students.

    Attributes:
        next_offset: 1 + the offset of the last record folded; 0 before the first.
        latest_recorded_at: Of the records folded, in milliseconds since 1970.
        first_record: The hash of the partition's first record, see `ledger.log.identity`.
        last_record: The hash of the last record folded.
        records: The counters of the records folded.
        cells: Every cell that is not 0.
        checksum: Sum of the hashes of the rows of students and figures.
    """

    next_offset: int = 0
    latest_recorded_at: int | None = None
    first_record: str | None = None
    last_record: str | None = None
    records: RecordCounts = field(default_factory=RecordCounts)
    cells: dict[Cell, int] = field(default_factory=dict)
    checksum: int = 0

    @property
    def identity(self) -> PrefixIdentity:
        """What the records that were folded are known by."""
        return PrefixIdentity(self.first_record, self.last_record)

    def add(self, policy: str, changes: Figures) -> Iterator[Cell]:
        """Add changes of figures and update the checksum.

        Args:
            policy: By `Policy.figures_key`.
            changes: To add, positive or negative.

        Yields:
            The cells that have changed.
        """
        for name, change in changes.cells.items():
            if not change:
                continue
            cell = (policy, *name)
            before = self.cells.pop(cell, 0)
            count = before + change
            if count:
                self.cells[cell] = count
            self.add_hash(cell_hash(cell, count) - cell_hash(cell, before))
            yield cell

    def add_hash(self, change: int) -> None:
        """Add to the checksum."""
        self.checksum = (self.checksum + change) % CHECKSUM_MODULUS

    def figures(self, policy: str) -> Figures:
        """The figures under one policy, named by its `figures_key`."""
        figures = Figures()
        for (key, year, measure, group), count in self.cells.items():
            if key == policy:
                figures.cells[year, measure, group] = count
        return figures
