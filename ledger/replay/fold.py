"""The replay by student: read a student's records in log order, fold them, go on to the next.

The log hands out records sorted by key, so that one student at a time is in memory, whatever the
log's size. The rules are those of `projections`, the same that the live fold applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from ledger.log import Cut, Log, furthest
from ledger.log.progress import ProgressCallback, with_progress
from ledger.replay.figures_at_cut import FiguresAtCut
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts
from projections.history import History, resolve
from projections.policy import Policy
from schemas.admission import Event, Quarantined, admit

__all__ = ["fold_log"]


def fold_log(
    log: Log, cuts: Sequence[Cut], policies: Sequence[Policy], progress: ProgressCallback
) -> list[FiguresAtCut]:
    """Fold a log up to each of several cuts under several policies, reading it once.

    Args:
        log: Any log.
        cuts: In their normal form, at least one.
        policies: Each once; figures of all years are made for each.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read.
    """
    folds = [_CutFold(cut, policies) for cut in cuts]
    records = with_progress(log.read_by_key(furthest(cuts)), progress)
    for _, records_of_key in groupby(records, key=attrgetter("key")):
        histories = [(fold, History()) for fold in folds]
        for record in records_of_key:
            admitted = admit(record, log.partitions)
            for fold, history in histories:
                if record.offset < fold.cut[record.partition]:
                    fold.count(admitted, history)
        for fold, history in histories:
            fold.add(history)
    return [fold.figures_at_cut(log) for fold in folds]


class _CutFold:
    """The figures below one of the cuts."""

    def __init__(self, cut: Cut, policies: Sequence[Policy]) -> None:
        self.cut = cut
        self._policies = policies
        self._counts = RecordCounts()
        self._figures = {policy.sha256: Figures() for policy in policies}

    def count(self, admitted: Event | Quarantined, history: History) -> None:
        """Count a record, and add an event to its student's history."""
        if isinstance(admitted, Quarantined):
            self._counts.quarantined[admitted.rule] += 1
        else:
            self._counts.count_record(history.add(admitted))

    def add(self, history: History) -> None:
        """Add a student's contributions."""
        if not history.events:
            return
        resolution = resolve(list(history.events.values()))
        self._counts.count_resolution(resolution)
        facts = facts_of(resolution.in_force)
        for policy in self._policies:
            self._figures[policy.sha256].add(contributions(facts, policy))

    def figures_at_cut(self, log: Log) -> FiguresAtCut:
        """The sum over all students."""
        latest = log.latest_recorded_at(self.cut)
        return FiguresAtCut(self.cut, self._counts, self._figures, latest)
