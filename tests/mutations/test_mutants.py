"""A sample of the mutants in every run; `make mutants` makes them all."""

from __future__ import annotations

import pytest

from tests.mutations.mutants import MUTANTS, ROOT, is_noticed

SAMPLE = ("columnar: an anniversary is too early", "fold: found on the last day is too late")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_that_a_mutant_changes_stands_once(mutant):
    text = (ROOT / mutant.file).read_text(encoding="utf-8")

    assert 1 == text.count(mutant.before)


@pytest.mark.parametrize(
    "mutant", [one for one in MUTANTS if one.name in SAMPLE], ids=lambda mutant: mutant.name
)
def test_a_change_of_meaning_turns_the_equality_tests_red(mutant, tmp_path):
    assert is_noticed(mutant, tmp_path)
