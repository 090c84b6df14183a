"""Replay: any year's figures from the log up to a cut."""

from __future__ import annotations

from ledger.replay.engines import ENGINES, Engine, default_engine, replay, replay_each
from ledger.replay.figures_at_cut import FiguresAtCut

__all__ = ["ENGINES", "Engine", "FiguresAtCut", "default_engine", "replay", "replay_each"]
