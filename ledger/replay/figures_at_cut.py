"""The result of a replay, whichever engine makes it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.log import Cut
from projections.figures import Figures, RecordCounts

__all__ = ["FiguresAtCut"]


@dataclass(frozen=True, slots=True)
class FiguresAtCut:
    """The figures of all years at a cut.

    Attributes:
        cut: In its normal form (SPEC section 5).
        records: Where every record went.
        figures: By the policy's SHA-256.
        latest_recorded_at: Of all records below the cut, in milliseconds; None without records.
        remark: What a user should know of how the replay was done.
    """

    cut: Cut
    records: RecordCounts
    figures: dict[str, Figures]
    latest_recorded_at: int | None
    remark: str | None = None
