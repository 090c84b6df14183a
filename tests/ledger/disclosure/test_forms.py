"""`ledger.disclosure.forms`: the first form of a count, a rate, a growth."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ledger.disclosure.forms import form_of, growth_of, step_of, values_of
from ledger.disclosure.profile import Profile, built_in_profiles
from ledger.disclosure.shown import FewerThan

EXACT, ROUNDED, THRESHOLD = (built_in_profiles()[n] for n in ("exact", "round-5", "threshold-5"))


def profile(threshold, rounding):
    return EXACT.model_copy(update={"threshold": threshold, "rounding": rounding})


@st.composite
def profiles(draw):
    threshold = draw(st.none() | st.integers(2, 9))
    most = 2 * threshold if threshold else 12
    return profile(threshold, draw(st.none() | st.integers(2, most)))


class TestCounts:
    @given(profiles(), st.integers(0, 60))
    def test_a_form_stands_for_exactly_the_counts_that_have_it(self, profile: Profile, count):
        form = form_of(profile, count)
        least, greatest = values_of(profile, form)
        alike = [other for other in range(100) if form_of(profile, other) == form]
        assert alike == list(range(least, greatest + 1))

    @given(profiles(), st.integers(0, 60))
    def test_it_is_the_nearest_multiple_halves_up_or_fewer_than(self, profile: Profile, count):
        form = form_of(profile, count)
        if profile.threshold and 0 < count < profile.threshold:
            assert form == FewerThan(profile.threshold)
        elif profile.rounding:
            multiples = range(0, 100, profile.rounding)
            assert form == max(multiples, key=lambda number: (-abs(number - count), number))
        else:
            assert form == count

    def test_what_is_not_shown_may_be_any_count(self):
        assert (0, None) == values_of(ROUNDED, None)


class TestSteps:
    def test_the_last_pair_that_is_reached_gives_the_step(self):
        shown = (0, 20, 25, 195, 200, 10**9)
        assert [None, None, 50, 50, 10, 10] == [step_of(ROUNDED, number) for number in shown]


class TestGrowth:
    @given(st.integers(0, 500), st.integers(1, 500))
    def test_it_is_nearest_to_the_step_halves_away_from_zero(self, count, previous):
        growth, step = growth_of(THRESHOLD, count, previous), step_of(THRESHOLD, previous)
        if step is None:
            assert growth is None
            return
        steps = Fraction((count - previous) * 1_000, previous * step)
        assert growth % step == 0
        assert abs(Fraction(growth, step) - steps) <= Fraction(1, 2)
        if abs(steps) % 1 == Fraction(1, 2):
            assert abs(Fraction(growth, step)) > abs(steps)

    def test_it_is_not_shown_of_what_is_no_number(self):
        few = FewerThan(5)
        cells = [(few, 30), (30, few), (None, 30), (30, None), (30, 0)]
        assert [None] * 5 == [growth_of(THRESHOLD, *pair) for pair in cells]
