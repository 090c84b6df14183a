"""`projections.measures.enrolment`: who began in a year, and how they were funded."""

from __future__ import annotations

import pytest

from schemas.events import FUNDINGS
from tests.support.histories import figures_of, policy_of, story
from tests.support.scenarios import Scenario, each

ENROLLED = {"students_enrolled": 1}


def funded(group):
    return ENROLLED | {f"students_enrolled|funding:{group}": 1}


SCENARIOS = (
    Scenario(
        "the first and the last day belong to the year",
        """
        enrolled e1 2022-01-01 2023-01-01
        enrolled e1 2022-12-31 2023-01-01 subject=s-2
        enrolled e1 2021-12-31 2023-01-01 subject=s-3
        """,
        {2021: ENROLLED, 2022: {"students_enrolled": 2}},
    ),
    Scenario(
        "a student counts once a year, and in each year again",
        """
        enrolled e1 2022-01-01 2023-01-01
        enrolled e2 2022-02-01 2023-01-01
        enrolled e3 2023-02-01 2024-01-01
        """,
        {2022: ENROLLED, 2023: ENROLLED},
    ),
    Scenario(
        "the funding is that of the year's earliest enrolment",
        """
        enrolled e1 2022-03-01 2023-01-01 funding=employer
        enrolled e2 2022-02-01 2023-01-01 funding=job_centre
        enrolled e3 2021-01-01 2022-01-01 funding=other
        """,
        {2021: funded("other"), 2022: funded("public")},
    ),
    Scenario(
        "of two enrolments on one day the one earlier in the log gives the funding",
        """
        enrolled e2 2022-02-01 2023-01-01 funding=employer
        enrolled e1 2022-02-01 2023-01-01 funding=cpf
        """,
        {2022: funded("employer")},
    ),
    Scenario(
        "a repeat's funding counts once the first statement is retracted",
        """
        enrolled e1 2022-02-01 2023-01-01 funding=employer
        enrolled e1 2022-02-01 2023-01-01 funding=cpf
        retracted 1
        """,
        {2022: funded("individual")},
    ),
    Scenario(
        "a repeat that takes effect keeps its own place in the log",
        """
        enrolled e1 2022-02-01 2023-01-01 funding=employer
        enrolled e2 2022-02-01 2023-01-01 funding=other
        enrolled e1 2022-02-01 2023-01-01 funding=cpf
        retracted 1
        """,
        {2022: funded("other")},
    ),
    Scenario(
        "membership is that of the day of the year's earliest enrolment",
        """
        declared 2022-02-01 refugee
        declared 2022-02-02 none
        enrolled e2 2022-03-01 2023-01-01
        enrolled e1 2022-02-01 2023-01-01
        """,
        {2022: ENROLLED | {"students_enrolled|refugee": 1}},
    ),
)


class TestEnrolment:
    """A student counts once in each year in which an enrolment begins."""

    @each(SCENARIOS)
    def test_students_enrolled(self, scenario):
        scenario.check("students_enrolled")

    @pytest.mark.parametrize("funding", FUNDINGS)
    def test_a_funding_is_in_the_policys_group_of_it(self, funding):
        groups = {"a": list(FUNDINGS[:3]), "b": list(FUNDINGS[3:])}
        events = story(f"enrolled e1 2022-01-01 2023-01-01 funding={funding}")

        figures = figures_of(events, policy_of(funding_groups=groups))

        for name, members in groups.items():
            expected = int(funding in members)
            assert expected == figures.count(2022, "students_enrolled", f"funding:{name}")
