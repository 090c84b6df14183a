"""`projections.measures.career_outcomes`: which declarations count, by the 12-month rule."""

from __future__ import annotations

import itertools

import pytest

from tests.support.histories import cells, figures_of, policy_of, story
from tests.support.scenarios import Scenario, each

MEASURES = ("career_outcomes", "outcomes_declared", "outcomes_repeated")


def counted(new=0, repeated=0):
    results = {"career_outcomes": new, "outcomes_declared": new + repeated,
             "outcomes_repeated": repeated}  # fmt: skip
    return {measure: count for measure, count in results.items() if count}


DECLARED = {"outcome_window_anchor": "last_declared"}
CALENDAR = {"outcome_window_anchor": "calendar_year"}
BY_KIND = {"outcome_window_scope": "student_and_kind"}
BY_TIME = {"outcome_date": "time"}

SCENARIOS = (
    Scenario(
        "on the anniversary an outcome counts again",
        """
        outcome 2021-03-01 raise
        outcome 2022-03-01 raise
        """,
        {2021: counted(1), 2022: counted(1)},
    ),
    Scenario(
        "the day before the anniversary an outcome is a repeat",
        """
        outcome 2021-03-01 raise
        outcome 2022-02-28 raise
        """,
        {2021: counted(1), 2022: counted(0, 1)},
    ),
    Scenario(
        "a leap day has its anniversary on 28 February",
        """
        outcome 2020-02-29 raise
        outcome 2021-02-28 raise
        """,
        {2020: counted(1), 2021: counted(1)},
    ),
    Scenario(
        "the day before a leap day's anniversary an outcome is a repeat",
        """
        outcome 2020-02-29 raise
        outcome 2021-02-27 raise
        """,
        {2020: counted(1), 2021: counted(0, 1)},
    ),
    Scenario(
        "28 February has its anniversary on 28 February, of a leap year too",
        """
        outcome 2023-02-28 raise
        outcome 2024-02-28 raise
        """,
        {2023: counted(1), 2024: counted(1)},
    ),
    Scenario(
        "of two outcomes on one day one counts and one is a repeat",
        """
        outcome 2022-03-01 raise
        outcome 2022-03-01 new_job
        """,
        {2022: counted(1, 1)},
    ),
    Scenario(
        "a repeat moves no window: the anchor is the last counted one",
        """
        outcome 2021-01-10 raise
        outcome 2021-12-10 raise
        outcome 2022-01-10 raise
        """,
        {2021: counted(1, 1), 2022: counted(1)},
    ),
    Scenario(
        "a repeat moves the window where the anchor is the last declared one",
        """
        outcome 2021-01-10 raise
        outcome 2021-12-10 raise
        outcome 2022-01-10 raise
        outcome 2023-01-10 raise
        """,
        {2021: counted(1, 1), 2022: counted(0, 1), 2023: counted(1)},
        DECLARED,
    ),
    Scenario(
        "the first of each calendar year counts where the year is the window",
        """
        outcome 2021-12-31 raise
        outcome 2022-01-01 raise
        outcome 2022-12-31 raise
        """,
        {2021: counted(1), 2022: counted(1, 1)},
        CALENDAR,
    ),
    Scenario(
        "where the year is the window the months of the window are not used",
        """
        outcome 2021-01-01 raise
        outcome 2022-01-01 raise
        """,
        {2021: counted(1), 2022: counted(1)},
        CALENDAR | {"outcome_window_months": 120},
    ),
    Scenario(
        "in the student's window an outcome of another kind is a repeat",
        """
        outcome 2022-01-10 raise
        outcome 2022-05-10 new_job
        """,
        {2022: counted(1, 1)},
    ),
    Scenario(
        "where each kind has its window an outcome of another kind counts",
        """
        outcome 2022-01-10 raise
        outcome 2022-05-10 new_job
        outcome 2022-06-10 raise
        """,
        {2022: counted(2, 1)},
        BY_KIND,
    ),
    Scenario(
        "where each kind has its window a declaration of another kind is no anchor",
        """
        outcome 2021-01-10 raise
        outcome 2021-12-10 new_job
        outcome 2022-01-10 raise
        """,
        {2021: counted(2), 2022: counted(1)},
        BY_KIND | DECLARED,
    ),
    Scenario(
        "the first of each kind in a calendar year counts where the year is each kind's window",
        """
        outcome 2022-01-10 raise
        outcome 2022-01-10 new_job
        outcome 2022-02-10 new_job
        """,
        {2022: counted(2, 1)},
        BY_KIND | CALENDAR,
    ),
    Scenario(
        "an outcome in December makes one in spring a repeat",
        """
        outcome 2021-12-20 raise
        outcome 2022-03-20 raise
        """,
        {2021: counted(1), 2022: counted(0, 1)},
    ),
    Scenario(
        "a kind that the policy leaves out is no candidate and no anchor",
        """
        outcome 2021-12-20 raise
        outcome 2022-03-20 new_job
        """,
        {2022: counted(1)},
        {"outcome_kinds": ["new_job"]},
    ),
    Scenario(
        "a policy without kinds has no outcomes",
        "outcome 2022-03-20 new_job",
        {},
        {"outcome_kinds": []},
    ),
    Scenario(
        "an outcome that is not credited is no candidate and no anchor",
        """
        outcome 2021-12-20 raise credited=false
        outcome 2022-03-20 raise
        """,
        {2022: counted(1)},
    ),
    Scenario(
        "an outcome that is not credited counts where the policy does not ask for credit",
        """
        outcome 2021-12-20 raise credited=false
        outcome 2022-03-20 raise
        """,
        {2021: counted(1), 2022: counted(0, 1)},
        {"outcome_must_be_credited": False},
    ),
    Scenario(
        "a retracted outcome is no anchor",
        """
        outcome 2021-12-20 raise
        outcome 2022-03-20 raise
        retracted 1
        """,
        {2022: counted(1)},
    ),
    Scenario(
        "a window of one month ends on the same day of the next",
        """
        outcome 2022-01-31 raise
        outcome 2022-02-27 raise
        outcome 2022-02-28 raise
        """,
        {2022: counted(2, 1)},
        {"outcome_window_months": 1},
    ),
    Scenario(
        "a window that ends after the calendar lets only the first outcome count",
        """
        outcome 1900-01-01 raise
        outcome 2199-12-31 raise
        """,
        {1900: counted(1), 2199: counted(0, 1)},
        {"outcome_window_months": 1_000_000},
    ),
    Scenario(
        "the outcome of one student makes none of another student a repeat",
        """
        outcome 2022-01-10 raise
        outcome 2022-01-10 raise subject=s-2
        """,
        {2022: counted(2)},
    ),
    Scenario(
        "where time is the date it is the date in Paris",
        """
        outcome 2020-01-01 raise time=2021-12-31T23:00:00Z
        outcome 2020-01-01 raise time=2022-12-31T22:59:59.999999999Z
        """,
        {2022: counted(1, 1)},
        BY_TIME,
    ),
    Scenario(
        "where time is the date Paris is two hours ahead in summer",
        """
        outcome 2020-01-01 raise time=2022-06-30T22:00:00Z
        outcome 2020-01-01 raise time=2022-06-30T21:59:59Z subject=s-2
        """,
        {2022: counted(2) | {"career_outcomes|month:06": 1, "career_outcomes|month:07": 1,
                             "outcomes_declared|month:06": 1, "outcomes_declared|month:07": 1}},
        BY_TIME,
    ),
    Scenario(
        "where time is the date the zone is the policy's",
        "outcome 2020-01-01 raise time=2022-01-01T00:00:00Z",
        {2021: counted(1)},
        BY_TIME | {"zone": "America/New_York"},
    ),
    Scenario(
        "where time is the date its own offset does not matter",
        "outcome 2020-01-01 raise time=2022-01-01T09:00:00+14:00",
        {2021: counted(1)},
        BY_TIME,
    ),
    Scenario(
        "kind, population and month are those of the outcome's date",
        """
        enrolled e1 2022-05-02 2022-12-01
        outcome 2022-05-01 raise
        outcome 2023-05-02 new_job
        """,
        {
            2022: counted(1) | {f"{measure}|{group}": 1
                                for measure in ("career_outcomes", "outcomes_declared")
                                for group in ("kind:raise", "population:learner", "month:05")},
            2023: counted(1) | {f"{measure}|{group}": 1
                                for measure in ("career_outcomes", "outcomes_declared")
                                for group in ("kind:new_job", "population:student", "month:05")},
        },
    ),
)  # fmt: skip


