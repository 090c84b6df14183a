"""Replay: any year's figures from the log up to a cut."""

from __future__ import annotations

from ledger.replay.engines import ENGINES, Engine, default_engine, replay_each, replay_with
from ledger.replay.fold import replay
from ledger.replay.replayed import Replayed

__all__ = [
    "ENGINES",
    "Engine",
    "Replayed",
    "default_engine",
    "replay",
    "replay_each",
    "replay_with",
]
