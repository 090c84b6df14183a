"""The measures of a report by family: data without any rule (SPEC section 4, measures).

A family's name is that of its files: the rules in `projections/measures/<name>.py`, the SQL in
`ledger/replay/sql/<name>.sql`. Both engines, the report and its page derive their lists from
`FAMILIES`. The second engine reads this module and no rule.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from projections.policy import Policy
from schemas.events import CATEGORIES, KINDS

__all__ = [
    "COUNTS",
    "FAMILIES",
    "MEMBERSHIP_GROUPS",
    "RATES",
    "Breakdown",
    "Contribution",
    "Family",
    "Maturity",
    "Rate",
    "groups_shown",
]

Contribution = tuple[int, str, tuple[str, ...]]
"""(reference year, measure, groups): one student or declaration more in each of the cells."""

MEMBERSHIP_GROUPS = ("all", *CATEGORIES, "any_category", "no_category", "undeclared")


class Rate(NamedTuple):
    """A rate as sums of counts; the base of two placement rates is the policy's.

    Attributes:
        numerator: Measures with their signs.
        denominator: A measure, None for the policy's `placement_base`.
        heading: Key of the heading under which a page shows the rate; its words live with the page.
        is_bound: Whether it bounds another rate; a page shows the bounds of a heading together.
    """

    name: str
    numerator: tuple[tuple[str, int], ...]
    denominator: str | None
    heading: str
    is_bound: bool = False


class Breakdown(NamedTuple):
    """Groups that a family's counts are shown by beside the membership groups.

    Attributes:
        key: Before the colon of a group such as `kind:raise`; also the key of its heading.
        values: After the colon; None for the policy's `funding_groups`.
    """

    key: str
    values: tuple[str, ...] | None


class Maturity(NamedTuple):
    """The day until which a family is provisional: its observation period is open.

    Attributes:
        start: The last day on which a student enters the year's figures.
        months: The policy's member with the time that a student has from then on; None for none.
    """

    start: Literal["year_end", "placement_window_end"]
    months: Literal["orientation_months", "placement_months"] | None = None


class Family(NamedTuple):
    """Measures that one set of rules computes.

    Attributes:
        name: See the module.
        counts: Each is shown by the membership groups and the breakdowns.
        headline: The count that a page shows for the family, None where it shows rates alone.
        needs: Those of a student's `Facts` without which nothing is counted; None for any.
        maturity: Of the rates, or of the headline where there are none; None for final at once.
        parameters: The policy's members that the rules read; None for any of them.
    """

    name: str
    counts: tuple[str, ...]
    headline: str | None = None
    rates: tuple[Rate, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    needs: Literal["applications", "enrolments", "outcomes"] | None = None
    maturity: Maturity | None = None
    parameters: tuple[str, ...] | None = None

    @property
    def maturing(self) -> tuple[str, ...]:
        """The measures that the maturity is of."""
        return tuple(rate.name for rate in self.rates) or (str(self.headline),)


FAMILIES = (
    Family(
        "career_outcomes",
        counts=("career_outcomes", "outcomes_declared", "outcomes_repeated"),
        headline="career_outcomes",
        breakdowns=(
            Breakdown("kind", KINDS),
            Breakdown("population", ("student", "learner")),
            Breakdown("month", tuple(f"{month:02}" for month in range(1, 13))),
        ),
        needs="outcomes",
        maturity=Maturity("year_end"),
        parameters=(
            "zone",
            "outcome_window_months",
            "outcome_window_anchor",
            "outcome_window_scope",
            "outcome_date",
            "outcome_kinds",
            "outcome_must_be_credited",
        ),
    ),
    Family(
        "orientation",
        counts=("applicants", "became_students"),
        headline="applicants",
        rates=(Rate("orientation_rate", (("became_students", 1),), "applicants", "conversion"),),
        needs="applications",
        maturity=Maturity("year_end", "orientation_months"),
        parameters=("orientation_months",),
    ),
    Family(
        "enrolment",
        counts=("students_enrolled",),
        headline="students_enrolled",
        breakdowns=(Breakdown("funding", None),),
        needs="enrolments",
        parameters=("funding_groups",),
    ),
    Family(
        "graduation",
        counts=("expected_to_graduate", "graduated_as_expected"),
        rates=(
            Rate(
                "graduation_rate",
                (("graduated_as_expected", 1),),
                "expected_to_graduate",
                "conversion",
            ),
        ),
        needs="enrolments",
        maturity=Maturity("year_end"),
        parameters=("expected_date", "graduation_deadline", "excluded_withdrawals"),
    ),
    Family(
        "placement",
        counts=("graduates", "respondents", "placed", "placed_in_field"),
        headline="graduates",
        rates=(
            Rate("response_rate", (("respondents", 1),), "graduates", "employment"),
            Rate("placement_rate", (("placed", 1),), None, "employment"),
            Rate("placement_in_field_rate", (("placed_in_field", 1),), None, "employment_in_field"),
            Rate(
                "placement_rate_if_silent_not_placed",
                (("placed", 1),),
                "graduates",
                "employment_in_field",
                is_bound=True,
            ),
            Rate(
                "placement_rate_if_silent_placed",
                (("placed", 1), ("graduates", 1), ("respondents", -1)),
                "graduates",
                "employment_in_field",
                is_bound=True,
            ),
        ),
        needs="enrolments",
        maturity=Maturity("placement_window_end", "placement_months"),
        parameters=(
            "placement_window",
            "placement_months",
            "placement_answer",
            "placement_statuses",
        ),
    ),
)

COUNTS = tuple(count for family in FAMILIES for count in family.counts)

RATES = tuple(rate for family in FAMILIES for rate in family.rates)

_BREAKDOWNS = {count: family.breakdowns for family in FAMILIES for count in family.counts}


def groups_shown(count: str, policy: Policy) -> tuple[str, ...]:
    """Every group that a count is shown by under a policy, zeros included."""
    return (
        *MEMBERSHIP_GROUPS,
        *(
            f"{breakdown.key}:{value}"
            for breakdown in _BREAKDOWNS[count]
            for value in breakdown.values or policy.funding_groups
        ),
    )
