"""What a replay finds, whichever engine does it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.log import Cut
from projections.figures import Figures, RecordCounts

__all__ = ["FiguresAtCut"]


@dataclass(frozen=True, slots=True)
class FiguresAtCut:
    """What a replay has found, for every year at once.

    Attributes:
        cut: Normalised (SPEC section 5).
        records: Where every record went.
        figures: By the policy's SHA-256.
        latest_recorded_at: Of all records below the cut, in milliseconds; None without records.
        remark: What a person may want to know of how it was done.
    """

    cut: Cut
    records: RecordCounts
    figures: dict[str, Figures]
    latest_recorded_at: int | None
    remark: str | None = None
