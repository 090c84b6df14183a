"""Time zones by the rules of the pinned package `tzdata`, never by those of the machine.

Two machines know different releases of the zone database, and a report is to be the same on both
(SPEC section 3, zone).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

__all__ = ["zone", "zone_data_release", "zone_names"]


def zone_data_release() -> str:
    """The release of the zone rules, such as ``2026.3``."""
    return str(tzdata.__version__)


@cache
def zone_names() -> frozenset[str]:
    """The IANA names of all zones."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())


@cache
def zone(name: str) -> ZoneInfo:
    """The rules of a zone.

    Args:
        name: One of `zone_names`.

    >>> zone("Europe/Paris").key
    'Europe/Paris'
    """
    assert name in zone_names(), name
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)
