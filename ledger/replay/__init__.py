"""Replay: any year's figures from the log up to a cut."""

from __future__ import annotations

from ledger.replay.engines import ENGINES, Engine, replay, replay_each, suitable_engine
from ledger.replay.figures_at_cut import FiguresAtCut, Selection

__all__ = [
    "ENGINES",
    "Engine",
    "FiguresAtCut",
    "Selection",
    "replay",
    "replay_each",
    "suitable_engine",
]
