"""A partial: the complete live figures of one partition, as a worker publishes them.

Adding the latest partial of every partition gives the live figures. A partial is a function of the
log up to its next offset, so two workers at one offset publish the same bytes.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from ledger.errors import StoreError
from processors.fold import FOLD_VERSION
from projections.figures import Figures, RecordCounts
from projections.store import PartitionState

__all__ = ["PARTIAL_BYTES_MAX", "Partial", "decode_partial", "encode_partial", "partial_key"]

PARTIAL_BYTES_MAX = 900_000
_SCHEMA = "ledger/partial/v1"


class Partial(NamedTuple):
    """One partition's share of the live figures.

    Attributes:
        partition: The partition.
        first_record: Names the log, see `ledger.log.identity`.
        next_offset: Up to where it is folded.
        latest_recorded_at: Milliseconds since 1970.
        records: The counters.
        figures: By the policy's SHA-256, of the live years alone.
    """

    partition: int
    first_record: str | None
    next_offset: int
    latest_recorded_at: int | None
    records: RecordCounts
    figures: Mapping[str, Figures]


def partial_key(partition: int) -> bytes:
    """The key that compaction keeps the latest partial of: partition and version of the fold."""
    return f"{partition}/{FOLD_VERSION}".encode("ascii")


def encode_partial(
    partition: int, state: PartitionState, policies: Iterable[str], years: Iterable[int]
) -> bytes:
    """A partition's state as compressed JSON, the same bytes for the same state.

    Args:
        partition: The partition.
        state: After a commit.
        policies: SHA-256 of those kept live.
        years: Kept live.

    Raises:
        StoreError: If it would be over 900 kB.
    """
    live = frozenset(years)
    figures: dict[str, list[tuple[int, str, str, int]]] = {sha256: [] for sha256 in policies}
    for (sha256, year, measure, group), count in sorted(state.cells.items()):
        if year in live and sha256 in figures:
            figures[sha256].append((year, measure, group, count))
    members = {
        "schema": _SCHEMA,
        "fold": FOLD_VERSION,
        "partition": partition,
        "first_record": state.first_record,
        "next_offset": state.next_offset,
        "latest_recorded_at": state.latest_recorded_at,
        "records": state.records.as_dict(),
        "years": sorted(live),
        "figures": figures,
    }
    text = zlib.compress(orjson.dumps(members, option=orjson.OPT_SORT_KEYS), 6)
    if len(text) > PARTIAL_BYTES_MAX:
        raise StoreError(
            f"the figures of partition {partition} take {len(text):,} bytes, over"
            f" {PARTIAL_BYTES_MAX:,}; keep fewer years or policies live"
        )
    return text


def decode_partial(key: bytes | None, value: bytes | None) -> Partial | None:
    """Read a partial of this version of the fold; None where it is another's or none at all."""
    if key is None or value is None or not key.endswith(f"/{FOLD_VERSION}".encode("ascii")):
        return None
    try:
        members: dict[str, Any] = orjson.loads(zlib.decompress(value))
    except (zlib.error, orjson.JSONDecodeError):
        return None
    if members.get("schema") != _SCHEMA:
        return None
    figures = {sha256: _figures(cells) for sha256, cells in members["figures"].items()}
    records = members["records"]
    records["quarantined"] = Counter(records["quarantined"])
    return Partial(
        members["partition"],
        members["first_record"],
        members["next_offset"],
        members["latest_recorded_at"],
        RecordCounts(**records),
        figures,
    )


def _figures(cells: Iterable[tuple[int, str, str, int]]) -> Figures:
    figures = Figures()
    for year, measure, group, count in cells:
        figures.cells[year, measure, group] = count
    return figures
