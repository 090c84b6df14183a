"""Scenario tables: a sentence, a story, and the figures that follow from it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.support.histories import cells, figures_of, policy_of, story


class Scenario(NamedTuple):
    """One promise.

    Attributes:
        sentence: What it promises; the test's id.
        story: See `tests.support.histories`.
        expected: By reference year, every non-zero cell of the measures in question; years that
            are not named have none. A cell of the group `all` goes by the measure's name alone.
        overrides: Members of the policy of 2022 that are other.
    """

    sentence: str
    story: str
    expected: dict
    overrides: dict = {}  # noqa: RUF012 - never changed

    def check(self, *measures):
        """Compare all cells of some measures."""
        figures = figures_of(story(self.story), policy_of(**self.overrides))
        years = sorted({year for year, _, _ in figures.cells} | set(self.expected))
        groups = {cell.partition("|")[2] for each in self.expected.values() for cell in each}
        results = {}
        for year in years:
            of_year = cells(figures, year, *measures)
            # Of the groups only those that the scenario is about.
            shown = {cell: count for cell, count in of_year.items()
                     if cell.partition("|")[2] in groups | {""}}  # fmt: skip
            if shown:
                results[year] = shown
        assert self.expected == results


def each(scenarios):
    """A parameter for each scenario."""
    return pytest.mark.parametrize(
        "scenario", [pytest.param(scenario, id=scenario.sentence) for scenario in scenarios]
    )
