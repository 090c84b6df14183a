"""Reading the topic of partials: for each partition the partial that is furthest on."""

from __future__ import annotations

from typing import Any

from ledger.errors import StoreError
from ledger.log import Log
from processors.partials import Partial, decode_members, partial_from_members

__all__ = ["PartialsReader"]

_CAUGHT_UP_RECORDS = 1_000
"""A newer fold version may be this far behind the older one that it takes over from."""


class PartialsReader:
    """The topic of partials, as far as it was read."""

    def __init__(self, topic: Log, partitions: int) -> None:
        """Start at the beginning of the topic.

        Args:
            topic: Of the partials.
            partitions: Of the ledger's log.
        """
        self._topic = topic
        self._partitions = range(partitions)
        self._read_end: dict[int, int] = {}
        self._furthest: dict[str, dict[int, dict[str, Any]]] = {}

    def refresh(self) -> bool:
        """Read what was published since the last time; False if nothing was."""
        end = dict(self._topic.end())
        if end == self._read_end:
            return False
        start = {partition: self._read_end.get(partition, 0) for partition in end}
        for record in self._topic.read(start, end):
            self.add(record.value)
        self._read_end = end
        return True

    def add(self, value: bytes | None) -> None:
        """Add one published value; what is not a partial, or is behind, changes nothing."""
        members = decode_members(value)
        if members is not None:
            furthest = self._furthest.setdefault(members["fold"], {})
            # A worker that was cut off may publish what is long outdated.
            if members["next_offset"] >= _next_offset(furthest.get(members["partition"])):
                furthest[members["partition"]] = members

    def latest(self) -> list[Partial]:
        """One partial a partition, all of one version of the fold.

        A newer version takes over when it covers every partition and has caught up with the older.

        Raises:
            StoreError: If no version covers every partition yet.
        """
        complete = {
            version: [furthest[partition] for partition in self._partitions]
            for version, furthest in self._furthest.items()
            if furthest.keys() >= set(self._partitions)
        }
        if not complete:
            raise self._incomplete()
        folded = {version: sum(map(_next_offset, each)) for version, each in complete.items()}
        enough = max(folded.values()) - _CAUGHT_UP_RECORDS
        caught_up = [version for version in complete if folded[version] >= enough]
        newest = max(caught_up, key=lambda version: tuple(map(int, version.split("."))))
        return [partial_from_members(members) for members in complete[newest]]

    def _incomplete(self) -> StoreError:
        covered = max(self._furthest.values(), key=len, default={})
        missing = ", ".join(str(number) for number in self._partitions if number not in covered)
        return StoreError(
            f"{self._topic.name}: no figures of partition {missing} yet; start `outcomes worker`,"
            " or wait until it has caught up"
        )


def _next_offset(members: dict[str, Any] | None) -> int:
    return -1 if members is None else int(members["next_offset"])
