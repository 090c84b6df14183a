"""The live figures in the read model of an embedded log, where one worker has all partitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import orjson

from ledger.errors import NoFiguresError, StoreError
from ledger.log import ArchiveAddress, Log, SqliteAddress, open_log
from ledger.log.identity import PrefixIdentities, describe_difference
from ledger.numbers import pluralise
from ledger.repairs import Repairs
from ledger.replay import FiguresAtCut
from ledger.settings import configured_state
from processors.live_fold import FOLD_VERSION
from processors.live_report import (
    LiveReport,
    LiveSource,
    LiveStatus,
    make_live_report,
    make_live_status,
)
from processors.partials import Partial, merge_partials
from processors.read_model.lock import lock_holder
from processors.read_model.partition_state import PartitionState
from processors.read_model.store import Store
from projections.policy import Policy

__all__ = ["FileAddress", "StoredFigures", "load_states", "read_store", "state_path"]

FileAddress = SqliteAddress | ArchiveAddress
"""Of a log that one worker follows by itself."""


class StoredFigures:
    """See `processors.live_report.LiveFigures`.

    Log and read model are opened for each reading, since a file may be replaced at any moment.
    """

    def __init__(self, address: FileAddress, path: Path) -> None:
        """Remember where to read.

        Args:
            address: Of the log.
            path: Of the read model.
        """
        self._address = address
        self._path = path
        self._repairs = Repairs()

    def read(self, policy: Policy, year: int) -> LiveReport:
        """The figures of this moment."""
        with self._open() as (log, store):
            figures = read_store(store, log, [policy])
            return make_live_report(self._source(log, figures), figures, policy, year)

    def status(self) -> LiveStatus:
        """How far they have come at this moment."""
        with self._open() as (log, store):
            figures = read_store(store, log, [])
            return make_live_status(self._source(log, figures), figures, str(self._path))

    @contextmanager
    def _open(self) -> Iterator[tuple[Log, Store]]:
        with (
            closing(open_log(self._address)) as log,
            closing(Store(self._path, read_only=True)) as store,
        ):
            try:
                yield log, store
            except StoreError:
                # Another log may have taken its place.
                self._repairs = Repairs()
                raise

    def _source(self, log: Log, figures: FiguresAtCut) -> LiveSource:
        return LiveSource(log, self._owners(figures.cut), self._repairs)

    def _owners(self, partitions: Iterable[int]) -> dict[int, str]:
        holder = lock_holder(self._path)
        return {} if holder is None else dict.fromkeys(partitions, holder)


def state_path(address: FileAddress, state: Path | None) -> Path:
    """The read model's file: the one named, here or by `OUTCOMES_STATE`, or one beside the log.

    In a folder it has the name that it would have beside the log. That is of one version of the
    fold; a newer one builds its own beside it.
    """
    named = state or configured_state()
    beside = Path(f"{address.path}.live-{FOLD_VERSION}.db")
    if named is None:
        return beside
    return named / beside.name if named.is_dir() else named


def read_store(store: Store, log: Log, policies: Sequence[Policy]) -> FiguresAtCut:
    """The figures of a read model, summed over the partitions.

    The cut is that of one moment: what the worker commits meanwhile is not seen.

    Raises:
        ConfigurationError: If a policy is not kept live.
        StoreError: If the read model is of another log or another version of the fold.
    """
    # In one snapshot with the states, so that a policy still being computed is not yet known.
    with store.snapshot():
        states = load_states(store, log)
        metadata = store.metadata()
    policies_by_partition = (
        frozenset(orjson.loads(metadata.get(f"policies:{partition}", "[]")))
        for partition in range(log.partitions)
    )
    live_policies = frozenset[str].intersection(*policies_by_partition)
    partials = [
        Partial(
            partition,
            state.identity,
            state.next_offset,
            state.latest_recorded_at,
            state.records,
            {policy: state.figures(policy) for policy in live_policies},
        )
        for partition, state in enumerate(states)
    ]
    return merge_partials(str(store.path), partials, policies, None)


def load_states(store: Store, log: Log) -> list[PartitionState]:
    """The state of every partition of a log.

    Raises:
        NoFiguresError: If a worker has not opened every partition yet.
        StoreError: If the read model is of another log or another version of the fold.
    """
    metadata = store.metadata()
    partitions = range(log.partitions)
    version = metadata.get("fold")
    if version is None:
        raise _not_yet(store)
    if version != FOLD_VERSION:
        raise StoreError(
            f"{store.path} is of another version of the fold, {version}, not {FOLD_VERSION};"
            " `outcomes worker` folds the log again"
        )
    states = [store.load(partition) for partition in partitions]
    difference = _difference(metadata, log, states)
    if difference is not None:
        raise StoreError(
            f"{store.path} was folded from another log: {difference}; `outcomes worker` folds it"
            " again"
        )
    if not all(f"policies:{partition}" in metadata for partition in partitions):
        raise _not_yet(store)
    return states


def _not_yet(store: Store) -> NoFiguresError:
    return NoFiguresError(f"no figures at {store.path} yet; a worker has just created it")


def _difference(metadata: dict[str, str], log: Log, states: Sequence[PartitionState]) -> str | None:
    partitions = metadata.get("partitions", str(log.partitions))
    if partitions != str(log.partitions):
        return f"it had {pluralise(int(partitions), 'partition')}, not {log.partitions:,}"
    cut = {partition: state.next_offset for partition, state in enumerate(states)}
    identities = PrefixIdentities(log).read(cut)
    differences = (
        describe_difference(partition, cut[partition], state.identity, identities[partition])
        for partition, state in enumerate(states)
    )
    return next(filter(None, differences), None)
