"""One student's share of every figure: a pure function of history and policy.

A late fact, a retraction or a correction needs no case of its own: recompute the student, take the
old contributions away and add the new ones. A replay adds them all to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from projections.facts import Facts
from projections.measures.career_outcomes import career_outcomes
from projections.measures.catalogue import Contribution
from projections.measures.enrolment import enrolment
from projections.measures.graduation import graduation
from projections.measures.orientation import orientation
from projections.measures.placement import placement
from projections.policy import Policy

__all__ = ["MEASURE_FAMILIES", "contributions"]

MEASURE_FAMILIES = (career_outcomes, orientation, enrolment, graduation, placement)


def contributions(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """Everything that one student adds to the figures of any year.

    Returns:
        Contributions in no particular order; each adds one to every cell that it names.
    """
    for family in MEASURE_FAMILIES:
        yield from family(facts, policy)
