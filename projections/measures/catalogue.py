"""The measures of a report and the groups that each is shown by (SPEC section 4, measures)."""

from __future__ import annotations

from typing import NamedTuple

from projections.facts import MEMBERSHIP_GROUPS
from projections.policy import Policy
from schemas.events import KINDS

__all__ = ["COUNTS", "RATES", "Contribution", "Rate", "groups_shown"]

Contribution = tuple[int, str, tuple[str, ...]]
"""(reference year, measure, groups): one student or declaration more in each of the cells."""

_OUTCOME_GROUPS = (
    *MEMBERSHIP_GROUPS,
    *(f"kind:{kind}" for kind in KINDS),
    "population:student",
    "population:learner",
    *(f"month:{month:02}" for month in range(1, 13)),
)

COUNTS = (
    "career_outcomes",
    "outcomes_declared",
    "outcomes_repeated",
    "applicants",
    "became_students",
    "students_enrolled",
    "expected_to_graduate",
    "graduated_as_expected",
    "graduates",
    "respondents",
    "placed",
    "placed_in_field",
)


class Rate(NamedTuple):
    """A rate as sums of counts; the base of two placement rates is the policy's.

    Attributes:
        numerator: Measures with their signs.
        denominator: A measure, None for the policy's `placement_base`.
    """

    name: str
    numerator: tuple[tuple[str, int], ...]
    denominator: str | None


RATES = (
    Rate("orientation_rate", (("became_students", 1),), "applicants"),
    Rate("graduation_rate", (("graduated_as_expected", 1),), "expected_to_graduate"),
    Rate("response_rate", (("respondents", 1),), "graduates"),
    Rate("placement_rate", (("placed", 1),), None),
    Rate("placement_in_field_rate", (("placed_in_field", 1),), None),
    Rate("placement_rate_if_silent_not_placed", (("placed", 1),), "graduates"),
    Rate(
        "placement_rate_if_silent_placed",
        (("placed", 1), ("graduates", 1), ("respondents", -1)),
        "graduates",
    ),
)


def groups_shown(measure: str, policy: Policy) -> tuple[str, ...]:
    """Every group that a count is shown by under a policy, zeros included."""
    if measure in ("career_outcomes", "outcomes_declared", "outcomes_repeated"):
        return _OUTCOME_GROUPS
    if measure == "students_enrolled":
        return (*MEMBERSHIP_GROUPS, *(f"funding:{name}" for name in policy.funding_groups))
    return MEMBERSHIP_GROUPS
