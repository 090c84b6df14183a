"""The environment variables `OUTCOMES_…`, as they stand; `ledger.settings` says what they mean."""

from __future__ import annotations

import os

__all__ = ["DEFAULT_LOG", "PREFIX", "variables"]

DEFAULT_LOG = "sqlite:ledger.db"
PREFIX = "OUTCOMES_"


def variables() -> dict[str, str]:
    """What is set, by the name after the prefix, in small letters as on every system."""
    return {
        name[len(PREFIX) :].lower(): value
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX)
    }
