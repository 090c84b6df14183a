"""Reading the topic of partials: for each partition the furthest partial of the log's records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.errors import NoFiguresError, StoreError
from ledger.log import Log
from ledger.log.identity import PrefixIdentities, PrefixIdentity, describe_difference
from processors.live_fold import FOLD_VERSION
from processors.partials import Partial, decode_members, decode_partial

__all__ = ["PartialsReader"]

_CAUGHT_UP_RECORDS = 1_000
"""A newer fold version may be this far behind the older one that it takes over from."""

_CANDIDATES_MAX = 64
"""Of one partition, before they are compared with the log; each may take up to 900 kB."""


class _Candidate(NamedTuple):
    """A partial that may be the furthest one.

    Attributes:
        next_offset: See `Partial`.
        identity: See `Partial`.
        value: As published.
    """

    next_offset: int
    identity: PrefixIdentity
    value: bytes


class PartialsReader:
    """The topic of partials, as far as it was read."""

    def __init__(self, topic: Log, log: Log) -> None:
        """Start at the beginning of the topic.

        Args:
            topic: Of the partials.
            log: That they must have been folded from.
        """
        self._topic = topic
        self._partitions = range(log.partitions)
        self._identities = PrefixIdentities(log)
        self._read_end: dict[int, int] = {}
        self._candidates: dict[str, dict[int, list[_Candidate]]] = {}
        self._differences: dict[int, str] = {}

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
        """Add one published value; what is not a partial changes nothing."""
        members = decode_members(value)
        if members is None or value is None or members["partition"] not in self._partitions:
            return
        by_partition = self._candidates.setdefault(members["fold"], {})
        candidates = by_partition.setdefault(members["partition"], [])
        identity = PrefixIdentity(members["first_record"], members["last_record"])
        candidates.append(_Candidate(members["next_offset"], identity, value))
        if len(candidates) > _CANDIDATES_MAX:
            self._choose(by_partition)

    def latest(self) -> list[Partial]:
        """One partial a partition, all of one version of the fold and all of the log's records.

        A newer version takes over when it covers every partition and has caught up with the older.

        Raises:
            StoreError: If no version covers every partition yet.
        """
        furthest = {
            version: self._choose(by_partition)
            for version, by_partition in self._candidates.items()
        }
        complete = {
            version: chosen
            for version, chosen in furthest.items()
            if chosen.keys() >= set(self._partitions)
        }
        if not complete:
            raise self._incomplete(furthest)
        folded = {
            version: sum(candidate.next_offset for candidate in chosen.values())
            for version, chosen in complete.items()
        }
        enough = max(folded.values()) - _CAUGHT_UP_RECORDS
        caught_up = [version for version in complete if folded[version] >= enough]
        newest = complete[max(caught_up, key=lambda version: tuple(map(int, version.split("."))))]
        partials = (decode_partial(newest[partition].value) for partition in self._partitions)
        return [partial for partial in partials if partial is not None]

    def _choose(self, by_partition: dict[int, list[_Candidate]]) -> dict[int, _Candidate]:
        """The furthest candidate of each partition whose records are those of the log.

        Those of another history are dropped first, however far on: the log may have been restored
        from a copy since they were published, or created again.
        """
        chosen: dict[int, _Candidate] = {}
        while True:
            # Of two at one offset the later one counts; a worker that was cut off comes after.
            furthest = {
                partition: max(reversed(candidates), key=lambda candidate: candidate.next_offset)
                for partition, candidates in by_partition.items()
                if candidates and partition not in chosen
            }
            if not furthest:
                return chosen
            cut = {partition: candidate.next_offset for partition, candidate in furthest.items()}
            identities = self._identities.read(cut)
            for partition, candidate in furthest.items():
                difference = describe_difference(
                    partition, candidate.next_offset, candidate.identity, identities[partition]
                )
                if difference is None:
                    by_partition[partition] = [candidate]
                    chosen[partition] = candidate
                    self._differences.pop(partition, None)
                else:
                    by_partition[partition].remove(candidate)
                    self._differences[partition] = difference

    def _incomplete(self, furthest: Mapping[str, Mapping[int, _Candidate]]) -> StoreError:
        covered = furthest.get(FOLD_VERSION, {})
        missing = [number for number in self._partitions if number not in covered]
        for partition in missing:
            if partition in self._differences:
                return StoreError(
                    f"{self._topic.name}: figures were folded from another log:"
                    f" {self._differences[partition]}; start the workers, which say which file to"
                    " delete"
                )
        numbers = ", ".join(map(str, missing))
        which = f" of partition {numbers}" if covered else ""
        kind = StoreError if covered else NoFiguresError
        return kind(
            f"{self._topic.name}: no figures{which} yet; start `outcomes worker`, or wait until it"
            " has caught up"
        )
