"""One student's new records: what they change in the state and in the figures.

The contributions of the old history are subtracted and those of the new one added, both computed
from scratch by the functions that a replay uses. So a late fact, a retraction or a correction needs
no case of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from processors.read_model.student_state import append_events, decode_history
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import RecordCounts, Tally
from projections.history import Disposition, History, resolve
from projections.policy import Policy
from schemas.admission import Event

__all__ = ["Increment", "fold_student"]


@dataclass(slots=True)
class Increment:
    """What some records add to a partition's figures and counters.

    Attributes:
        tallies: Changes of the figures, by `Policy.figures_key`.
        records: Changes of the counters.
        over_limit: Admitted records that the rule on 1,000 events quarantines.
    """

    tallies: dict[str, Tally]
    records: RecordCounts = field(default_factory=RecordCounts)
    over_limit: list[Event] = field(default_factory=list)

    @classmethod
    def under(cls, policies: Iterable[Policy]) -> Increment:
        """An increment that changes nothing yet."""
        return cls({policy.figures_key: Tally() for policy in policies})


def fold_student(
    subject: str,
    state: bytes | None,
    events: Sequence[Event],
    policies: Sequence[Policy],
    increment: Increment,
) -> bytes | None:
    """Fold new events of one student, and add their changes to an increment.

    Args:
        subject: The student.
        state: Before these events; None for a student not seen before.
        events: In log order, all after those in the state.
        policies: Those that the increment has tallies for.
        increment: Changes are added to it.

    Returns:
        The new state, or the old one where the events do not change it.
    """
    history = History() if state is None else decode_history(subject, state)
    before = list(history.events.values())
    new: list[Event] = []
    for event in events:
        disposition = history.add(event)
        increment.records.count_record(disposition)
        if disposition is Disposition.EVENT:
            new.append(event)
        elif disposition is Disposition.OVER_LIMIT:
            increment.over_limit.append(event)
    if not new:
        return state
    _count(before, policies, increment, sign=-1)
    _count([*before, *new], policies, increment, sign=1)
    return append_events(state, new)


def _count(
    events: Sequence[Event], policies: Sequence[Policy], increment: Increment, *, sign: int
) -> None:
    if not events:
        return
    resolution = resolve(events)
    increment.records.count_resolution(resolution, sign)
    facts = facts_of(resolution.in_force)
    for policy in policies:
        increment.tallies[policy.figures_key].add(contributions(facts, policy), sign)
