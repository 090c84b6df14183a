"""`projections.maturity`: until when each measure is provisional."""

from __future__ import annotations

from datetime import date

import pytest

from projections.maturity import provisional_until
from tests.support.histories import policy_of

YEAR_END = {"career_outcomes": date(2022, 12, 31), "graduation_rate": date(2022, 12, 31)}
PLACEMENT = (
    "response_rate",
    "placement_rate",
    "placement_in_field_rate",
    "placement_rate_if_silent_not_placed",
    "placement_rate_if_silent_placed",
)


class TestProvisionalUntil:
    """A measure is provisional until the observation period of its last student ends."""

    @pytest.mark.parametrize(
        ("overrides", "orientation", "placement"),
        [
            ({}, date(2023, 12, 31), date(2023, 6, 30)),
            (
                {"orientation_months": 2, "placement_months": 2},
                date(2023, 2, 28),
                date(2023, 2, 28),
            ),
            ({"placement_window": ["07-01", "06-30"]}, date(2023, 12, 31), date(2022, 12, 30)),
            ({"placement_window": ["01-01", "02-28"]}, date(2023, 12, 31), date(2022, 8, 28)),
            ({"orientation_months": 10**9}, date.max, date(2023, 6, 30)),
        ],
        ids=[
            "the policy of 2022",
            "a month's last day",
            "a window across the year's end",
            "a window that ends in February",
            "no date after the last one there is",
        ],
    )
    def test_the_days_follow_from_the_policy(self, overrides, orientation, placement):
        assert {
            **YEAR_END,
            "orientation_rate": orientation,
            **dict.fromkeys(PLACEMENT, placement),
        } == provisional_until(policy_of(**overrides), 2022)
