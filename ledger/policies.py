"""Policies by name: a built-in id, or a file. An id and version belong to one content."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import ConfigurationError
from ledger.named_content import read_named, refuse_other_content
from ledger.settings import load_settings
from projections.policy import Policy, PolicyError, built_in_policies, parse_policy

__all__ = [
    "chosen_policies",
    "chosen_policy",
    "find_policies",
    "find_policy",
    "live_policies",
    "read_policy",
]


def live_policies(names: Sequence[str] = ()) -> list[Policy]:
    """The policies that workers keep live: those named, `OUTCOMES_LIVE_POLICIES`, or all built in.

    Raises:
        ConfigurationError: As `find_policies`.
    """
    listed = load_settings().live_policies
    if names or not listed:
        return find_policies(names or list(built_in_policies()))
    return find_policies(listed.split(","), source="OUTCOMES_LIVE_POLICIES")


def find_policies(names: Sequence[str], *, source: str = "--policy") -> list[Policy]:
    """Several policies, see `find_policy`.

    Raises:
        ConfigurationError: As `find_policy`, and if two of them have one id and version.
    """
    by_version: dict[tuple[str, int], tuple[str, Policy]] = {}
    policies = []
    for name in names:
        policy = find_policy(name, source=source)
        first, namesake = by_version.setdefault((policy.id, policy.version), (name, policy))
        if namesake.sha256 != policy.sha256:
            raise ConfigurationError(
                f"{source} {first} and {source} {name} are both {policy.id} version"
                f" {policy.version}, and differ; give one of them an id or version of its own"
            )
        policies.append(policy)
    return policies


def chosen_policies(flags: Sequence[str] | None) -> list[Policy]:
    """The policies that the flags name, or that of `OUTCOMES_POLICY`.

    Raises:
        ConfigurationError: As `find_policies`.
    """
    if flags:
        return find_policies(flags)
    return find_policies([load_settings().policy], source="OUTCOMES_POLICY")


def chosen_policy(flag: str | None) -> Policy:
    """The policy that a flag names, or that of `OUTCOMES_POLICY`.

    Raises:
        ConfigurationError: As `find_policy`.
    """
    return chosen_policies([flag] if flag else None)[0]


def find_policy(name: str, *, source: str = "--policy") -> Policy:
    """The policy of a built-in id or of a JSON file.

    Args:
        name: The id or the file.
        source: What has named it, for messages.

    Raises:
        ConfigurationError: If it is neither, not a valid policy, or one that has the id and version
            of a built-in policy and another content (SPEC section 3).
    """
    known = built_in_policies()
    if name in known:
        return known[name]
    text = read_policy(name, source=source)
    try:
        policy = parse_policy(text, name)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    refuse_other_content(policy, known, f"{source} {name}")
    return policy


def read_policy(name: str, *, source: str = "policy") -> bytes:
    """The bytes of a policy's file.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    return read_named(name, built_in_policies(), source)
