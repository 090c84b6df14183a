"""Live figures: what the workers hold right now, in the shape that a replay gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

from ledger.errors import ConfigurationError, StoreError
from ledger.log import Log, LogAddress, TopicAddress, open_log
from ledger.log.identity import identity_of
from ledger.replay import FiguresAtCut
from processors.live_fold import FOLD_VERSION, group_of
from processors.partials import Partial, PartialsRead
from processors.read_model.store import Store
from projections.figures import Figures, RecordCounts
from projections.policy import Policy

__all__ = ["LiveReader", "added", "live_figures", "live_reader", "state_path", "workers_of"]

LiveReader = Callable[[Sequence[Policy], int], FiguresAtCut]
"""Reads the figures of some policies, for a report of one year."""


def state_path(address: LogAddress, flag: str | None, fold_version: str) -> Path:
    """The read model's file: the one named, or beside the embedded log.

    It belongs to one version of the fold; a newer one builds its own beside it.
    """
    if flag is not None:
        return Path(flag)
    assert not isinstance(address, TopicAddress), "a worker on Kafka names its own file"
    return Path(f"{address.path}.live-{fold_version}.db")


def live_reader(address: LogAddress, log: Log, state: str | None) -> LiveReader:
    """What reads the live figures of a log: the read model beside it, or the topic of its workers.

    Raises:
        StoreError: If there are none.
    """
    if isinstance(address, TopicAddress):
        place = address.partials
        partials = PartialsRead(open_log(place), log.partitions)

        def published(policies: Sequence[Policy], year: int) -> FiguresAtCut:
            partials.refresh()
            return added(str(place), identity_of(log), partials.latest(), policies, year)

        return published
    store = Store(state_path(address, state, FOLD_VERSION), read_only=True)
    return lambda policies, _: live_figures(store, log, policies)


def workers_of(address: LogAddress) -> dict[int, str]:
    """Partition → the worker that has it, on a Kafka log.

    Raises:
        StoreError: If the brokers do not say.
    """
    if not isinstance(address, TopicAddress):
        return {}
    from ledger.log.kafka.client import link_to  # noqa: PLC0415 - aiokafka is not for all
    from ledger.log.kafka.group import owners  # noqa: PLC0415

    return owners(link_to(address), group_of(address.topic))


def live_figures(store: Store, log: Log, policies: Sequence[Policy]) -> FiguresAtCut:
    """The figures of a read model, added up over the partitions.

    The cut is that of one moment: what the worker commits meanwhile is not seen.

    Raises:
        ConfigurationError: If a policy is not kept live.
        StoreError: If the read model is of another log.
    """
    # Together with the states, so that no policy is taken for one that is still being computed.
    with store.snapshot():
        states = [store.load(partition) for partition in range(log.partitions)]
        about = store.about()
    kept = (about.get(f"policies:{partition}", "[]") for partition in range(log.partitions))
    known = frozenset[str].intersection(*(frozenset(orjson.loads(one)) for one in kept))
    partials = [
        Partial(
            partition,
            state.first_record,
            state.next_offset,
            state.latest_recorded_at,
            state.records,
            {sha256: state.figures(sha256) for sha256 in known},
        )
        for partition, state in enumerate(states)
    ]
    return added(str(store.path), identity_of(log), partials, policies, None)


def added(
    where: str,
    identity: Mapping[int, str],
    partials: Sequence[Partial],
    policies: Sequence[Policy],
    year: int | None,
) -> FiguresAtCut:
    """Partials of all partitions as one: figures add up.

    Args:
        where: Their place, for a person.
        identity: Of the log that they must be of.
        partials: One a partition.
        policies: Those wanted.
        year: The one wanted; None where all are held.

    Raises:
        ConfigurationError: If a policy or the year is not kept live.
        StoreError: If a partial is of another log.
    """
    figures = {policy.sha256: Figures() for policy in policies}
    counts = RecordCounts()
    for one in partials:
        if one.first_record not in (None, identity.get(one.partition)):
            raise StoreError(
                f"{where} is of another log: the first record of partition {one.partition} is not"
                " the same; the log was made anew, and so must the figures be"
            )
        if year is not None and year not in one.years:
            raise ConfigurationError(
                f"{year} is not kept live in {where}, {min(one.years)} to {max(one.years)} are; use"
                " `outcomes report`, which replays any year, or set OUTCOMES_LIVE_YEARS"
            )
        for policy in policies:
            if policy.sha256 not in one.figures:
                raise ConfigurationError(
                    f"policy {policy.id} is not kept live in {where}; start the worker with it, or"
                    " use `outcomes report`, which replays under any policy"
                )
            figures[policy.sha256].merge(one.figures[policy.sha256])
        counts.add(one.records)
    latest = [one.latest_recorded_at for one in partials if one.latest_recorded_at is not None]
    cut = {one.partition: one.next_offset for one in partials}
    return FiguresAtCut(cut, counts, figures, max(latest, default=None))
