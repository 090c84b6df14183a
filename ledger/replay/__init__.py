"""Replay: any year's figures from the log up to a cut."""

from __future__ import annotations

from ledger.replay.fold import replay
from ledger.replay.replayed import Replayed

__all__ = ["Replayed", "replay"]
