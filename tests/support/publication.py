"""Shown reports for the tests of publications: any cells, without a log."""

from __future__ import annotations

from ledger.disclosure.profile import built_in_profiles
from ledger.disclosure.shown import ShownReport
from outcomes.publish.material import Source
from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import built_in_policies

RECORDS = dict.fromkeys(
    ("events", "duplicates", "conflicts", "repeats", "retracted", "pending", "void", "orphans"), 10
)


def plain_count(measure, group, year):
    """A number for a cell, another one for every cell."""
    place = 10 * COUNTS.index(measure) + len(group)
    return 1_000 + 20 * place if year else 900 + 10 * place


def shown_report(policy, profile, count=plain_count, rate=lambda measure, group: 400, **members):
    """A shown report with a row for every cell that a profile publishes.

    Args:
        policy: Of the report.
        profile: By which it is shown; its steps are not applied.
        count: (measure, group, 0 for the year before or 1) → cell.
        rate: (measure, group) → tenths.
        members: Of the report, instead of the usual ones.
    """
    counts = sorted(
        (measure, group)
        for measure in COUNTS
        if measure not in profile.left_out
        for group in groups_shown(measure, policy)
    )
    rates = sorted((each.name, group) for each in RATES for group in MEMBERSHIP_GROUPS)
    rows = [(*cell, count(*cell, 1), count(*cell, 0)) for cell in counts]
    names = {name: {"id": item.id, "version": item.version, "sha256": item.sha256}
             for name, item in (("policy", policy), ("disclosure", profile))}  # fmt: skip
    return ShownReport(
        **{
            "schema_name": "ledger/shown/v1",
            "rules": 1,
            "reference_year": 2022,
            "log": {"name": "student-lifecycle", "cut": {"0": 2_039}, "records": 2_040},
            "records": {**RECORDS, "quarantined": {"value_must_be_json": 5}},
            "counts": tuple(
                {
                    "measure": measure,
                    "group": group,
                    "count": now,
                    "previous": before,
                    "growth": growth_of(now, before),
                }
                for measure, group, now, before in rows
            ),
            "rates": tuple(
                {"measure": measure, "group": group, "tenths": rate(measure, group)}
                for measure, group in rates
            ),
            "provisional": {},
            "zone_data": "2026.3",
            **names,
            **members,
        }
    )


def growth_of(now, before):
    if not isinstance(now, int) or not isinstance(before, int) or before == 0:
        return None
    return round((now - before) * 100 / before) * 10


def source_of(
    *, policy="openclassrooms-2022", profile="round-5", before=None, reason=None, **cells
):
    """What a publication is made from."""
    used = built_in_policies()[policy], built_in_profiles()[profile]
    return Source(shown_report(*used, **cells), *used, before, reason)
