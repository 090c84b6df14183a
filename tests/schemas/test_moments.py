"""`schemas.moments`: dates and instants, read exactly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.moments import (
    Instant,
    day,
    instant,
    is_time,
    midnight,
    milliseconds,
    months_after,
    utc_text,
)
from tests.support.histories import oracle

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31)  # noqa: DTZ001
almost_times = st.from_regex(
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{0,10})?([Zz]|[+-][0-9]{2}:?[0-9]{2})?\n?\Z"
)


def naive_months_after(start, months):
    """Go from month to month, then back from the 31st until there is such a day."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for number in range(start.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError


class TestMonthsAfter:
    """The same day of a later month, or that month's last day."""

    @given(st.dates(max_value=date(9900, 1, 1)), st.integers(1, 60))
    def test_it_is_the_same_day_or_the_last_one(self, start, months):
        assert naive_months_after(start, months) == months_after(start, months)

    @given(st.dates(), st.integers(1, 1_000_000))
    def test_it_agrees_with_the_oracle_however_far(self, start, months):
        expected = oracle().months_after(start.isoformat(), months)

        assert expected == months_after(start, months).isoformat()

    @pytest.mark.parametrize(
        ("start", "months", "later"),
        [
            ("2024-02-29", 12, "2025-02-28"),
            ("2024-02-29", 48, "2028-02-29"),
            ("2023-02-28", 12, "2024-02-28"),
            ("2022-08-31", 6, "2023-02-28"),
            ("2023-08-31", 6, "2024-02-29"),
            ("2022-12-31", 6, "2023-06-30"),
            ("2022-12-31", 1, "2023-01-31"),
            ("2022-11-30", 1, "2022-12-30"),
            ("9999-12-31", 12, "9999-12-31"),
            ("9998-12-31", 12, "9999-12-31"),
            ("9998-01-15", 24, "9999-12-31"),
        ],
    )
    def test_a_date_has_the_anniversary_of_the_specification(self, start, months, later):
        assert later == months_after(date.fromisoformat(start), months).isoformat()


class TestInstant:
    """A time is read with all its digits and its offset."""

    @given(
        st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
        st.integers(-23 * 60 - 59, 23 * 60 + 59),
    )
    def test_it_is_the_instant_that_datetime_reads(self, local, minutes):
        moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        since = moment - EPOCH

        expected = Instant(since.days * 86_400 + since.seconds, since.microseconds * 1_000)
        # `%Y` and `isoformat` differ below the year 1000; only the latter has four digits.
        assert expected == instant(moment.isoformat())

    @given(almost_times)
    def test_any_text_like_a_time_is_read_as_the_oracle_reads_it(self, text):
        result = instant(text)
        expected = oracle().instant_of(text)

        assert (expected is None) == (result is None) == (not is_time(text))
        if result is not None:
            total = result.seconds * oracle().SECOND + result.nanos + oracle().EPOCH
            assert expected == total

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1970-01-01T00:00:00Z", (0, 0)),
            ("1969-12-31T23:59:59.999999999Z", (-1, 999_999_999)),
            ("1970-01-01T00:00:00.000000001-00:00", (0, 1)),
            ("1970-01-01T23:59:00+23:59", (0, 0)),
            ("1969-12-31T00:01:00-23:59", (0, 0)),
            ("2024-02-29T12:00:00.10Z", (1_709_208_000, 100_000_000)),
            ("0001-01-01T00:00:00+23:59", (-62_135_596_800 - 86_340, 0)),
            ("9999-12-31T23:59:59-23:59", (253_402_300_799 + 86_340, 0)),
        ],
    )
    def test_an_offset_and_a_fraction_are_exact(self, text, expected):
        assert expected == instant(text)

    @pytest.mark.parametrize(
        "text",
        [
            "", "2022-06-30", "2022-06-30T12:00:00", "2022-06-30t12:00:00Z", "2022-06-30T12:00:00z",
            "2022-06-30 12:00:00Z", "2022-06-30T12:00Z", "2022-06-30T24:00:00Z",
            "2022-06-30T23:59:60Z", "2022-06-30T12:60:00Z", "2022-06-30T12:00:00.Z",
            "2022-06-30T12:00:00,5Z", "2022-06-30T12:00:00.1234567890Z",
            "2022-06-30T12:00:00+24:00", "2022-06-30T12:00:00+01:60", "2022-06-30T12:00:00+0100",
            "2022-06-30T12:00:00+01", "2022-06-31T12:00:00Z", "2023-02-29T12:00:00Z",
            "0000-01-01T00:00:00Z", "2022-06-30T12:00:00Z ", "2022-06-30T12:00:00Z\n",
            "+2022-06-30T12:00:00Z", "\u0662022-06-30T12:00:00Z", "2022-06-30T12:00:00\u22121:00",
        ],
    )  # fmt: skip
    def test_what_is_no_rfc_3339_time_has_no_instant(self, text):
        assert instant(text) is None
        assert not is_time(text)
        assert milliseconds(text) is None