class TestCareerOutcomes:
    """A declaration is a career outcome or a repeat, by the policy's window."""

    @each(SCENARIOS)
    def test_outcomes(self, scenario):
        scenario.check(*MEASURES)

    @pytest.mark.parametrize("scenario", SCENARIOS[:8], ids=lambda item: item.sentence)
    def test_the_order_of_the_log_does_not_matter(self, scenario):
        events = story(scenario.story)
        policy = policy_of(**scenario.overrides)
        for order in itertools.permutations(events):
            figures = figures_of(list(order), policy)
            for year, expected in scenario.expected.items():
                assert expected == {
                    cell: count
                    for cell, count in cells(figures, year, *MEASURES).items()
                    if "|" not in cell
                }


class TestTies:
    """On one date the instant decides, then the source, then the id, by UTF-8 bytes."""

    # Which of two on one day counts shows in its kind.
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("time=2022-03-01T10:00:00Z", "time=2022-03-01T10:00:00.000000001Z"),
            ("time=2022-03-01T10:00:00.1Z", "time=2022-03-01T10:00:00.11Z"),
            ("time=2022-03-01T10:00:00.09Z", "time=2022-03-01T10:00:00.1Z"),
            ("time=2022-03-01T12:00:00+02:00", "time=2022-03-01T11:00:00Z"),
            ("time=2022-03-01T23:59:00+23:59", "time=2022-03-01T00:00:01Z"),
            ("source=/A", "source=/a"),
            ("source=/a", "source=/a/b"),
            ("source=/z", "source=/é"),
            ("source=/a id=2", "source=/b id=1"),
            ("id=10", "id=9"),
            ("id=\uffff", "id=\U00010000"),
            ("time=2022-03-01T10:00:00Z id=z", "time=2022-03-01T10:00:00.000000001Z id=a"),
            ("time=2022-03-01T10:00:00Z id=a", "time=2022-03-01T11:00:00.000+01:00 id=b"),
        ],
    )
    def test_the_first_in_walking_order_counts(self, first, second):
        lines = [f"outcome 2022-03-01 raise {first}", f"outcome 2022-03-01 new_job {second}"]
        for order in (lines, lines[::-1]):
            figures = figures_of(story("\n".join(order)), policy_of())

            assert 1 == figures.count(2022, "career_outcomes", "kind:raise")
            assert 1 == figures.count(2022, "outcomes_repeated", "kind:new_job")
