"""`projections.facts`: membership, population, and what depends on an enrolment."""

from __future__ import annotations

from datetime import date

import pytest

from projections.facts import facts_of, groups_of
from projections.measures.catalogue import MEMBERSHIP_GROUPS
from tests.support.histories import admit_all, facts, story

DECLARATIONS = """
    declared 2022-06-01 refugee
    declared 2022-01-01 none
    declared 2023-01-01 disability+job_seeker
"""


class TestGroupsAt:
    """A membership at a date is the latest declaration on or before it."""

    @pytest.mark.parametrize(
        ("on", "groups"),
        [
            ("2021-12-31", {"undeclared"}),
            ("2022-01-01", {"no_category"}),
            ("2022-05-31", {"no_category"}),
            ("2022-06-01", {"refugee", "any_category"}),
            ("2022-12-31", {"refugee", "any_category"}),
            ("2023-01-01", {"disability", "job_seeker", "any_category"}),
            ("2199-12-31", {"disability", "job_seeker", "any_category"}),
        ],
    )
    def test_it_begins_on_the_day_itself_whatever_the_order_of_the_log(self, on, groups):
        result = facts(story(DECLARATIONS)).groups_at(date.fromisoformat(on))

        assert sorted({"all", *groups}) == sorted(result)

    @pytest.mark.parametrize(
        ("text", "groups"),
        [
            ("declared 2022-01-01 refugee\ndeclared 2022-01-01 none", ("all", "no_category")),
            (
                "declared 2022-01-01 none\nenrolled e1 2022-01-01 2022-12-01 categories=refugee",
                ("all", "refugee", "any_category"),
            ),
            (
                """
                enrolled e1 2022-01-01 2022-12-01 categories=refugee
                applied a1 2022-01-01 categories=disability
                """,
                ("all", "disability", "any_category"),
            ),
            ("applied a1 2022-01-01\nenrolled e1 2022-01-01 2022-12-01", ("all", "undeclared")),
            (
                "declared 2022-01-01 refugee\napplied a1 2022-01-01",
                ("all", "refugee", "any_category"),
            ),
        ],
    )
    def test_of_two_on_one_day_the_later_in_the_log_holds(self, text, groups):
        assert groups == facts(story(text)).groups_at(date(2022, 1, 1))

    def test_a_set_replaces_the_one_before_it_and_adds_nothing_to_it(self):
        result = facts(story("declared 2022-01-01 refugee\ndeclared 2022-01-02 disability"))

        assert ("all", "disability", "any_category") == result.groups_at(date(2022, 1, 2))


class TestGroupsOf:
    """A declared set is one of the three parts of `all`, beside its categories."""

    def test_everyone_is_in_one_of_three_parts(self):
        parts = {"any_category", "no_category", "undeclared"}

        for categories in (None, frozenset(), frozenset({"refugee"}), frozenset({"disability"})):
            groups = groups_of(categories)
            assert "all" == groups[0]
            assert 1 == len(parts.intersection(groups))
            assert set(groups) <= set(MEMBERSHIP_GROUPS)

    def test_there_are_nine(self):
        assert 9 == len(set(MEMBERSHIP_GROUPS))


class TestPopulationAt:
    """A student from the first day of an enrolment on, a learner before, and never again."""

    @pytest.mark.parametrize(
        ("on", "population"),
        [("2022-02-28", "learner"), ("2022-03-01", "student"), ("2024-01-01", "student")],
    )
    def test_leaving_and_graduating_do_not_end_it(self, on, population):
        text = """
            enrolled e1 2022-03-01 2022-12-01
            withdrew e1 2022-04-01 left
            enrolled e2 2022-05-01 2022-12-01
            graduated e2 2022-12-01
        """

        assert population == facts(story(text)).population_at(date.fromisoformat(on))

    def test_an_application_makes_no_student(self):
        assert "learner" == facts(story("applied a1 2022-01-01")).population_at(date(2023, 1, 1))


class TestFactsOf:
    """What depends on an enrolment belongs to it, in log order, wherever the log has it."""

    def test_a_retraction_is_no_fact(self):
        with pytest.raises(AssertionError):
            facts_of(admit_all(story("retracted 1")))

    def test_the_earliest_graduation_counts_whatever_came_first(self):
        text = """
            graduated e1 2022-12-02
            enrolled e1 2022-03-01 2022-12-01
            graduated e1 2022-12-01
            graduated e1 2022-12-03
        """

        assert date(2022, 12, 1) == facts(story(text)).enrolments[0].graduated_on

    def test_each_enrolment_has_its_own(self):
        text = """
            enrolled e1 2022-03-01 2022-12-01
            enrolled e2 2022-04-01 2022-12-01
            withdrew e2 2022-05-01 left
            rescheduled e1 2022-06-01 2023-01-01
        """

        first, second = facts(story(text)).enrolments

        assert [(date(2022, 6, 1), date(2023, 1, 1))] == [each[:2] for each in first.reschedulings]
        assert [] == first.withdrawals == second.reschedulings
        assert [(date(2022, 5, 1), "left")] == [each[:2] for each in second.withdrawals]
        assert first.graduated_on is None
