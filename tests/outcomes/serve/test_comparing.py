"""Live figures are compared with a replay while the server runs, and a difference is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial

import pytest

from ledger.log import parse_address
from outcomes.presentation.languages import language_of
from outcomes.serve.comparing import Comparing
from outcomes.serve.figures import FiguresKey, LiveHub
from outcomes.serve.health import Health
from processors.live_figures import open_live_figures
from projections.policy import built_in_policies
from tests.support.live_fold import open_fold, outcome_record, temporary_log
from tests.support.metrics import exposed, value_of

POLICIES = list(built_in_policies().values())
KEY = FiguresKey("openclassrooms-2022", 2022)
AGREES = "outcomes_replay_agrees"


@pytest.fixture
def figures():
    """A log with its read model; the read model's file, and what compares them."""
    with temporary_log([outcome_record(number) for number in range(5)]) as (log, folder):
        address = parse_address(f"sqlite:{log.path}")
        state = folder / "state.db"
        with open_fold(log, state, POLICIES) as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))
        opening = partial(open_live_figures, address, state)
        yield state, Comparing(address, LiveHub(opening, POLICIES), opening), opening


def add_to_figures(state, number):
    with closing(sqlite3.connect(state)) as database, database:
        database.execute(
            "update figures set count = count + ? where year = 2022 and grp = 'all'"
            " and measure = 'career_outcomes'",
            (number,),
        )


def test_before_the_first_comparison_nothing_is_said(figures):
    _, comparing, _ = figures

    assert AGREES not in exposed(comparing)


def test_a_difference_is_said_until_it_is_gone(figures, capfd):
    state, comparing, opening = figures
    comparing.compare(KEY)
    assert 1 == value_of(exposed(comparing), AGREES)

    add_to_figures(state, 1)
    comparing.compare(KEY)
    assert 0 == value_of(exposed(comparing), AGREES)
    assert "replay.differs" in "".join(capfd.readouterr())
    comparing.compare(FiguresKey("openclassrooms-2023", 2021))
    assert 0 == value_of(exposed(comparing), AGREES), (
        "another report that agrees says nothing of it"
    )
    with opening() as live:
        shown = live.read(POLICIES[0], 2022)
    pulse = comparing.hub.pulse
    (alert, *_) = Health(shown, pulse, language_of("en")).alerts
    assert alert.text.startswith("The figures of 2022 under openclassrooms-2022 are not those")

    add_to_figures(state, -1)
    comparing.compare(KEY)
    assert 1 == value_of(exposed(comparing), AGREES)


def test_figures_that_cannot_be_read_are_no_difference(figures):
    state, comparing, _ = figures
    state.unlink()

    comparing.compare(KEY)

    assert AGREES not in exposed(comparing)
