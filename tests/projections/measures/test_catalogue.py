"""`projections.measures.catalogue`: the measures of a report, and the groups they are shown by."""

from __future__ import annotations

import pytest

from projections.measures.catalogue import (
    COUNTS,
    FAMILIES,
    MEMBERSHIP_GROUPS,
    RATES,
    groups_shown,
)
from projections.policy import built_in_policies
from tests.support.histories import ROOT, oracle, policy_of


def leaves(value):
    """Everything in nested tuples that is no tuple."""
    if not isinstance(value, tuple):
        return [value]
    return [leaf for part in value for leaf in leaves(part)]


class TestFamilies:
    """A descriptor is data: the second engine reads it and shares no rule with the first."""

    def test_a_descriptor_holds_words_alone(self):
        assert {str, int, bool, type(None)} >= {type(leaf) for leaf in leaves(FAMILIES)}

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_a_family_has_a_file_of_rules_and_one_of_sql(self, family):
        assert (ROOT / "projections" / "measures" / f"{family.name}.py").is_file()
        assert (ROOT / "ledger" / "replay" / "sql" / f"{family.name}.sql").is_file()

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_a_headline_is_one_of_the_familys_counts(self, family):
        assert family.headline in {*family.counts, None}

    def test_no_measure_belongs_to_two_families(self):
        measures = [*COUNTS, *(rate.name for rate in RATES)]

        assert len(set(measures)) == len(measures)


class TestGroupsShown:
    """The rows of a report are those of the specification's table."""

    @pytest.mark.parametrize("name", built_in_policies())
    def test_every_row_is_one_that_the_oracle_shows(self, name):
        policy = built_in_policies()[name]
        rows = [(measure, group) for measure in COUNTS for group in groups_shown(measure, policy)]

        assert oracle().rows_of(oracle().BUILT_IN_POLICIES[name]) == sorted(rows)

    @pytest.mark.parametrize(
        "measure", ["career_outcomes", "outcomes_declared", "outcomes_repeated"]
    )
    def test_outcomes_are_shown_by_all_kinds_whatever_the_policy_counts(self, measure):
        groups = groups_shown(measure, policy_of(outcome_kinds=["raise"]))

        assert 9 + 7 + 2 + 12 == len(set(groups)) == len(groups)

    def test_enrolments_are_shown_by_the_policys_funding_groups(self):
        groups = groups_shown("students_enrolled", policy_of())

        assert (
            *MEMBERSHIP_GROUPS,
            "funding:individual",
            "funding:employer",
            "funding:apprenticeship",
            "funding:public",
            "funding:other",
        ) == groups


class TestRates:
    """There are seven rates, each a pair of counts of students."""

    def test_they_are_the_oracles(self):
        assert sorted(oracle().RATES) == sorted(rate.name for rate in RATES)

    def test_they_are_made_of_counts(self):
        for rate in RATES:
            assert {measure for measure, _ in rate.numerator} <= set(COUNTS)
            assert rate.denominator is None or rate.denominator in COUNTS
