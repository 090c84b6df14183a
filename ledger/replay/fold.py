"""The replay by student: read a student's records in log order, fold them, go on to the next.

The log hands out records sorted by key, so that one student at a time is in memory, whatever the
log's size. The rules are those of `projections`, the same that the live fold applies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter

from ledger.log import Cut, Log, furthest
from ledger.log.progress import with_progress
from ledger.replay.figures_at_cut import FiguresAtCut
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts
from projections.history import History, resolve
from projections.policy import Policy
from schemas import Event, Quarantined, admit

__all__ = ["replay", "replay_each"]


def replay(
    log: Log,
    cut: Cut,
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> FiguresAtCut:
    """Fold a log up to a cut under several policies in one pass; see `replay_each`."""
    (found,) = replay_each(log, [cut], policies, progress=progress)
    return found


def replay_each(
    log: Log,
    cuts: Sequence[Cut],
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> list[FiguresAtCut]:
    """Fold a log up to each of several cuts under several policies, reading it once.

    Args:
        log: Any log.
        cuts: How far to read, at least one; brought to the normal form first.
        policies: Any number; figures of all years come out for each.
        progress: Told the number of records read, now and then.

    Raises:
        CutNotHeldError: If the log does not hold a cut.
        StoreError: If the log cannot be read.
    """
    parts = [_Part(log.normalise(cut), policies) for cut in cuts]
    records = with_progress(log.read_by_key(furthest([part.cut for part in parts])), progress)
    for _, of_one_key in groupby(records, key=attrgetter("key")):
        histories = [(part, History()) for part in parts]
        for record in of_one_key:
            admitted = admit(record, log.partitions)
            for part, history in histories:
                if record.offset < part.cut[record.partition]:
                    part.take(admitted, history)
        for part, history in histories:
            part.add(history)
    return [part.replayed(log) for part in parts]


class _Part:
    """What is found below one of the cuts."""

    def __init__(self, cut: Cut, policies: Sequence[Policy]) -> None:
        self.cut = cut
        self._policies = policies
        self._counts = RecordCounts()
        self._figures = {policy.sha256: Figures() for policy in policies}

    def take(self, admitted: Event | Quarantined, history: History) -> None:
        """Count a record, and note what it tells of a student."""
        if isinstance(admitted, Quarantined):
            self._counts.quarantined[admitted.rule] += 1
        else:
            self._counts.take(history.take(admitted))

    def add(self, history: History) -> None:
        """Add a student's contributions."""
        if not history.events:
            return
        resolution = resolve(list(history.events.values()))
        self._counts.resolve(resolution)
        facts = facts_of(resolution.in_force)
        for policy in self._policies:
            self._figures[policy.sha256].add(contributions(facts, policy))

    def replayed(self, log: Log) -> FiguresAtCut:
        """All of it."""
        return FiguresAtCut(self.cut, self._counts, self._figures, log.latest_recorded_at(self.cut))
