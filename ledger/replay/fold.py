"""The replay by student: read a student's records in log order, fold them, go on to the next.

The log hands out records sorted by key, so that one student at a time is in memory, whatever the
log's size. The rules are those of `projections`, the same that the live fold applies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from ledger.log import Cut, Log
from ledger.replay.replayed import Replayed
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts
from projections.history import History, settle
from projections.policy import Policy
from schemas import Quarantined, Record, admit

__all__ = ["replay"]

_PROGRESS_EVERY = 5_000


def replay(
    log: Log,
    cut: Cut,
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] | None = None,
) -> Replayed:
    """Fold a log up to a cut under several policies in one pass.

    Args:
        log: Any log.
        cut: How far to read; brought to the normal form first.
        policies: Any number; figures of all years come out for each.
        progress: Told the number of records read, now and then.

    Raises:
        CutNotHeldError: If the log does not hold the cut.
        StoreError: If the log cannot be read.
    """
    cut = log.normalise(cut)
    counts = RecordCounts()
    figures = {policy.sha256: Figures() for policy in policies}
    records: Iterable[Record] = log.read_by_key(cut)
    if progress is not None:
        records = _told(records, progress)
    for _, of_one_key in groupby(records, key=attrgetter("key")):
        history = _history(of_one_key, log.partitions, counts)
        if not history.events:
            continue
        settled = settle(list(history.events.values()))
        counts.settle(settled)
        facts = facts_of(settled.in_force)
        for policy in policies:
            figures[policy.sha256].add(contributions(facts, policy))
    return Replayed(cut, counts, figures, log.latest_recorded_at(cut))


def _history(records: Iterable[Record], partitions: int, counts: RecordCounts) -> History:
    history = History()
    for record in records:
        admitted = admit(record, partitions)
        if isinstance(admitted, Quarantined):
            counts.quarantined[admitted.rule] += 1
        else:
            counts.take(history.take(admitted))
    return history


def _told(records: Iterable[Record], progress: Callable[[int], None]) -> Iterator[Record]:
    for count, record in enumerate(records, 1):
        if count % _PROGRESS_EVERY == 0:
            progress(count)
        yield record
