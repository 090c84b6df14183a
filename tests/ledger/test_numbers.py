from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.numbers import growth, percent, points


class TestPercent:
    @pytest.mark.parametrize(
        ("pair", "expected"),
        [
            ((0, 1), "0.0 %"),
            ((1, 1), "100.0 %"),
            ((1, 16), "6.3 %"),
            ((1, 2_000), "0.1 %"),
            ((499, 1_000_000), "0.0 %"),
            ((1_999, 2_000), "100.0 %"),
            ((29, 200), "14.5 %"),
            ((0, 0), "–"),
        ],
    )
    def test_half_is_rounded_up_from_the_exact_ratio(self, pair, expected):
        assert expected == percent(*pair)

    @given(st.integers(0, 10**30), st.integers(1, 10**30))
    def test_no_digit_is_lost_to_floating_point(self, numerator, denominator):
        tenths, rest = divmod(numerator * 1_000, denominator)
        tenths += 2 * rest >= denominator

        assert f"{tenths // 10}.{tenths % 10} %" == percent(numerator, denominator)


class TestGrowth:
    @pytest.mark.parametrize(
        ("count", "previous", "expected"),
        [
            (1_467, 1_000, "+46.7 %"),
            (0, 7, "−100.0 %"),
            (1_999, 2_000, "−0.1 %"),
            (2_001, 2_000, "+0.1 %"),
            (7, 7, "0.0 %"),
            (9_999_999, 10_000_000, "0.0 %"),
            (10_000_001, 10_000_000, "0.0 %"),
            (3, 0, "–"),
            (0, 0, "–"),
        ],
    )
    def test_half_is_rounded_away_from_zero(self, count, previous, expected):
        assert expected == growth(count, previous)

    @given(st.integers(0, 10**6), st.integers(1, 10**6))
    def test_it_is_what_decimal_arithmetic_says(self, count, previous):
        exact = Decimal(count - previous) * 100 / previous
        tenths = exact.quantize(Decimal("0.1"), ROUND_HALF_UP)
        sign = "" if not tenths else "+" if tenths > 0 else "−"

        assert f"{sign}{abs(tenths)} %" == growth(count, previous)


class TestPoints:
    def test_they_are_those_of_the_exact_rates(self):
        assert ["+5.0", "−33.3", "0.0", "0.0", "", ""] == [
            points((1, 4), (1, 5)),
            points((1, 3), (2, 3)),
            points((1, 3), (2, 6)),
            points((4_999, 10_000_000), (5_000, 10_000_000)),
            points((0, 0), (1, 5)),
            points((1, 5), (0, 0)),
        ]