class TestDay:
    """A text names a date of the calendar, or none."""

    @given(st.dates())
    def test_every_date_is_read_back(self, on):
        assert on == day(on.isoformat())

    @given(st.text("0123456789-\u0663", max_size=11) | st.from_regex(r"\A\d{4}-\d{2}-\d{2}\n?\Z"))
    def test_any_other_text_is_read_as_the_oracle_reads_it(self, text):
        assert oracle().is_date(text) == (day(text) is not None)

    @pytest.mark.parametrize(
        "text",
        ["0000-01-01", "2022-02-30", "2023-02-29", "1900-02-29", "2022-13-01", "2022-00-10",
         "2022-10-00", "2022-1-1", "20220101", "2022-W01-1", "2022-01-01 ",
         "\u0662\u0660\u0662\u0662-01-01", ""],
    )  # fmt: skip
    def test_what_is_no_date_is_none(self, text):
        assert day(text) is None


class TestMilliseconds:
    """`recorded_at` goes to text and back without loss."""

    @given(st.datetimes(max_value=LAST))
    def test_whole_milliseconds_are_kept(self, local):
        moment = local.replace(tzinfo=UTC)
        value = (moment - EPOCH) // timedelta(milliseconds=1)

        assert value == milliseconds(utc_text(value))
        assert moment.isoformat(timespec="milliseconds")[:23] + "Z" == utc_text(value)

    def test_finer_digits_are_cut_off_and_not_rounded(self):
        assert 1_999 == milliseconds("1970-01-01T00:00:01.999999999Z")
        assert -1 == milliseconds("1969-12-31T23:59:59.999999999Z")

    @pytest.mark.parametrize(
        ("milliseconds_since_1970", "text"),
        [
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            # Microseconds, and nanoseconds, where milliseconds are asked for.
            (1_700_000_000_000_000, "+055840-11-08T22:13:20.000Z"),
            (1_700_000_000_000_000_000, "+53872825-06-17T22:13:20.000Z"),
            (2**63 - 1, "+292278994-08-17T07:12:55.807Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (-62_135_596_800_001, "+000000-12-31T23:59:59.999Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (-(2**63), "-292275055-05-16T16:47:04.192Z"),
        ],
    )
    def test_a_year_that_has_no_four_digits_has_a_sign_and_at_least_six(
        self, milliseconds_since_1970, text
    ):
        assert text == utc_text(milliseconds_since_1970)

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_any_number_of_milliseconds_has_a_text(self, milliseconds_since_1970):
        form = r"([+-]\d{6,9}|\d{4})-\d\d-\d\dT[\d:]{8}\.\d{3}Z"
        assert re.fullmatch(form, utc_text(milliseconds_since_1970))


class TestMidnight:
    """A UTC day begins at a whole number of days since 1970."""

    @given(st.dates())
    def test_it_is_the_first_instant_of_the_day(self, on):
        assert instant(f"{on}T00:00:00Z") == (midnight(on), 0)
