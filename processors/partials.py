"""A partial: the complete live figures of one partition, as a worker publishes them.

Adding the latest partial of every partition gives the live figures. A partial is a function of the
log up to its next offset, so two workers at one offset publish the same bytes.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from ledger.errors import StoreError
from ledger.log import Log
from processors.live_fold import FOLD_VERSION
from processors.read_model.store import PartitionState
from projections.figures import Figures, RecordCounts

__all__ = [
    "PARTIAL_BYTES_MAX",
    "Partial",
    "PartialsRead",
    "decode_partial",
    "encode_partial",
    "partial_key",
]

PARTIAL_BYTES_MAX = 900_000
_SCHEMA = "ledger/partial/v1"
_CAUGHT_UP = 1_000
"""Records by which a newer version may be behind the older one that it takes over from."""


class Partial(NamedTuple):
    """One partition's share of the live figures.

    Attributes:
        partition: The partition.
        first_record: Names the log, see `ledger.log.identity`.
        next_offset: Up to where it is folded.
        latest_recorded_at: Milliseconds since 1970.
        records: The counters.
        figures: By the policy's SHA-256.
        years: Those that a report can be made of.
    """

    partition: int
    first_record: str | None
    next_offset: int
    latest_recorded_at: int | None
    records: RecordCounts
    figures: Mapping[str, Figures]
    years: Collection[int] = ()


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
        years: Those that a report can be made of; the year before each goes with it, for growth.

    Raises:
        StoreError: If it would be over 900 kB.
    """
    live = frozenset(years)
    held = live | {year - 1 for year in live}
    figures: dict[str, list[tuple[int, str, str, int]]] = {sha256: [] for sha256 in policies}
    for (sha256, year, measure, group), count in sorted(state.cells.items()):
        if year in held and sha256 in figures:
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
    text = zlib.compress(orjson.dumps(members, option=orjson.OPT_SORT_KEYS), 1)
    if len(text) > PARTIAL_BYTES_MAX:
        raise StoreError(
            f"the figures of partition {partition} take {len(text):,} bytes, over"
            f" {PARTIAL_BYTES_MAX:,}; keep fewer years or policies live"
        )
    return text


def decode_partial(value: bytes | None) -> Partial | None:
    """Read a partial; None where it is none."""
    members = _members(value)
    return None if members is None else _partial(members)


class PartialsRead:
    """The topic of partials as far as it was read: of each partition the one furthest on."""

    def __init__(self, published: Log, partitions: int) -> None:
        """Begin with nothing read.

        Args:
            published: The topic.
            partitions: Of the ledger's log.
        """
        self._published = published
        self._partitions = partitions
        self._at: dict[int, int] = {}
        self._furthest: dict[str, dict[int, dict[str, Any]]] = {}

    def refresh(self) -> bool:
        """Read what was published since the last time; whether there was anything."""
        end = dict(self._published.end())
        if end == self._at:
            return False
        for record in self._published.read({one: self._at.get(one, 0) for one in end}, end):
            self.take(record.value)
        self._at = end
        return True

    def take(self, value: bytes | None) -> None:
        """Take one partial; what is none, or behind what is known, changes nothing."""
        members = _members(value)
        if members is not None:
            known = self._furthest.setdefault(members["fold"], {})
            # A worker that was cut off may publish what is long outdated.
            if members["next_offset"] >= _next_offset(known.get(members["partition"])):
                known[members["partition"]] = members

    def latest(self) -> list[Partial]:
        """One partial a partition, all of one version of the fold.

        A newer version takes over when it covers every partition and has caught up with the older.

        Raises:
            StoreError: If no version covers every partition yet.
        """
        every = range(self._partitions)
        whole = {
            version: [found[partition] for partition in every]
            for version, found in self._furthest.items()
            if found.keys() >= set(every)
        }
        if not whole:
            best = max(self._furthest.values(), key=len, default={})
            missing = ", ".join(str(one) for one in every if one not in best)
            raise StoreError(
                f"{self._published.name}: no figures of partition {missing} yet; start `outcomes"
                " worker`, or wait until it has caught up"
            )
        reached = {version: sum(map(_next_offset, found)) for version, found in whole.items()}
        caught_up = [one for one in whole if reached[one] >= max(reached.values()) - _CAUGHT_UP]
        newest = max(caught_up, key=lambda version: tuple(map(int, version.split("."))))
        return [_partial(members) for members in whole[newest]]


def _members(value: bytes | None) -> dict[str, Any] | None:
    try:
        members = orjson.loads(zlib.decompress(value or b""))
    except (zlib.error, orjson.JSONDecodeError):
        return None
    return members if isinstance(members, dict) and members.get("schema") == _SCHEMA else None


def _next_offset(members: dict[str, Any] | None) -> int:
    return -1 if members is None else int(members["next_offset"])


def _partial(members: dict[str, Any]) -> Partial:
    records = {**members["records"], "quarantined": Counter(members["records"]["quarantined"])}
    return Partial(
        members["partition"],
        members["first_record"],
        members["next_offset"],
        members["latest_recorded_at"],
        RecordCounts(**records),
        {sha256: _figures(cells) for sha256, cells in members["figures"].items()},
        frozenset(members["years"]),
    )


def _figures(cells: Iterable[tuple[int, str, str, int]]) -> Figures:
    figures = Figures()
    for year, measure, group, count in cells:
        figures.cells[year, measure, group] = count
    return figures
