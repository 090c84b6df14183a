"""The version of the rules: of what an event means, and of what a figure means."""

from __future__ import annotations

__all__ = ["RULES_VERSION"]

RULES_VERSION = 1
"""Raised by any change that could move a figure at an old cut (SPEC section 5)."""
