"""`projections.measures.placement`: which graduates answered, and who found work in time."""

from __future__ import annotations

from datetime import date

import pytest

from projections.measures.placement import window
from tests.support.histories import policy_of
from tests.support.scenarios import Scenario, each

MEASURES = ("graduates", "respondents", "placed", "placed_in_field")
CROSSING = {"placement_window": ["07-01", "06-30"]}
LATEST = {"placement_answer": "latest"}


def reached(step):
    return dict.fromkeys(MEASURES[: MEASURES.index(step) + 1], 1)


def graduated(on="2022-08-31", name="e1"):
    return f"enrolled {name} 2022-01-10 2022-12-01\ngraduated {name} {on}\n"


SCENARIOS = (
    Scenario("a silent graduate is no respondent", graduated(), {2022: reached("graduates")}),
    Scenario(
        "a graduate who answers without a job is a respondent",
        graduated() + "answered 2022-10-01 seeking",
        {2022: reached("respondents")},
    ),
    Scenario(
        "the status unknown is no answer", graduated() + "answered 2022-10-01 unknown",
        {2022: reached("graduates")},
    ),
    Scenario(
        "the status unknown is no answer even where the policy lists it as placed",
        graduated() + "answered 2022-10-01 unknown job_found_on=2022-09-01",
        {2022: reached("graduates")},
        {"placement_statuses": ["unknown", "employed"]},
    ),
    Scenario(
        "an answer to another survey does not count",
        graduated() + "answered 2022-10-01 employed survey=joy job_found_on=2022-09-01",
        {2022: reached("graduates")},
    ),
    Scenario(
        "an answer on the day of the graduation counts",
        graduated() + "answered 2022-08-31 employed job_found_on=2022-08-31",
        {2022: reached("placed")},
    ),
    Scenario(
        "an answer the day before the graduation does not count",
        graduated() + "answered 2022-08-30 employed job_found_on=2022-08-30",
        {2022: reached("graduates")},
    ),
    Scenario(
        "a job found long before places",
        graduated() + "answered 2022-10-01 employed job_found_on=1999-01-01",
        {2022: reached("placed")},
    ),
    Scenario(
        "after a graduation on 31 August a job found on 28 February is in time",
        graduated() + "answered 2023-10-01 employed job_found_on=2023-02-28",
        {2022: reached("placed")},
    ),
    Scenario(
        "after a graduation on 31 August a job found on 1 March is too late",
        graduated() + "answered 2023-10-01 employed job_found_on=2023-03-01",
        {2022: reached("respondents")},
    ),
    Scenario(
        "after a graduation on 31 August a job found on 29 February is in time",
        graduated("2023-08-31") + "answered 2024-10-01 employed job_found_on=2024-02-29",
        {2023: reached("placed")},
    ),
    Scenario(
        "a job without a date does not place",
        graduated() + "answered 2022-10-01 employed",
        {2022: reached("respondents")},
    ),
    Scenario(
        "a status that the policy does not list does not place",
        graduated() + "answered 2022-10-01 studying job_found_on=2022-09-01",
        {2022: reached("respondents")},
    ),
    Scenario(
        "a status that the policy lists places",
        graduated() + "answered 2022-10-01 studying job_found_on=2022-09-01 in_field=true",
        {2022: reached("placed_in_field")},
        {"placement_statuses": ["studying"]},
    ),
    Scenario(
        "a policy without statuses places nobody",
        graduated() + "answered 2022-10-01 employed job_found_on=2022-09-01",
        {2022: reached("respondents")},
        {"placement_statuses": []},
    ),
    Scenario(
        "status and date must be in one and the same answer",
        graduated()
        + "answered 2022-10-01 employed\nanswered 2022-11-01 seeking job_found_on=2022-09-01",
        {2022: reached("respondents")},
    ),
    Scenario(
        "job and field must be in one and the same answer",
        graduated()
        + "answered 2022-10-01 employed job_found_on=2022-09-01\n"
        "answered 2022-11-01 seeking job_found_on=2022-09-01 in_field=true",
        {2022: reached("placed")},
    ),
    Scenario(
        "where any answer counts one in the field is enough",
        graduated()
        + "answered 2022-10-01 employed job_found_on=2022-09-01 in_field=true\n"
        "answered 2022-11-01 employed job_found_on=2022-09-01 in_field=false",
        {2022: reached("placed_in_field")},
    ),
    Scenario(
        "where the latest answer counts only its own field does",
        graduated()
        + "answered 2022-10-01 employed job_found_on=2022-09-01 in_field=true\n"
        "answered 2022-11-01 employed job_found_on=2022-09-01 in_field=false",
        {2022: reached("placed")},
        LATEST,
    ),
    Scenario(
        "where the latest answer counts it takes back a job in an earlier one",
        graduated()
        + "answered 2022-11-01 seeking\nanswered 2022-10-01 employed job_found_on=2022-09-01",
        {2022: reached("respondents")},
        LATEST,
    ),
    Scenario(
        "where any answer counts a later one takes no job back",
        graduated()
        + "answered 2022-11-01 seeking\nanswered 2022-10-01 employed job_found_on=2022-09-01",
        {2022: reached("placed")},
    ),
    Scenario(
        "of two answers on the latest day the later in the log places",
        graduated()
        + "answered 2022-11-01 seeking\nanswered 2022-11-01 employed job_found_on=2022-09-01",
        {2022: reached("placed")},
        LATEST,
    ),
    Scenario(
        "of two answers on the latest day the earlier in the log does not place",
        graduated()
        + "answered 2022-11-01 employed job_found_on=2022-09-01\nanswered 2022-11-01 seeking",
        {2022: reached("respondents")},
        LATEST,
    ),
    Scenario(
        "an answer of status unknown is not the latest answer",
        graduated()
        + "answered 2022-10-01 employed job_found_on=2022-09-01\nanswered 2022-11-01 unknown",
        {2022: reached("placed")},
        LATEST,
    ),
    Scenario(
        "an answer about another enrolment counts",
        graduated()
        + "answered 2022-10-01 employed job_found_on=2022-09-01 enrollment_id=e9",
        {2022: reached("placed")},
    ),
    Scenario(
        "the earliest graduation in the window is the reference",
        graduated("2022-09-30") + graduated("2022-01-31", "e2")
        + "answered 2022-10-01 employed job_found_on=2022-08-01",
        {2022: reached("respondents")},
    ),
    Scenario(
        "a graduation before the window does not hide one in it",
        graduated("2021-12-31") + graduated("2022-09-30", "e2")
        + "answered 2022-10-01 employed job_found_on=2022-08-01",
        {2021: reached("respondents"), 2022: reached("placed")},
    ),
    Scenario(
        "of one enrolment's graduations only the earliest counts, in its own window",
        graduated("2021-12-31") + "graduated e1 2022-09-30",
        {2021: reached("graduates")},
    ),
    Scenario(
        "a graduate who died is a graduate",
        graduated() + "withdrew e1 2022-08-01 deceased",
        {2022: reached("graduates")},
    ),
    Scenario(
        "a window across the new year belongs to the year in which it ends",
        graduated("2021-07-01") + "enrolled e1 2022-01-10 2022-12-01 subject=s-2\n"
        "graduated e1 2022-06-30 subject=s-2",
        {2022: {"graduates": 2}},
        CROSSING,
    ),
    Scenario(
        "the day before a window belongs to the year before, the day after it to the next year",
        graduated("2021-06-30") + graduated("2022-07-01", "e2"),
        {2021: reached("graduates"), 2023: reached("graduates")},
        CROSSING,
    ),
    Scenario(
        "New Year's Eve and New Year's Day are in one window across the new year",
        graduated("2021-12-31") + graduated("2022-01-01", "e2"),
        {2022: reached("graduates")},
        CROSSING,
    ),
    Scenario(
        "a window of equal bounds is one day",
        graduated("2022-06-30") + graduated("2022-07-01", "e2") + graduated("2022-06-29", "e3"),
        {2022: reached("graduates")},
        {"placement_window": ["06-30", "06-30"]},
    ),
    Scenario(
        "a window may leave out part of the year",
        graduated("2022-09-01") + graduated("2022-03-31", "e2"),
        {},
        {"placement_window": ["04-01", "08-31"]},
    ),
    Scenario(
        "a leap day lies in a window that ends on 1 March",
        graduated("2024-02-29"),
        {2024: reached("graduates")},
        {"placement_window": ["02-28", "03-01"]},
    ),
    Scenario(
        "a leap day lies outside a window that ends on 28 February",
        graduated("2024-02-29"),
        {},
        {"placement_window": ["03-01", "02-28"]},
    ),
    Scenario(
        "membership is that of the reference date",
        "declared 2022-08-31 refugee\ndeclared 2022-09-01 none\n"
        + graduated() + "answered 2022-10-01 employed job_found_on=2022-09-15",
        {2022: reached("placed") | {f"{measure}|refugee": 1 for measure in MEASURES[:3]}},
    ),
    Scenario(
        "an orphan graduation is no graduate",
        "graduated e1 2022-08-31\nanswered 2022-10-01 employed job_found_on=2022-09-15",
        {},
    ),
)  # fmt: skip


class TestPlacement:
    """A graduate of a window is judged by the answers from the reference date on."""

    @each(SCENARIOS)
    def test_graduates(self, scenario):
        scenario.check(*MEASURES)


class TestWindow:
    """The window of a year, which begins in the year before where it crosses new year."""

    @pytest.mark.parametrize(
        ("bounds", "first", "last"),
        [
            (["01-01", "12-31"], "2022-01-01", "2022-12-31"),
            (["07-01", "06-30"], "2021-07-01", "2022-06-30"),
            (["12-31", "01-01"], "2021-12-31", "2022-01-01"),
            (["06-30", "06-30"], "2022-06-30", "2022-06-30"),
            (["06-30", "06-29"], "2021-06-30", "2022-06-29"),
        ],
    )
    def test_bounds_are_dates_of_the_year(self, bounds, first, last):
        expected = date.fromisoformat(first), date.fromisoformat(last)

        assert expected == window(2022, policy_of(placement_window=bounds))
