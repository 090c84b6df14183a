"""`outcomes.doctor`: what it says of the installation."""

from __future__ import annotations

from outcomes.doctor import examine
from projections.zones import zone_data_release
from tests.support.zones import machine_zones, plant_zones


def test_it_names_the_release_of_the_zone_data_in_use_and_not_the_machines(tmp_path):
    with machine_zones(plant_zones(tmp_path)):
        checks = {check.name: check for check in examine(f"sqlite:{tmp_path / 'none.db'}")}

    assert "fine" == checks["zone data"].severity
    assert f"release {zone_data_release()}" in checks["zone data"].detail
