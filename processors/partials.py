"""A partial: the complete live figures of one partition, as a worker publishes them.

The live figures are the sum of the latest partial of every partition. A partial is a function of
the log below its next offset, so two workers at one offset publish the same bytes.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from ledger.errors import ConfigurationError, StoreError
from ledger.log.identity import PrefixIdentity
from ledger.replay import FiguresAtCut
from processors.live_fold import FOLD_VERSION
from processors.read_model.partition_state import PartitionState
from projections.figures import Figures, RecordCounts
from projections.policy import Policy
from projections.zones import zone_data_release

__all__ = [
    "PARTIAL_BYTES_MAX",
    "Partial",
    "decode_members",
    "decode_partial",
    "encode_partial",
    "merge_partials",
    "partial_from_members",
    "partial_key",
]

PARTIAL_BYTES_MAX = 900_000
_SCHEMA = "ledger/partial/v1"


class Partial(NamedTuple):
    """One partition's share of the live figures.

    Attributes:
        partition: The partition.
        identity: What the records folded are known by.
        next_offset: 1 + the offset of the last record folded.
        latest_recorded_at: Milliseconds since 1970.
        records: The counters.
        figures: By `Policy.figures_key`.
        years: Those that a report can be made of.
    """

    partition: int
    identity: PrefixIdentity
    next_offset: int
    latest_recorded_at: int | None
    records: RecordCounts
    figures: Mapping[str, Figures]
    years: Collection[int] = ()


def partial_key(partition: int) -> bytes:
    """The key of which compaction keeps the latest partial: partition and version of the fold."""
    return f"{partition}/{FOLD_VERSION}".encode("ascii")


def encode_partial(
    partition: int, state: PartitionState, policies: Iterable[str], years: Iterable[int]
) -> bytes:
    """A partition's state as compressed JSON, the same bytes for the same state.

    Args:
        partition: The partition.
        state: After a commit.
        policies: Of those kept live, by `Policy.figures_key`.
        years: Those that a report can be made of; each comes with the year before, for growth.

    Raises:
        StoreError: If it would be over 900 kB.
    """
    report_years = frozenset(years)
    figure_years = report_years | {year - 1 for year in report_years}
    figures: dict[str, list[tuple[int, str, str, int]]] = {policy: [] for policy in policies}
    for (policy, year, measure, group), count in sorted(state.cells.items()):
        if year in figure_years and policy in figures:
            figures[policy].append((year, measure, group, count))
    members = {
        "schema": _SCHEMA,
        "fold": FOLD_VERSION,
        "partition": partition,
        "first_record": state.first_record,
        "last_record": state.last_record,
        "next_offset": state.next_offset,
        "latest_recorded_at": state.latest_recorded_at,
        "records": state.records.as_dict(),
        "years": sorted(report_years),
        "figures": figures,
    }
    value = zlib.compress(orjson.dumps(members, option=orjson.OPT_SORT_KEYS), 1)
    if len(value) > PARTIAL_BYTES_MAX:
        raise StoreError(
            f"the figures of partition {partition} take {len(value):,} bytes, over"
            f" {PARTIAL_BYTES_MAX:,}; keep fewer years or policies live"
        )
    return value


def decode_partial(value: bytes | None) -> Partial | None:
    """Read a partial; None where the value is not one."""
    members = decode_members(value)
    return None if members is None else partial_from_members(members)


def decode_members(value: bytes | None) -> dict[str, Any] | None:
    """The JSON members of a partial; None where the value is not one."""
    try:
        members = orjson.loads(zlib.decompress(value or b""))
    except (zlib.error, orjson.JSONDecodeError):
        return None
    if not isinstance(members, dict) or members.get("schema") != _SCHEMA:
        return None
    # The first version of the fold did not name the last record, so nothing vouches for it.
    return {"last_record": None, **members}


def partial_from_members(members: dict[str, Any]) -> Partial:
    """A partial from its JSON members."""
    records = {**members["records"], "quarantined": Counter(members["records"]["quarantined"])}
    return Partial(
        members["partition"],
        PrefixIdentity(members["first_record"], members["last_record"]),
        members["next_offset"],
        members["latest_recorded_at"],
        RecordCounts(**records),
        {policy: _figures(cells) for policy, cells in members["figures"].items()},
        frozenset(members["years"]),
    )


def merge_partials(
    place: str, partials: Sequence[Partial], policies: Sequence[Policy], year: int | None
) -> FiguresAtCut:
    """The sum of the partials of all partitions, in the shape that a replay gives.

    Args:
        place: Where they come from, for a message.
        partials: One a partition, all of one log.
        policies: Those wanted.
        year: The one wanted; None where all are held.

    Raises:
        ConfigurationError: If a policy or the year is not kept live.
    """
    figures = {policy.sha256: Figures() for policy in policies}
    records = RecordCounts()
    for partial in partials:
        if year is not None and year not in partial.years:
            raise ConfigurationError(
                f"{year} is not kept live in {place}, {min(partial.years)} to {max(partial.years)}"
                " are; use `outcomes report`, which replays any year, or set OUTCOMES_LIVE_YEARS"
            )
        for policy in policies:
            if policy.figures_key not in partial.figures:
                raise _not_kept_live(policy, place, partial.figures)
            figures[policy.sha256].merge(partial.figures[policy.figures_key])
        records.merge(partial.records)
    recorded_at = (partial.latest_recorded_at for partial in partials)
    latest = max((moment for moment in recorded_at if moment is not None), default=None)
    cut = {partial.partition: partial.next_offset for partial in partials}
    return FiguresAtCut(cut, records, figures, latest)


def _not_kept_live(policy: Policy, place: str, keys: Iterable[str]) -> ConfigurationError:
    if any(key.startswith(policy.sha256) for key in keys):
        return ConfigurationError(
            f"policy {policy.id} is kept live in {place} with another release of the zone data"
            f" than {zone_data_release()}, which this program uses; restart the worker with that"
            " release, or use `outcomes report`"
        )
    return ConfigurationError(
        f"policy {policy.id} is not kept live in {place}; start the worker with it, or use"
        " `outcomes report`, which replays under any policy"
    )


def _figures(cells: Iterable[tuple[int, str, str, int]]) -> Figures:
    figures = Figures()
    for year, measure, group, count in cells:
        figures.cells[year, measure, group] = count
    return figures
