"""A machine whose own zone data is not that of the installed package."""

from __future__ import annotations

import zoneinfo
from contextlib import contextmanager
from importlib.resources import files

# Each with the zone whose rules the planted database gives it.
PLANTED = {
    "Africa/Casablanca": "Asia/Tokyo",
    "Asia/Almaty": "America/New_York",
    "America/St_Johns": "UTC",
    "Europe/Paris": "Pacific/Kiritimati",
    "UTC": "Asia/Kathmandu",
}


def packaged(name):
    """The compiled rules of a zone, as the package has them."""
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def plant_zones(folder, rules=PLANTED):
    """Write a zone database; a zone that no package has comes with it."""
    for name, other in {**rules, "Mars/Olympus_Mons": "Europe/Paris"}.items():
        path = folder.joinpath(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packaged(other))
    (folder / "+VERSION").write_text("2019c\n", encoding="ascii")
    return folder


@contextmanager
def machine_zones(folder):
    """This process on a machine with that database."""
    zoneinfo.reset_tzpath([str(folder)])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        yield
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
