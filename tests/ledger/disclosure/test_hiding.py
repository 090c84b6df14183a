"""`ledger.disclosure.hiding`: nobody can work out a protected count, and no more is hidden."""

from __future__ import annotations

import json
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.disclosure.attack import Attack
from ledger.disclosure.disclose import disclose, judge
from ledger.disclosure.forms import Cell, Forms
from ledger.disclosure.hiding import hide
from ledger.disclosure.profile import Profile, built_in_profiles
from ledger.disclosure.relations import Relation
from ledger.disclosure.shown import encode_shown
from projections.measures.catalogue import COUNTS
from tests.support.disclosure_oracle import Oracle, Program
from tests.support.histories import CASES, policy_of
from tests.support.schools import YEAR, report_of, school_report

HAND_MADE = json.loads((CASES / "disclosure.json").read_text(encoding="utf-8"))["cases"]
FEW = settings(max_examples=5, deadline=None)
MANY = settings(max_examples=40, deadline=None)


def profile_of(like, *measures, **members):
    """A built-in profile with other members, and perhaps with a few counts alone."""
    whole = built_in_profiles()[like].model_dump()
    if measures:
        members["left_out"] = tuple(name for name in COUNTS if name not in measures)
    return Profile.model_validate({**whole, "id": "ours" if members else like, **members})


def named(figure):
    measure, group, *years_back = figure
    return f"{measure}|{group}{' of the year before' if years_back == [1] else ''}"


class TestHandMade:
    @pytest.mark.parametrize("case", HAND_MADE, ids=lambda case: case["name"])
    def test_a_case_worked_out_by_hand(self, case):
        profile, policy = profile_of(**case["profile"]), policy_of(**case.get("policy", {}))
        counts = {}
        for name, pair in case["counts"].items():
            for year, count in zip((YEAR, YEAR - 1), pair, strict=True):
                counts[year, *name.split("|")] = count
        judged = judge(report_of(counts, policy), policy, profile)
        members = judged.shown.as_json()
        rows = {named((row["measure"], row["group"])): row for row in members["counts"]}
        rates = {named((row["measure"], row["group"])): row["tenths"] for row in members["rates"]}

        steps = [[named(step.hidden), named(step.protected)] for step in judged.hidden.steps]
        assert case["hidden"] == steps
        for name, cells in case["shown"].items():
            assert cells == [rows[name][cell] for cell in ("count", "previous", "growth")], name
        for name, tenths in case.get("rates", {}).items():
            assert tenths == rates[name], name


SAMPLE = {
    "rounded": ("middling", profile_of("round-5", "applicants", "became_students", rounding=4)),
    "a threshold": ("unsuccessful", profile_of("threshold-5")),
    "both": ("alike", profile_of("threshold-5", "graduates", "placed", rounding=5)),
    "a small measure left out": (
        "alike",
        profile_of("threshold-5", "career_outcomes", "outcomes_declared"),
    ),
}


class TestOracle:
    """One integer program over all cells, and nothing remembered; `make soak` has the long list."""

    @pytest.mark.parametrize("name", SAMPLE)
    def test_it_hides_what_the_oracle_hides(self, name):
        shape, profile = SAMPLE[name]
        report, policy = school_report(shape), policy_of()
        hidden, oracle = judge(report, policy, profile).hidden, Oracle(report, policy, profile)

        assert oracle.hide() == hidden.is_all
        assert oracle.counts == hidden.forms.counts
        assert oracle.rates == hidden.forms.rates
        assert hidden.steps


class TestEnumeration:
    """Every combination of what small counts may be."""

    CELLS = tuple(Cell("applicants", group) for group in "abcd")

    @MANY
    @given(st.randoms(use_true_random=False), st.integers(1, 4))
    def test_a_count_can_differ_by_what_two_solutions_differ_by(self, random: Random, distance):
        solution = {cell: random.randint(0, 4) for cell in self.CELLS}
        bounds = {
            cell: (random.randint(0, count), random.randint(count, 5))
            for cell, count in solution.items()
        }
        relations = []
        for _ in range(random.randint(1, 4)):
            terms = {cell: random.choice([-3, -2, -1, 1, 2, 3]) for cell in self.CELLS}
            total = sum(times * solution[cell] for cell, times in terms.items())
            is_equal = random.random() < 0.4
            relations.append(
                Relation(terms, total - (0 if is_equal else random.randint(0, 2)), is_equal)
            )
        values = [range(least, greatest + 1) for least, greatest in bounds.values()]
        combinations = [dict(zip(self.CELLS, each, strict=True)) for each in product(*values)]
        solutions = [
            each for each in combinations if all(relation.holds(each) for relation in relations)
        ]
        attack = Attack(bounds, relations)
        for cell in self.CELLS:
            counts = [each[cell] for each in solutions]
            assert (max(counts) - min(counts) >= distance) == attack.can_differ(cell, distance)


class TestOneFirstForm:
    @FEW
    @given(
        st.sampled_from(["sparse", "middling", "unsuccessful", "alike"]),
        st.sampled_from([profile_of("threshold-5"), SAMPLE["rounded"][1], SAMPLE["both"][1]]),
        st.integers(0, 9),
        st.randoms(use_true_random=False),
    )
    def test_two_reports_of_one_first_form_give_one_shown_report(
        self, shape, profile, seed, random
    ):
        policy, report = policy_of(), school_report(shape, seed)
        first = Oracle(report, policy, profile)
        counts = Program(first).some_solution(random)
        other = report_of(
            {
                (YEAR - years_back, measure, group): n
                for (measure, group, years_back), n in counts.items()
            },
            records=report.log.records,
        )
        second = Oracle(other, policy, profile)
        assert (second.counts, second.rates) == (first.counts, first.rates)
        assert encode_shown(disclose(other, policy, profile)) == encode_shown(
            disclose(report, policy, profile)
        )


class TestOddYears:
    """Nobody, one student, three million students, nobody in a category."""

    @pytest.mark.parametrize("shape", ["nobody", "one student", "huge", "without categories"])
    def test_in_the_end_nothing_is_in_danger(self, shape):
        policy, profile = policy_of("openclassrooms-2023"), SAMPLE["rounded"][1]
        report = school_report(shape, policy=policy)
        oracle, hidden = Oracle(report, policy, profile), judge(report, policy, profile).hidden
        oracle.counts = {tuple(cell): form for cell, form in hidden.forms.counts.items()}
        oracle.rates = hidden.forms.rates
        assert oracle.in_danger() == []
        assert not hidden.is_all


class TestNothingIsLeft:
    def test_where_no_solution_is_found_no_count_is_shown(self):
        """Such as no report has: more became students than applied."""
        policy, profile = policy_of(), profile_of("round-5")
        first = Forms(
            {Cell("applicants", "all"): 5, Cell("became_students", "all"): 50},
            {("orientation_rate", "all"): None},
        )
        hidden = hide(first, policy, profile)
        assert hidden.is_all
        assert {None} == {*hidden.forms.counts.values(), *hidden.forms.rates.values()}

    def test_what_the_policy_makes_zero_is_shown_all_the_same(self):
        policy, profile = policy_of(placement_statuses=["unknown"]), profile_of("round-5")
        first = Forms({Cell("graduates", "all"): 5, Cell("respondents", "all"): 50}, {})
        first.counts[Cell("placed", "all")] = 0
        hidden = hide(first, policy, profile)
        assert [None, None, 0] == [*hidden.forms.counts.values()]
        assert {"graduates", "respondents"} == {step.hidden[0] for step in hidden.steps}
