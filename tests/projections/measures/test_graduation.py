"""`projections.measures.graduation`: who was expected to graduate in a year, and did in time."""

from __future__ import annotations

from tests.support.scenarios import Scenario, each

EXPECTED = {"expected_to_graduate": 1}
IN_TIME = {"expected_to_graduate": 1, "graduated_as_expected": 1}
BY_DATE = {"graduation_deadline": "expected_date"}
FIRST = {"expected_date": "first"}

ENROLLED = "enrolled e1 2022-01-10 2022-06-30\n"

SCENARIOS = (
    Scenario(
        "an enrolment without a graduation is expected and not in time", ENROLLED, {2022: EXPECTED}
    ),
    Scenario(
        "a graduation on the last day of the year is in time",
        ENROLLED + "graduated e1 2022-12-31",
        {2022: IN_TIME},
    ),
    Scenario(
        "a graduation on the first day of the next year is late",
        ENROLLED + "graduated e1 2023-01-01",
        {2022: EXPECTED},
    ),
    Scenario(
        "where the expected date is the deadline a graduation on it is in time",
        ENROLLED + "graduated e1 2022-06-30",
        {2022: IN_TIME},
        BY_DATE,
    ),
    Scenario(
        "where the expected date is the deadline a graduation the day after is late",
        ENROLLED + "graduated e1 2022-07-01",
        {2022: EXPECTED},
        BY_DATE,
    ),
    Scenario(
        "a graduation is as expected however early, even before the enrolment",
        ENROLLED + "graduated e1 2020-06-30",
        {2022: IN_TIME},
        BY_DATE,
    ),
    Scenario(
        "the earliest of several graduations counts",
        ENROLLED + "graduated e1 2023-06-30\ngraduated e1 2022-06-30",
        {2022: IN_TIME},
        BY_DATE,
    ),
    Scenario(
        "a rescheduling moves the year",
        ENROLLED + "rescheduled e1 2022-05-01 2023-06-30\ngraduated e1 2023-06-30",
        {2023: IN_TIME},
        BY_DATE,
    ),
    Scenario(
        "a rescheduling moves nothing where the first date counts",
        ENROLLED + "rescheduled e1 2022-05-01 2023-06-30\ngraduated e1 2023-06-30",
        {2022: EXPECTED},
        FIRST,
    ),
    Scenario(
        "a rescheduling counts whenever it was decided",
        ENROLLED + "rescheduled e1 2024-05-01 2023-06-30",
        {2023: EXPECTED},
    ),
    Scenario(
        "the latest decision holds, in whatever order the log has them",
        ENROLLED + "rescheduled e1 2022-05-02 2024-06-30\nrescheduled e1 2022-05-01 2023-06-30",
        {2024: EXPECTED},
    ),
    Scenario(
        "of two decisions on one day the later in the log holds",
        ENROLLED + "rescheduled e1 2022-05-01 2024-06-30\nrescheduled e1 2022-05-01 2023-06-30",
        {2023: EXPECTED},
    ),
    Scenario(
        "a rescheduling may move a date to an earlier year",
        ENROLLED + "rescheduled e1 2022-05-01 2021-06-30",
        {2021: EXPECTED},
    ),
    Scenario(
        "a retracted rescheduling moves nothing",
        ENROLLED + "rescheduled e1 2022-05-01 2023-06-30\nretracted 2",
        {2022: EXPECTED},
    ),
    Scenario(
        "death before the deadline excludes the enrolment",
        ENROLLED + "withdrew e1 2022-12-31 deceased",
        {},
    ),
    Scenario(
        "death after the deadline does not exclude the enrolment",
        ENROLLED + "withdrew e1 2023-01-01 deceased",
        {2022: EXPECTED},
    ),
    Scenario(
        "where the expected date is the deadline death on it excludes the enrolment",
        ENROLLED + "withdrew e1 2022-06-30 deceased",
        {},
        BY_DATE,
    ),
    Scenario(
        "where the expected date is the deadline death the day after does not exclude",
        ENROLLED + "withdrew e1 2022-07-01 deceased",
        {2022: EXPECTED},
        BY_DATE,
    ),
    Scenario(
        "a withdrawal is judged by the deadline of the date in force",
        ENROLLED + "withdrew e1 2023-05-01 deceased\nrescheduled e1 2022-05-01 2023-06-30",
        {},
        BY_DATE,
    ),
    Scenario(
        "a withdrawal for another reason excludes nothing",
        ENROLLED + "withdrew e1 2022-02-01 left",
        {2022: EXPECTED},
    ),
    Scenario(
        "a withdrawal for a reason that the policy lists excludes the enrolment",
        ENROLLED + "withdrew e1 2022-02-01 left",
        {},
        {"excluded_withdrawals": ["deceased", "left"]},
    ),
    Scenario(
        "death excludes nothing where the policy lists no reason",
        ENROLLED + "withdrew e1 2022-02-01 deceased",
        {2022: EXPECTED},
        {"excluded_withdrawals": []},
    ),
    Scenario(
        "death on the day of the graduation excludes nothing",
        ENROLLED + "graduated e1 2022-05-01\nwithdrew e1 2022-05-01 deceased",
        {2022: IN_TIME},
    ),
    Scenario(
        "death the day before the graduation excludes the enrolment",
        ENROLLED + "graduated e1 2022-05-02\nwithdrew e1 2022-05-01 deceased",
        {},
    ),
    Scenario(
        "one of several withdrawals is enough to exclude an enrolment",
        ENROLLED + "withdrew e1 2022-02-01 left\nwithdrew e1 2022-03-01 deceased",
        {},
    ),
    Scenario(
        "death stated for one enrolment does not exclude another",
        ENROLLED + "enrolled e2 2022-02-10 2022-06-30\nwithdrew e1 2022-03-01 deceased",
        {2022: EXPECTED},
    ),
    Scenario(
        "a student counts once, in time if any enrolment was",
        ENROLLED + "enrolled e2 2022-02-10 2022-09-30\ngraduated e2 2022-09-30",
        {2022: IN_TIME},
    ),
    Scenario(
        "a graduation in time from an enrolment of another year does not count",
        ENROLLED + "enrolled e2 2022-02-10 2023-09-30\ngraduated e2 2022-09-30",
        {2022: EXPECTED, 2023: IN_TIME},
    ),
    Scenario(
        "membership is that of the smallest enrolled_on, of the graduated one or not",
        "declared 2022-01-10 refugee\ndeclared 2022-02-01 none\n"
        "enrolled e2 2022-02-10 2022-09-30\n" + ENROLLED + "graduated e2 2022-09-30",
        {2022: IN_TIME | {"expected_to_graduate|refugee": 1, "graduated_as_expected|refugee": 1}},
    ),
    Scenario(
        "an excluded enrolment gives no membership",
        "declared 2022-01-10 refugee\ndeclared 2022-02-01 none\n"
        "enrolled e2 2022-02-10 2022-09-30\n" + ENROLLED + "withdrew e1 2022-03-01 deceased",
        {2022: EXPECTED | {"expected_to_graduate|no_category": 1}},
    ),
    Scenario(
        "an enrolment expected in another year gives no membership",
        "declared 2022-01-10 refugee\ndeclared 2022-02-01 none\n"
        "enrolled e2 2022-02-10 2023-09-30\n" + ENROLLED,
        {
            2022: EXPECTED | {"expected_to_graduate|refugee": 1},
            2023: EXPECTED | {"expected_to_graduate|no_category": 1},
        },
    ),
)


class TestGraduation:
    """Whoever was expected to graduate in a year is counted once, and judged by the deadline."""

    @each(SCENARIOS)
    def test_expected_to_graduate(self, scenario):
        scenario.check("expected_to_graduate", "graduated_as_expected")
