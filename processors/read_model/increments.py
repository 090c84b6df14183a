"""One student's new records: what they change in the state and in the figures.

The contributions of the old history are subtracted and those of the new one added, both computed
from scratch by the functions that a replay uses. So a late fact, a retraction or a correction needs
no case of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from processors.read_model.student_state import append_events, decode_history
from projections.contributions import FamilyRule, shared_rules
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts, Tally
from projections.history import Disposition, History, are_all_first, resolve
from projections.policy import Policy
from schemas.admission import Event

__all__ = ["Increment", "fold_student"]

_EVENT, _OVER_LIMIT = Disposition.EVENT, Disposition.OVER_LIMIT


@dataclass(slots=True)
class _Share:
    """What a family's rule adds under policies that it cannot tell apart."""

    rule: FamilyRule
    needs: str | None
    policies: Sequence[Policy]
    tally: Tally


@dataclass(slots=True)
class Increment:
    """What some records add to a partition's figures and counters.

    Attributes:
        shares: Changes of the figures.
        records: Changes of the counters.
        over_limit: Admitted records that the rule on 1,000 events quarantines.
    """

    shares: Sequence[_Share]
    records: RecordCounts = field(default_factory=RecordCounts)
    over_limit: list[Event] = field(default_factory=list)

    @classmethod
    def under(cls, policies: Iterable[Policy]) -> Increment:
        """An increment that changes nothing yet."""
        return cls([_Share(*shared, Tally()) for shared in shared_rules(policies)])

    def count(self, events: Sequence[Event], sign: int) -> None:
        """Add what a student's events come to, or with sign -1 take it away."""
        if not events:
            return
        resolution = resolve(events)
        self.records.count_resolution(resolution, sign)
        facts = facts_of(resolution.in_force)
        for share in self.shares:
            if share.needs is None or getattr(facts, share.needs):
                share.tally.add(share.rule(facts, share.policies[0]), sign)

    def figures(self) -> dict[str, Figures]:
        """The changes of the figures, by `Policy.figures_key`."""
        figures: dict[str, Figures] = {}
        for share in self.shares:
            changes = share.tally.figures()
            for policy in share.policies:
                figures.setdefault(policy.figures_key, Figures()).merge(changes)
        return figures


def fold_student(
    subject: str, state: bytes | None, events: Sequence[Event], increment: Increment
) -> bytes | None:
    """Fold new events of one student, and add their changes to an increment.

    Args:
        subject: The student.
        state: Before these events; None for a student not seen before.
        events: In log order, all after those in the state.
        increment: Changes are added to it.

    Returns:
        The new state, or the old one where the events do not change it.
    """
    if state is None and are_all_first(events):
        increment.records.events += len(events)
        increment.count(events, 1)
        return append_events(None, events)
    history = History() if state is None else decode_history(subject, state)
    before = list(history.events.values())
    dispositions = list(map(history.add, events))
    new = [event for event, was in zip(events, dispositions, strict=True) if was is _EVENT]
    increment.records.events += len(new)
    if len(new) < len(events):
        _count_others(events, dispositions, increment)
    if not new:
        return state
    increment.count(before, -1)
    increment.count([*before, *new], 1)
    return append_events(state, new)


def _count_others(
    events: Sequence[Event], dispositions: Sequence[Disposition], increment: Increment
) -> None:
    """Count the records that are no new events."""
    for event, disposition in zip(events, dispositions, strict=True):
        if disposition is not _EVENT:
            increment.records.count_record(disposition)
        if disposition is _OVER_LIMIT:
            increment.over_limit.append(event)
