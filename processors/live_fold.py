"""The live fold: batches of records into the read model, each with its offset in one transaction.

A batch is grouped by student before it is folded, so that a student's state is read and written
once a batch, however many of its records the batch holds.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import orjson

from ledger.diagnostics import logger
from ledger.errors import StoreError
from ledger.log.identity import PrefixIdentities, describe_difference, record_hash
from processors.build import Build, is_build_due
from processors.dead_letters import DeadLetter, dead_letter_of
from processors.read_model.checksum import cell_hash, student_hash
from processors.read_model.increments import Increment, fold_student
from processors.read_model.partition_state import PartitionState
from processors.read_model.store import Store
from processors.read_model.student_state import FOLD_REVISION, decode_history
from projections.contributions import contributions
from projections.facts import facts_of
from projections.figures import Figures, RecordCounts, Tally
from projections.history import Disposition, resolve
from projections.policy import Policy
from schemas.admission import Event, Quarantined, admit_with_content
from schemas.record import Record
from schemas.version import RULES_VERSION

__all__ = [
    "FOLD_VERSION",
    "BatchObserver",
    "FoldCancelledError",
    "FoldedBatch",
    "LiveFold",
    "consumer_group",
]

FOLD_VERSION = f"{RULES_VERSION}.{FOLD_REVISION}"
"""The rules version, and the hand-kept revision of the fold."""

_CANCEL_CHECK_EVERY = 500


BatchObserver = Callable[["FoldedBatch"], None]


class FoldCancelledError(Exception):
    """The worker is to stop, or the partition now belongs to another worker."""


class FoldedBatch(NamedTuple):
    """What was folded and committed at once.

    Attributes:
        records: All of it, in offset order.
        types: How many of each type were admitted.
        counts: What the records have turned out to be.
        seconds: It took.
        commit_seconds: Of them in SQLite.
    """

    records: Sequence[Record]
    types: Mapping[str, int]
    counts: RecordCounts
    seconds: float
    commit_seconds: float


class LiveFold:
    """Keeps a read model current; the prefix of the log decides its state, to the byte.

    Attributes:
        store: The read model's file.
        policies: Kept live.
        states: By partition, those that were opened.
        is_cancelled: Called every few hundred records of a batch; True cancels the batch, and
            nothing of it is kept.
        on_batch: Called after each batch that was committed, where somebody wants to know.
    """

    def __init__(
        self,
        store: Store,
        policies: Sequence[Policy],
        *,
        log_name: str,
        partitions: int,
        refold: bool = False,
    ) -> None:
        """Open a read model; one of another version of the fold is cleared, to be folded again.

        Args:
            store: The read model's file.
            policies: To keep live.
            log_name: Of the log.
            partitions: Of the log.
            refold: Clear what was folded from another log and fold again, instead of refusing.

        Raises:
            StoreError: If it belongs to another log.
        """
        self.store = store
        self.states: dict[int, PartitionState] = {}
        self.is_cancelled: Callable[[], bool] = lambda: False
        self.on_batch: BatchObserver | None = None
        self.policies = list(policies)
        self._partitions = partitions
        self._refold = refold
        if store.metadata().get("fold", FOLD_VERSION) != FOLD_VERSION:
            store.clear()
        expected = {"log": log_name, "partitions": str(partitions), "fold": FOLD_VERSION}
        stored = store.metadata()
        for name, value in expected.items():
            if stored.get(name, value) != value:
                self._reject(f"{name} is {value}, not {stored[name]}")
                store.clear()
        store.set_metadata(expected)

    def open_partition(self, partition: int) -> None:
        """Load a partition's state; one that fails its checksum is folded again."""
        # Nobody else writes to the file, so its checksum need not be computed twice.
        if partition in self.states:
            return
        state = self.store.load(partition)
        if state.checksum != self.store.compute_checksum(partition):
            self.store.clear_partition(partition)
            state = PartitionState()
        self._update_policies(partition, state)
        self.states[partition] = state

    def check_history(self, log: PrefixIdentities) -> None:
        """See that the records that were folded are those of the log; see `refold`.

        Raises:
            StoreError: If they are not, or the log cannot be read.
        """
        cut = {partition: state.next_offset for partition, state in self.states.items()}
        identities = log.read(cut)
        for partition, offset in cut.items():
            known = self.states[partition].identity
            difference = describe_difference(partition, offset, known, identities[partition])
            if difference is not None:
                self._reject(difference)
                self.store.clear_partition(partition)
                self.states[partition] = PartitionState()

    def _reject(self, difference: str) -> None:
        reason = f"{self.store.path} was folded from another log: {difference}"
        if not self._refold:
            raise StoreError(
                f"{reason}; restore the log or, if this one is right, delete {self.store.path} and"
                " start the worker again: it folds the log from the beginning"
            )
        logger().warning("log.replaced", reason=reason)

    def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Fold the next records of a partition and commit them with their offset.

        Args:
            partition: One that was opened.
            records: In offset order, everything that the log holds from the next offset on.
                Records below it were folded before and are skipped.

        Raises:
            StoreError: If the read model cannot take them; then it holds none of them.
            FoldCancelledError: If `is_cancelled` says so; the partition must be opened again.
        """
        state = self.states[partition]
        new = [record for record in records if record.offset >= state.next_offset]
        if not new:
            return
        # Until the commit the state in memory is ahead of the file; a failure must drop it.
        del self.states[partition]
        with _garbage_collection_paused():
            batch = self._apply(partition, state, new)
        self.states[partition] = state
        if self.on_batch is not None:
            self.on_batch(batch)

    def is_build_due(self, partition: int, end: int) -> bool:
        """Whether the backlog up to the log's end should be folded by student, see `build`."""
        folded = self.states[partition].next_offset
        return is_build_due(folded, end - folded)

    def build(self, partition: int, records: Iterable[Record], *, are_sorted: bool = False) -> None:
        """Fold a partition from its beginning, by student, and replace its state in one step.

        Args:
            partition: One that was opened.
            records: Everything that the log holds of it from offset 0 on.
            are_sorted: Whether they come by (key, offset); otherwise they come by offset.

        Raises:
            StoreError: If the read model or the temporary folder cannot take them.
            FoldCancelledError: If `is_cancelled` says so. In both cases the state is the old one.
        """
        build = Build(self.store, self.policies, self._partitions, check=self.raise_if_cancelled)
        state = build.run(partition, records, are_sorted=are_sorted)
        if state is not None:
            self.states[partition] = state

    def _apply(self, partition: int, state: PartitionState, new: Sequence[Record]) -> FoldedBatch:
        started = time.perf_counter()
        by_subject: dict[str, list[Event]] = {}
        increment = Increment.under(self.policies)
        dead_letters: list[DeadLetter] = []
        for number, record in enumerate(new):
            self.raise_if_cancelled(number)
            admitted = admit_with_content(record, self._partitions)
            if isinstance(admitted, Quarantined):
                increment.records.quarantined[admitted.rule] += 1
                dead_letters.append(dead_letter_of(record, admitted.rule))
            else:
                by_subject.setdefault(admitted.subject, []).append(admitted)
        changed = self._fold_students(partition, state, by_subject, increment)
        over_limit = {event.offset for event in increment.over_limit}
        dead_letters += [
            dead_letter_of(record, Disposition.OVER_LIMIT.value)
            for record in new
            if record.offset in over_limit
        ]
        state.records.merge(increment.records)
        state.next_offset = new[-1].offset + 1
        latest = max(record.recorded_at for record in new)
        known = state.latest_recorded_at
        state.latest_recorded_at = latest if known is None else max(latest, known)
        state.first_record = state.first_record or record_hash(new[0])
        # The log gives the last record this time, since there recorded_at never goes back.
        last = new[-1]._replace(recorded_at=state.latest_recorded_at)
        state.last_record = record_hash(last)
        cells = [
            cell
            for policy, changes in increment.figures().items()
            for cell in state.add(policy, changes)
        ]
        folded = time.perf_counter()
        self.store.commit(
            partition, state, students=changed, cells=cells, dead_letters=dead_letters
        )
        committed = time.perf_counter()
        events = chain.from_iterable(by_subject.values())
        types = Counter(event.fact.TYPE for event in events) if self.on_batch else {}
        return FoldedBatch(new, types, increment.records, committed - started, committed - folded)

    def _fold_students(
        self,
        partition: int,
        state: PartitionState,
        by_subject: dict[str, list[Event]],
        increment: Increment,
    ) -> dict[str, bytes]:
        """Fold a batch's events by student; the states that have changed, by subject."""
        stored = self.store.student_states(partition, list(by_subject))
        changed: dict[str, bytes] = {}
        for number, (subject, events) in enumerate(by_subject.items()):
            self.raise_if_cancelled(number)
            before = stored.get(subject)
            after = fold_student(subject, before, events, increment)
            if after is None or after is before:
                continue
            changed[subject] = after
            state.add_hash(student_hash(subject, after))
            if before is not None:
                state.add_hash(-student_hash(subject, before))
        return changed

    def raise_if_cancelled(self, number: int = 0) -> None:
        """End a batch that is no longer wanted.

        Args:
            number: Of the loop's turn; only every few hundredth asks.

        Raises:
            FoldCancelledError: If `is_cancelled` says so.
        """
        if number % _CANCEL_CHECK_EVERY == 0 and self.is_cancelled():
            raise FoldCancelledError

    def _update_policies(self, partition: int, state: PartitionState) -> None:
        """Compute the figures of a new policy from student state, and drop those of an old one."""
        wanted = {policy.figures_key for policy in self.policies}
        known = set(orjson.loads(self.store.metadata().get(f"policies:{partition}", "[]")))
        if wanted == known:
            return
        if state.next_offset:
            for cell in [cell for cell in state.cells if cell[0] not in wanted & known]:
                state.add_hash(-cell_hash(cell, state.cells.pop(cell)))
            for policy in self.policies:
                if policy.figures_key not in known:
                    figures = self._compute_figures(partition, policy)
                    deque(state.add(policy.figures_key, figures), maxlen=0)
            self.store.replace_cells(partition, state)
        self.store.set_metadata({f"policies:{partition}": orjson.dumps(sorted(wanted)).decode()})

    def _compute_figures(self, partition: int, policy: Policy) -> Figures:
        tally = Tally()
        for subject, state in self.store.all_student_states(partition):
            events = list(decode_history(subject, state).events.values())
            tally.add(contributions(facts_of(resolve(events).in_force), policy))
        return tally.figures()


def consumer_group(log_name: str) -> str:
    """The consumer group of a log's workers: a new fold reads the log from its own beginning."""
    return f"{log_name}-fold-{FOLD_VERSION}"


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Do not let the garbage collector traverse a batch's live objects again and again.

    Only what a failing record leaves refers to itself, and that is collected afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
