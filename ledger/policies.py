"""Policies by name: a built-in id, or a file. An id and version belong to one content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.errors import ConfigurationError
from ledger.settings import load_settings
from projections.policy import Policy, PolicyError, built_in_policies, parse_policy

__all__ = ["find_policies", "find_policy", "live_policies"]


def live_policies(names: Sequence[str] = ()) -> list[Policy]:
    """The policies that workers keep live: those named, `OUTCOMES_LIVE_POLICIES`, or all built in.

    Raises:
        ConfigurationError: As `find_policies`.
    """
    listed = load_settings().live_policies
    return find_policies(names or (listed.split(",") if listed else list(built_in_policies())))


def find_policies(names: Sequence[str]) -> list[Policy]:
    """Several policies, see `find_policy`.

    Raises:
        ConfigurationError: As `find_policy`, and if two of them have one id and version.
    """
    by_version: dict[tuple[str, int], tuple[str, Policy]] = {}
    policies = []
    for name in names:
        policy = find_policy(name)
        first, namesake = by_version.setdefault((policy.id, policy.version), (name, policy))
        if namesake.sha256 != policy.sha256:
            raise ConfigurationError(
                f"--policy {first} and --policy {name} are both {policy.id} version"
                f" {policy.version}, and differ; give one of them an id or version of its own"
            )
        policies.append(policy)
    return policies


def find_policy(name: str) -> Policy:
    """The policy of a built-in id or of a JSON file.

    Raises:
        ConfigurationError: If it is neither, not a valid policy, or one that has the id and version
            of a built-in policy and another content (SPEC section 3).
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
        policy = parse_policy(text, name)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    namesake = known.get(policy.id)
    if (
        namesake is not None
        and namesake.version == policy.version
        and namesake.sha256 != policy.sha256
    ):
        raise ConfigurationError(
            f"--policy {name}: {policy.id} version {policy.version} is built in and has another"
            " content; give it an id or version of its own"
        )
    return policy
