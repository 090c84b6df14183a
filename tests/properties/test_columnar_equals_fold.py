"""The two engines say the same of every history under every policy; neither knows the other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.columns import writing
from projections.policy import parse_policy
from tests.support.engines import differences, log_with
from tests.support.histories import new_record
from tests.support.strategies import histories, policies, records

# Reading a log costs more than a policy, so that each history is judged by several.
several = st.lists(policies, min_size=2, max_size=2)
some_years = st.frozensets(st.integers(2020, 2024), min_size=1)
FEWER = settings(max_examples=settings.default.max_examples // 2)
FEWEST = settings(max_examples=settings.default.max_examples // 8)


def crowded_life(subject):
    return histories(subjects=(subject,), max_size=60)


def parsed(drawn):
    return [parse_policy(json.dumps(policy).encode(), "of a test") for policy in drawn]


class TestBothEngines:
    """Every cell of every year, every counter and the cut are the same."""

    @given(records(), several, st.sampled_from((1, 2, 3)))
    def test_the_engines_agree_on_any_records(self, appended, drawn, partitions):
        with log_with(appended, partitions) as log:
            assert {} == differences(log, parsed(drawn))

    @FEWEST
    @given(records(), several, st.sampled_from((1, 3)))
    def test_the_engines_agree_where_column_admission_comes_first(
        self, appended, drawn, partitions
    ):
        with (
            pytest.MonkeyPatch.context() as patch,
            log_with(appended, partitions) as log,
        ):
            patch.setattr(writing, "FEW_RECORDS", 0)

            assert {} == differences(log, parsed(drawn))

    @FEWER
    @given(records(), several, st.data())
    def test_the_engines_agree_at_any_cut_in_any_years(self, appended, drawn, data):
        with log_with(appended, 2) as log:
            cut = {
                partition: data.draw(st.integers(0, offset))
                for partition, offset in log.end().items()
            }
            years = data.draw(some_years)

            assert {} == differences(log, parsed(drawn), cut, years)

    @FEWER
    @given(crowded_life("s-1"), crowded_life("s-2"), several)
    def test_the_engines_agree_on_two_crowded_lives(self, first, second, drawn):
        with log_with([new_record(event) for event in (*first, *second)]) as log:
            assert {} == differences(log, parsed(drawn))
