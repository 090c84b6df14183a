"""`projections.measures.orientation`: which applicants became students."""

from __future__ import annotations

from tests.support.scenarios import Scenario, each

APPLIED = {"applicants": 1}
ORIENTED = {"applicants": 1, "became_students": 1}

SCENARIOS = (
    Scenario("an application alone is an applicant", "applied a1 2022-03-10", {2022: APPLIED}),
    Scenario(
        "enrolling on the day of the application counts",
        """
        applied a1 2022-03-10
        enrolled e1 2022-03-10 2023-01-01
        """,
        {2022: ORIENTED},
    ),
    Scenario(
        "enrolling the day before the application does not count, and takes no applicant away",
        """
        enrolled e1 2022-03-09 2023-01-01
        applied a1 2022-03-10
        """,
        {2022: APPLIED},
    ),
    Scenario(
        "enrolling on the last day of the twelve months counts",
        """
        applied a1 2022-03-10
        enrolled e1 2023-03-10 2024-01-01
        """,
        {2022: ORIENTED},
    ),
    Scenario(
        "enrolling the day after the twelve months does not count",
        """
        applied a1 2022-03-10
        enrolled e1 2023-03-11 2024-01-01
        """,
        {2022: APPLIED},
    ),
    Scenario(
        "twelve months after a leap day end on 28 February",
        """
        applied a1 2024-02-29
        enrolled e1 2025-03-01 2026-01-01
        """,
        {2024: APPLIED},
    ),
    Scenario(
        "one month after 31 January is the end of February",
        """
        applied a1 2022-01-31
        enrolled e1 2022-02-28 2023-01-01
        applied a1 2022-01-31 subject=s-2
        enrolled e1 2022-03-01 2023-01-01 subject=s-2
        """,
        {2022: {"applicants": 2, "became_students": 1}},
        {"orientation_months": 1},
    ),
    Scenario(
        "an applicant counts once a year, from the year's first application",
        """
        applied a2 2022-09-01
        applied a1 2022-03-10
        enrolled e1 2023-03-11 2024-01-01
        """,
        {2022: APPLIED},
    ),
    Scenario(
        "an applicant counts again in the next year, where one enrolment serves both",
        """
        applied a1 2021-12-31
        applied a2 2022-01-01
        enrolled e1 2022-02-01 2023-01-01
        """,
        {2021: ORIENTED, 2022: ORIENTED},
    ),
    Scenario(
        "enrolling in any programme counts, linked or not",
        """
        applied a1 2022-03-10 programme=dev
        enrolled e1 2022-04-01 2023-01-01 programme=data application_id=a9
        """,
        {2022: ORIENTED},
    ),
    Scenario(
        "an early enrolment does not count and a later one does",
        """
        enrolled e1 2021-01-01 2021-12-01
        applied a1 2022-03-10
        enrolled e2 2022-04-01 2023-01-01
        """,
        {2022: ORIENTED},
    ),
    Scenario(
        "a repeat of an application has no effect",
        """
        applied a1 2022-12-01
        applied a1 2021-03-10
        """,
        {2022: APPLIED},
    ),
    Scenario(
        "membership is that of the first application, not of the enrolment",
        """
        declared 2022-04-01 refugee
        applied a1 2022-03-10
        enrolled e1 2022-05-01 2023-01-01
        """,
        {2022: ORIENTED | {"applicants|undeclared": 1, "became_students|undeclared": 1}},
    ),
    Scenario(
        "leaving soon does not undo becoming a student",
        """
        applied a1 2022-03-10
        enrolled e1 2022-04-01 2023-01-01
        withdrew e1 2022-04-01 left
        """,
        {2022: ORIENTED},
    ),
)


class TestOrientation:
    """An applicant of a year becomes a student by enrolling in time."""

    @each(SCENARIOS)
    def test_applicants(self, scenario):
        scenario.check("applicants", "became_students")
