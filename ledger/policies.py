"""Policies by name: a built-in id, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.errors import ConfigurationError
from ledger.settings import load_settings
from projections.policy import Policy, PolicyError, built_in_policies, parse_policy

__all__ = ["find_policy", "live_policies"]


def live_policies(names: Sequence[str] = ()) -> list[Policy]:
    """The policies that workers keep live: those named, `OUTCOMES_LIVE_POLICIES`, or all built in.

    Raises:
        ConfigurationError: If one is neither built in nor a valid file.
    """
    listed = load_settings().live_policies
    chosen = names or (listed.split(",") if listed else built_in_policies())
    return [find_policy(name) for name in chosen]


def find_policy(name: str) -> Policy:
    """The policy of a built-in id or of a JSON file.

    Raises:
        ConfigurationError: If it is neither, or not a valid policy.
    """
    known = built_in_policies()
    if name in known:
        return known[name]
    try:
        text = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        listed = ", ".join(known)
        raise ConfigurationError(
            f"--policy {name}: neither built in ({listed}) nor a file that can be read"
        ) from error
    try:
        return parse_policy(text, name)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
