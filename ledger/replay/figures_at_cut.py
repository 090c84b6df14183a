"""The result of a replay, whichever engine makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.log import Cut
from projections.figures import Figures, RecordCounts
from projections.policy import Policy

__all__ = ["FiguresAtCut", "Selection"]


class Selection(NamedTuple):
    """Which figures are wanted of a replay.

    Attributes:
        policies: Under which they are made.
        years: Whose figures; None for all. An engine may make those of other years too.
    """

    policies: Sequence[Policy]
    years: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class FiguresAtCut:
    """The figures at a cut.

    Attributes:
        cut: In its normal form (SPEC section 5).
        records: Where every record went.
        figures: By the policy's SHA-256.
        latest_recorded_at: Of all records below the cut, in milliseconds; None without records.
        remark: What a user should know of how the replay was done.
        years: Whose figures there are; None for all years.
    """

    cut: Cut
    records: RecordCounts
    figures: dict[str, Figures]
    latest_recorded_at: int | None
    remark: str | None = None
    years: frozenset[int] | None = None
