"""Replay: any year's figures from the log up to a cut."""

from __future__ import annotations

from ledger.replay.fold import Replayed, replay

__all__ = ["Replayed", "replay"]
