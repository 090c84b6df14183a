"""Live figures: what the follower's read model says now, as the report that a replay would give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.errors import ConfigurationError
from ledger.log import Log
from ledger.log.identity import first_record_hash
from ledger.replay import Replayed
from projections.figures import Figures, RecordCounts
from projections.policy import Policy
from projections.store import Store

__all__ = ["live_figures", "state_path"]


def state_path(log_url: str, flag: str | None, fold_version: str) -> Path:
    """Where the read model of a log lies: where a person says, or beside the log.

    The version of the fold is part of the name, so that an upgrade builds its own beside the old.
    """
    if flag:
        return Path(flag)
    path = log_url.removeprefix("sqlite:").partition("?")[0]
    return Path(f"{path}.live-{fold_version}.db")


def live_figures(store: Store, log: Log, policies: Sequence[Policy]) -> Replayed:
    """The figures of a read model, added up over the partitions.

    Returns:
        What a replay of the log to the folded offsets finds.

    Raises:
        ConfigurationError: If a policy is not kept live.
        StoreError: If the read model is of another log.
    """
    with store.snapshot():
        states = [store.load(partition) for partition in range(log.partitions)]
        about = store.about()
    for partition, state in enumerate(states):
        if state.first_record is not None:
            store.check_identity(partition, state, first_record_hash(log, partition))
    figures: dict[str, Figures] = {}
    for policy in policies:
        if not all(policy.sha256 in about.get(f"policies:{p}", "") for p in range(log.partitions)):
            raise ConfigurationError(
                f"policy {policy.id} is not kept live in {store.path}; start the worker with it, or"
                " use `outcomes report`, which replays under any policy"
            )
        figures[policy.sha256] = Figures()
        for state in states:
            figures[policy.sha256].merge(state.figures(policy.sha256))
    counts = RecordCounts()
    for state in states:
        counts.add(state.records)
    latest = [state.latest_recorded_at for state in states if state.latest_recorded_at is not None]
    cut = {partition: state.next_offset for partition, state in enumerate(states)}
    return Replayed(cut, counts, figures, max(latest, default=None))
