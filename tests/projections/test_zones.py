"""`projections.zones`: zone rules come from the pinned package and from nowhere else."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest
import tzdata

from projections import zones
from projections.policy import PolicyError
from tests.support.histories import cells, figures_of, policy_of, story
from tests.support.zones import PLANTED, machine_zones, packaged, plant_zones

# A time, and its month by the rules of the package; by those planted it is another one.
OUTCOMES = {
    "Africa/Casablanca": ("2024-01-31T15:30:00Z", "01"),
    "Asia/Almaty": ("2024-01-31T18:30:00Z", "02"),
    "America/St_Johns": ("2022-07-01T02:00:00Z", "06"),
    "Europe/Paris": ("2022-06-30T11:00:00Z", "06"),
    "UTC": ("2022-06-30T23:00:00Z", "06"),
}


@pytest.fixture
def machine(tmp_path):
    with machine_zones(plant_zones(tmp_path)):
        for name in PLANTED:
            zones.zone.cache_clear()
            assert zoneinfo.ZoneInfo(name) != zones.zone(name)
        yield
    zones.zone.cache_clear()


def month_of(time, zone):
    """The month in which an outcome counts that was stated at a time."""
    policy = policy_of(zone=zone, outcome_date="time")
    figures = figures_of(story(f"outcome 2000-01-01 raise time={time}"), policy)
    (year,) = {year for year, _, _ in figures.cells}
    (month,) = [
        cell.partition("month:")[2]
        for cell in cells(figures, year, "career_outcomes")
        if "month:" in cell
    ]
    return month


class TestMachine:
    """What the machine says of a zone changes nothing."""

    @pytest.mark.parametrize("name", PLANTED)
    def test_a_zone_has_the_rules_of_the_package(self, machine, name):
        moments = [datetime(year, month, 1, tzinfo=UTC) for year in range(1990, 2030, 3)
                   for month in (1, 7)]  # fmt: skip
        with machine_zones("/nowhere"):
            expected = [moment.astimezone(zoneinfo.ZoneInfo(name)) for moment in moments]
            offsets = [moment.utcoffset() for moment in expected]

        assert offsets == [moment.astimezone(zones.zone(name)).utcoffset() for moment in moments]

    @pytest.mark.parametrize("name", PLANTED)
    def test_an_outcome_has_the_date_of_the_package(self, machine, name):
        time, month = OUTCOMES[name]

        assert month == month_of(time, name)

    def test_a_zone_that_only_the_machine_has_is_refused(self, machine):
        assert zoneinfo.ZoneInfo("Mars/Olympus_Mons")

        with pytest.raises(PolicyError, match="zone"):
            policy_of(zone="Mars/Olympus_Mons")

    def test_a_machine_without_zone_data_knows_every_zone(self):
        with machine_zones("/nowhere"):
            for name in sorted(zones.zone_names())[::40]:
                assert name == policy_of(zone=name).time_zone.key


class TestFold:
    """Where clocks go back an instant still has one date, even where the date goes back too."""

    # In 2009 Newfoundland went from 00:01 on 1 November back to 23:01 on 31 October.
    @pytest.mark.parametrize(
        ("time", "month"),
        [
            ("2009-11-01T02:29:59.999Z", "10"),
            ("2009-11-01T02:30:00Z", "11"),
            ("2009-11-01T02:30:59.999999999Z", "11"),
            ("2009-11-01T02:31:00Z", "10"),
            ("2009-11-01T03:29:59Z", "10"),
            ("2009-11-01T03:30:00Z", "11"),
        ],
    )
    def test_the_date_is_that_on_the_wall_at_that_instant(self, time, month):
        assert month == month_of(time, "America/St_Johns")

    # In 2020 Cuba went from 01:00 on 1 November back to 00:00.
    @pytest.mark.parametrize(
        ("time", "month"),
        [
            ("2020-11-01T03:59:59Z", "10"),
            ("2020-11-01T04:30:00Z", "11"),
            ("2020-11-01T05:30:00Z", "11"),
        ],
    )
    def test_both_passes_of_an_hour_are_on_one_date(self, time, month):
        assert month == month_of(time, "America/Havana")


class TestNames:
    """The zones are those that the package lists, by their exact names."""

    def test_each_has_rules_in_the_package(self):
        assert 500 < len(zones.zone_names())
        for name in zones.zone_names():
            assert packaged(name).startswith(b"TZif")

    @pytest.mark.parametrize(
        "name",
        ["europe/paris", "Europe", "Europe/", "../zones", "zone.tab", "localtime", "posixrules",
         "right/UTC", "posix/UTC", "tzdata.zi", "__init__.py", "/Europe/Paris", ""],
    )  # fmt: skip
    def test_anything_else_in_its_folder_is_none(self, name):
        assert name not in zones.zone_names()

    def test_a_zone_is_read_once(self):
        assert zones.zone("Asia/Kolkata") is zones.zone("Asia/Kolkata")

    def test_the_release_is_that_of_the_package(self):
        assert tzdata.__version__ == zones.zone_data_release()
