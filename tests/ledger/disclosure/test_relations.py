"""`ledger.disclosure.relations`: what everybody knows of counts holds for every school."""

from __future__ import annotations

from itertools import product

import pytest

from ledger.disclosure.forms import Cell, nearest_multiple
from ledger.disclosure.relations import rate_relations, relations_of
from projections.measures.catalogue import FAMILIES, RATES
from tests.support.histories import policy_of
from tests.support.schools import school_report


class TestRates:
    @pytest.mark.parametrize(("step", "tenths"), [(50, 850), (50, 1_000), (70, 840), (10, 0)])
    def test_a_rate_says_exactly_which_counts_it_may_be_made_of(self, step, tenths):
        rate = next(rate for rate in RATES if rate.name == "orientation_rate")
        relations = rate_relations(rate, "all", policy_of(), tenths, step)
        part, whole = Cell("became_students", "all"), Cell("applicants", "all")
        # 7 of 8 and 21 of 24 are 87.5 %, where 85 % ends.
        for n, d in product(range(41), range(1, 41)):
            holds = all(relation.holds({part: n, whole: d}) for relation in relations)
            assert holds == (nearest_multiple(n * 1_000, d, step) == tenths), (n, d)


class TestSchools:
    @pytest.mark.parametrize("shape", ["one student", "middling", "huge"])
    def test_every_relation_holds_for_every_school(self, shape):
        report, policy = school_report(shape), policy_of()
        for years_back, member in ((0, "count"), (1, "previous")):
            counts = {
                Cell(row.measure, row.group, years_back): getattr(row, member)
                for row in report.counts
            }
            for family in FAMILIES:
                for relation in relations_of(family, policy, years_back):
                    assert relation.holds(counts), relation
