"""One student's share of every figure: a pure function of history and policy.

A late fact, a retraction or a correction needs no case of its own: recompute the student, take the
old contributions away and add the new ones. A replay adds them all to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import NamedTuple, cast

from projections.facts import Facts
from projections.measures.catalogue import FAMILIES, Contribution
from projections.policy import Policy

__all__ = ["FAMILY_RULES", "SharedRule", "contributions", "family_function", "shared_rules"]

FamilyRule = Callable[[Facts, Policy], Iterator[Contribution]]


def family_function(family: str, prefix: str = "") -> object:
    """The function that a family's file names after the family, such as `explain_placement`."""
    return getattr(import_module(f"projections.measures.{family}"), f"{prefix}{family}")


FAMILY_RULES = tuple(cast("FamilyRule", family_function(family.name)) for family in FAMILIES)


def contributions(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """Everything that one student adds to the figures of any year.

    Returns:
        Contributions in no particular order; each adds one to every cell that it names.
    """
    for family, rule in zip(FAMILIES, FAMILY_RULES, strict=True):
        if family.needs is None or getattr(facts, family.needs):
            yield from rule(facts, policy)


class SharedRule(NamedTuple):
    """A family's rule under policies that give it the same parameters.

    Attributes:
        rule: Adds the same for each of the policies.
        needs: See `Family`.
        policies: At least one.
    """

    rule: FamilyRule
    needs: str | None
    policies: list[Policy]


def shared_rules(policies: Iterable[Policy]) -> list[SharedRule]:
    """What `contributions` under several policies comes to, without doing anything twice."""
    shared: dict[tuple[str, str], SharedRule] = {}
    for policy in policies:
        for family, rule in zip(FAMILIES, FAMILY_RULES, strict=True):
            parameters = None if family.parameters is None else set(family.parameters)
            given = policy.model_dump_json(include=parameters)
            new = SharedRule(rule, family.needs, [])
            shared.setdefault((family.name, given), new).policies.append(policy)
    return list(shared.values())
