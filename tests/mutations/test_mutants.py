"""A sample of the mutants in every run; `make mutants` tries them all."""

from __future__ import annotations

import pytest

from tests.mutations.mutants import MUTANTS, ROOT, is_noticed

SAMPLE = ("columnar: an anniversary is too early", "fold: found on the last day is too late")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_changes_occurs_once_in_its_file(mutant):
    text = (ROOT / mutant.file).read_text(encoding="utf-8")

    assert 1 == text.count(mutant.original)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_change_of_meaning_in_one_engine_fails_the_tests_that_compare_both(name, tmp_path):
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)

    assert is_noticed(mutant, tmp_path)
