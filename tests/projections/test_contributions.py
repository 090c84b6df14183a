"""`projections.contributions`: one student's share of every figure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.contributions import FAMILY_RULES, contributions, shared_rules
from projections.measures.catalogue import COUNTS, FAMILIES, groups_shown
from projections.policy import built_in_policies, parse_policy
from tests.support.histories import encode, facts, policy_of, story
from tests.support.strategies import histories, policies

LIFE = """
    applied a1 2022-01-10 categories=refugee
    enrolled e1 2022-02-10 2022-12-01 funding=employer
    outcome 2022-03-01 internship
    declared 2022-06-01 none
    graduated e1 2022-11-30
    answered 2022-12-20 employed job_found_on=2022-12-15 in_field=true
    outcome 2022-12-15 new_job
"""


class TestContributions:
    """Each contribution adds one to cells that a report shows, and to no other."""

    def test_a_whole_life_is_in_every_measure(self):
        result = list(contributions(facts(story(LIFE)), policy_of()))

        assert {2022} == {year for year, _, _ in result}
        assert set(COUNTS) == {measure for _, measure, _ in result}

    def test_membership_is_that_of_each_stage(self):
        result = contributions(facts(story(LIFE)), policy_of())

        stages = {
            measure: groups for _, measure, groups in result if measure != "outcomes_declared"
        }
        for measure in ("applicants", "became_students", "students_enrolled", "career_outcomes",
                        "expected_to_graduate", "graduated_as_expected"):  # fmt: skip
            assert "refugee" in stages[measure]
        for measure in ("graduates", "respondents", "placed", "outcomes_repeated"):
            assert "no_category" in stages[measure]

    def test_nobody_adds_nothing(self):
        assert [] == list(contributions(facts([]), policy_of()))

    @pytest.mark.parametrize("rule", FAMILY_RULES, ids=lambda rule: rule.__name__)
    def test_every_family_is_in_the_whole(self, rule):
        life = facts(story(LIFE))

        assert set(rule(life, policy_of())) <= set(contributions(life, policy_of()))

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_a_family_adds_to_its_own_counts_alone(self, family):
        rule = FAMILY_RULES[FAMILIES.index(family)]

        added = {measure for _, measure, _ in rule(facts(story(LIFE)), policy_of())}

        assert family.name == rule.__name__
        assert added <= set(family.counts)

    @given(histories(subjects=("s-1",)), policies)
    def test_a_family_adds_nothing_without_the_facts_that_it_needs(self, history, policy):
        policy = parse_policy(encode(policy), "of a test")
        for family, rule in zip(FAMILIES, FAMILY_RULES, strict=True):
            life = facts(history)
            setattr(life, family.needs, [])
            assert [] == list(rule(life, policy)), family.name

    @given(histories(subjects=("s-1",)), policies)
    def test_a_report_shows_every_cell_and_no_group_is_repeated(self, history, policy):
        policy = parse_policy(encode(policy), "of a test")

        for _, measure, groups in contributions(facts(history), policy):
            assert set(groups) <= set(groups_shown(measure, policy))
            assert len(set(groups)) == len(groups)

    @given(histories(subjects=("s-1",)), policies)
    def test_a_student_is_counted_once_a_year(self, history, policy):
        policy = parse_policy(encode(policy), "of a test")

        results = [
            (year, measure)
            for year, measure, _ in contributions(facts(history), policy)
            if "outcome" not in measure
        ]

        assert len(set(results)) == len(results)


class TestSharedRules:
    """Policies that a family cannot tell apart share what it adds."""

    @given(histories(subjects=("s-1",)), policies, policies)
    def test_a_family_reads_only_the_parameters_that_it_names(self, history, policy, other):
        life, chosen = facts(history), parse_policy(encode(policy), "of a test")
        for family, rule in zip(FAMILIES, FAMILY_RULES, strict=True):
            named = {name: policy[name] for name in family.parameters}
            alike = parse_policy(encode({**other, **named}), "of a test")
            assert list(rule(life, chosen)) == list(rule(life, alike)), family.name

    @given(histories(subjects=("s-1",)), st.lists(policies, max_size=3))
    def test_they_add_what_each_policy_adds_by_itself(self, history, several):
        life = facts(history)
        parsed = [parse_policy(encode(policy), "of a test") for policy in several]
        shared = shared_rules([*parsed, *built_in_policies().values()])
        for policy in (*parsed, *built_in_policies().values()):
            added = [
                contribution
                for rule, _, alike in shared
                if policy in alike
                for contribution in rule(life, alike[0])
            ]
            assert sorted(contributions(life, policy)) == sorted(added)

    def test_what_differs_between_the_built_in_policies_is_not_shared(self):
        shared = shared_rules(built_in_policies().values())

        assert {
            "career_outcomes": [2],
            "orientation": [2],
            "enrolment": [2],
            "graduation": [1, 1],
            "placement": [1, 1],
        } == {
            family.name: [len(alike) for rule, _, alike in shared if rule.__name__ == family.name]
            for family in FAMILIES
        }
