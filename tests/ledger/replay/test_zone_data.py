"""Both engines take zone rules from the pinned package, whatever zone data the machine has."""

from __future__ import annotations

import pytest

from projections import zones
from tests.support.engines import differences, figures_by, log_with
from tests.support.histories import new_record, policy_of, story
from tests.support.zones import PLANTED, machine_zones, plant_zones

ZONES = (*PLANTED, "America/Havana", "Asia/Gaza", "Africa/Cairo")
# Around the ends of months, of Ramadan, and of summer time in several zones.
TIMES = (
    "2009-11-01T02:30:30Z", "2009-11-01T02:31:00Z", "2020-11-01T04:30:00Z", "2020-11-01T05:30:00Z",
    "2022-06-30T10:30:00Z", "2022-06-30T18:20:00Z", "2024-01-31T15:30:00Z", "2024-02-29T18:30:00Z",
    "2024-03-31T23:30:00Z", "2024-10-31T21:30:00Z", "2026-12-31T23:30:00Z",
)  # fmt: skip


@pytest.fixture
def log():
    lines = (f"outcome 2000-01-01 raise time={time} subject=s-{n}" for n, time in enumerate(TIMES))
    with log_with([new_record(event) for event in story("\n".join(lines))]) as log:
        yield log


def test_neither_engine_asks_the_machine(log, tmp_path):
    policies = [policy_of(zone=zone, outcome_date="time") for zone in ZONES]
    expected = figures_by("fold", log, policies)
    zones.zone.cache_clear()

    with machine_zones(plant_zones(tmp_path)):
        again = [policy_of(zone=zone, outcome_date="time") for zone in ZONES]
        assert expected == figures_by("fold", log, again)
        assert {} == differences(log, again)


def test_an_outcome_has_the_date_on_the_wall_where_the_date_goes_back(log):
    policy = policy_of(zone="America/St_Johns", outcome_date="time")

    for engine in ("fold", "columnar"):
        figures = figures_by(engine, log, [policy])["cells"]
        assert 1 == figures[0, 2009, "career_outcomes", "month:10"]
        assert 1 == figures[0, 2009, "career_outcomes", "month:11"]
