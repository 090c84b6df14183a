"""Faults, for real: a seeded sample in every run, all of them again and again by `make soak`."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import STUDENTS, Stage, seed_of_run

pytestmark = pytest.mark.kafka

SAMPLE = 4
ALWAYS = ("kill_one_of_two",)


def chosen():
    """By the seed; `OUTCOMES_TEST_FAULTS=all` takes every one, or names some by commas."""
    request = os.environ.get("OUTCOMES_TEST_FAULTS")
    if request:
        return sorted(SCENARIOS) if request == "all" else request.split(",")
    others = sorted(SCENARIOS.keys() - set(ALWAYS))
    return [*ALWAYS, *random.Random(seed_of_run()).sample(others, SAMPLE - len(ALWAYS))]


@pytest.mark.parametrize("name", chosen())
def test_live_figures_are_those_of_a_replay_through(name, kafka, tmp_path):
    print(f"seed {seed_of_run()}")  # noqa: T201 - shown when the test fails
    stage = Stage(kafka, tmp_path, f"{seed_of_run()} {name}", students=STUDENTS)
    try:
        SCENARIOS[name](stage)
    finally:
        stage.end()
