"""Examples of answers for the description of the API, of the log of `outcomes demo`."""

from __future__ import annotations

from typing import Any

__all__ = ["KEY_FIGURES", "REPORT", "STREAM"]

_POLICY = {
    "id": "openclassrooms-2022",
    "version": 1,
    "sha256": "ca4f2116f3acde48556cc0e0880010a3f9500621edd857e145a1ec5bc8b0b5b5",
}
_DIGEST = "sha256:75de11c8f1e53d027e9decd976c64825b5ef4fe54e47aa09a0ef0e623cda1c31"
_COUNTS = [{"measure": "career_outcomes", "group": "all", "count": 365, "previous": 249}]
_RATES = [{"measure": "placement_rate", "group": "all", "numerator": 40, "denominator": 79}]
_PROVISIONAL = {"career_outcomes": "2022-12-31", "placement_rate": "2023-06-30"}
_RECORDS = {
    "events": 24_671,
    "duplicates": 428,
    "conflicts": 22,
    "repeats": 8,
    "retracted": 180,
    "pending": 2,
    "void": 1,
    "orphans": 8,
    "quarantined": {"data_must_match_its_type": 3, "value_must_be_json": 7},
}
_LIVE = {
    "partitions": [
        {
            "partition": 0,
            "next_offset": 25_131,
            "end": 25_131,
            "records": 0,
            "seconds": 0,
            "owner": "host-4711",
        }
    ]
}

REPORT: dict[str, Any] = {
    "schema": "ledger/report/v1",
    "rules": 1,
    "reference_year": 2022,
    "policy": _POLICY,
    "log": {"name": "student-lifecycle", "cut": {"0": 25_131}, "records": 25_131},
    "records": _RECORDS,
    "counts": _COUNTS,
    "rates": _RATES,
    "provisional": _PROVISIONAL,
    "zone_data": "2026.6",
    "digest": _DIGEST,
    "live": _LIVE,
}
"""Of `GET /v1/reports/2022`; of the rows the first."""

KEY_FIGURES: dict[str, Any] = {
    "reference_year": 2022,
    "policy": _POLICY,
    "cut": {"0": 25_131},
    "digest": _DIGEST,
    "counts": _COUNTS,
    "rates": _RATES,
    "provisional": _PROVISIONAL,
    "records": _RECORDS,
    "dead_letters": {
        "open": {"value_must_be_json": 7},
        "repaired": {"data_must_match_its_type": 3},
    },
    "lag": {"records": 0, "seconds": 0, **_LIVE},
}
"""Of `GET /v1/kpis`."""

STREAM = """\
id: 0:25132
event: change
data: {"cut": {"0": 25132}, "digest": "sha256:…", "counts": [{"measure": "career_outcomes", \
"group": "all", "count": 366, "previous": 249}], "rates": [], "live": {"partitions": []}}

"""
"""Of `GET /v1/stream`."""
