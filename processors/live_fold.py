"""The live fold: batches of records into the read model, each with its offset in one transaction.

A batch is grouped by student before it is folded, so that a student's state is read and written
once a batch, however many of its records the batch holds.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import orjson

from ledger.errors import StoreError
from ledger.log.identity import record_hash
from processors.read_model.increments import Increment, fold_student
from processors.read_model.store import DeadLetter, PartitionState, Store, cell_hash, student_hash
from processors.read_model.student_state import FOLD_REVISION, decode_history
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, Tally
from projections.history import Disposition, resolve
from projections.policy import Policy
from schemas import Event, Quarantined, Record, admit
from schemas.version import RULES_VERSION

__all__ = ["FOLD_VERSION", "FoldAbandonedError", "LiveFold", "group_of"]

FOLD_VERSION = f"{RULES_VERSION}.{FOLD_REVISION}"
"""The rules version, and the hand-kept revision of the fold."""


_HEED_EVERY = 500


class FoldAbandonedError(Exception):
    """The worker is to stop, or the partition is another's now."""


class LiveFold:
    """Keeps a read model current; the prefix of the log decides its state, to the byte.

    Attributes:
        store: The read model's file.
        policies: Kept live.
        states: By partition, those that were opened.
        abandoned: Asked now and then within a batch; True gives it up, and nothing of it is kept.
    """

    def __init__(
        self, store: Store, policies: Sequence[Policy], *, log_name: str, partitions: int
    ) -> None:
        """Take up a read model.

        What another version of the fold has left is dropped and folded anew.

        Raises:
            StoreError: If it is of another log.
        """
        self.store = store
        self.states: dict[int, PartitionState] = {}
        self.abandoned: Callable[[], bool] = lambda: False
        self.policies = list(policies)
        self._partitions = partitions
        if store.about().get("fold", FOLD_VERSION) != FOLD_VERSION:
            store.forget_all()
        about = {"log": log_name, "partitions": str(partitions), "fold": FOLD_VERSION}
        for name, ours in about.items():
            theirs = store.about().get(name, ours)
            if theirs != ours:
                raise StoreError(
                    f"{store.path} is of {name} {theirs}, not {ours}; name another file with"
                    " --state, or delete this one: it is made anew from the log"
                )
        store.set_about(about)

    def open_partition(self, partition: int, first_record: str | None) -> PartitionState:
        """Load a partition's state; what does not stand up to its checksum is folded anew.

        Args:
            partition: The partition.
            first_record: Names the log, see `ledger.log.identity`; None while it is empty.

        Raises:
            StoreError: If the state is of another log.
        """
        kept = self.states.get(partition)
        if kept is not None:
            # Nobody else writes to the file, so what was checked once still stands.
            self.store.check_identity(partition, kept, first_record)
            return kept
        state = self.store.load(partition)
        self.store.check_identity(partition, state, first_record)
        if state.checksum != self.store.checksum(partition):
            self.store.forget(partition)
            state = PartitionState()
        self._take_policies(partition, state)
        self.states[partition] = state
        return state

    def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Fold the next records of a partition and commit them with their offset.

        Args:
            partition: One that was opened.
            records: In offset order; all that the log holds from the next offset on. Those below
                it were folded before and are skipped.

        Raises:
            StoreError: If the read model cannot take them; then it holds none of them.
            FoldAbandonedError: If `abandoned` says so; the partition must be opened anew.
        """
        state = self.states[partition]
        new = [record for record in records if record.offset >= state.next_offset]
        if not new:
            return
        # Until the commit the state in memory is ahead of the file; a failure must drop it.
        del self.states[partition]
        with _collector_off():
            self._apply(partition, state, new)
        self.states[partition] = state

    def _apply(self, partition: int, state: PartitionState, new: Sequence[Record]) -> None:
        if state.first_record is None:
            state.first_record = record_hash(new[0])
        by_subject: dict[str, list[Event]] = {}
        increment = Increment.under(self.policies)
        dead: list[DeadLetter] = []
        for number, record in enumerate(new):
            self.heed(number)
            admitted = admit(record, self._partitions)
            if isinstance(admitted, Quarantined):
                increment.records.quarantined[admitted.rule] += 1
                dead.append(_dead_letter(record, admitted.rule))
            else:
                by_subject.setdefault(admitted.subject, []).append(admitted)
        changed = self._fold(partition, state, by_subject, increment)
        over = {event.offset for event in increment.over_limit}
        dead += [
            _dead_letter(one, Disposition.OVER_LIMIT.value) for one in new if one.offset in over
        ]
        state.records.add(increment.records)
        state.next_offset = new[-1].offset + 1
        latest = max(record.recorded_at for record in new)
        state.latest_recorded_at = max(latest, state.latest_recorded_at or 0)
        cells = [
            cell
            for policy, tally in increment.tallies.items()
            for cell in state.add(policy, tally.figures())
        ]
        self.store.commit(partition, state, students=changed, cells=cells, dead_letters=dead)

    def _fold(
        self,
        partition: int,
        state: PartitionState,
        by_subject: dict[str, list[Event]],
        increment: Increment,
    ) -> dict[str, bytes]:
        stored = self.store.students(partition, list(by_subject))
        changed: dict[str, bytes] = {}
        for number, (subject, events) in enumerate(by_subject.items()):
            self.heed(number)
            before = stored.get(subject)
            after = fold_student(subject, before, events, self.policies, increment)
            if after is None or after is before:
                continue
            changed[subject] = after
            state.add_hash(student_hash(subject, after))
            if before is not None:
                state.add_hash(-student_hash(subject, before))
        return changed

    def heed(self, number: int = 0) -> None:
        """Give up when that is wanted, which is asked now and then.

        Raises:
            FoldAbandonedError: If `abandoned` says so.
        """
        if number % _HEED_EVERY == 0 and self.abandoned():
            raise FoldAbandonedError

    def _take_policies(self, partition: int, state: PartitionState) -> None:
        """Compute the figures of a new policy from student state, and drop those of an old one."""
        wanted = {policy.sha256 for policy in self.policies}
        known = set(orjson.loads(self.store.about().get(f"policies:{partition}", "[]")))
        if wanted == known:
            return
        if state.next_offset:
            for cell in [cell for cell in state.cells if cell[0] not in wanted & known]:
                state.add_hash(-cell_hash(cell, state.cells.pop(cell)))
            for policy in (one for one in self.policies if one.sha256 not in known):
                figures = self._count_all(partition, policy)
                deque(state.add(policy.sha256, figures), maxlen=0)
            self.store.replace_cells(partition, state)
        self.store.set_about({f"policies:{partition}": orjson.dumps(sorted(wanted)).decode()})

    def _count_all(self, partition: int, policy: Policy) -> Figures:
        tally = Tally()
        for subject, text in self.store.every_student(partition):
            events = list(decode_history(subject, text).events.values())
            tally.add(contributions(facts_of(resolve(events).in_force), policy))
        return tally.figures()


def group_of(log_name: str) -> str:
    """The consumer group of a log's workers: a new fold reads the log from its own beginning."""
    return f"{log_name}-fold-{FOLD_VERSION}"


def _dead_letter(record: Record, rule: str) -> DeadLetter:
    size = None if record.value is None else len(record.value)
    return DeadLetter(record.partition, record.offset, rule, size)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without the garbage collector: it would look again and again at a batch's live objects.

    Nothing here refers to itself but what a failing record leaves, and that is found afterwards.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
