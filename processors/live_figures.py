"""Live figures: what the workers hold right now, as the report of a year with its lag."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from ledger.log import Log, LogAddress, TopicAddress, open_log
from ledger.log.identity import identity_of
from ledger.replay import FiguresAtCut
from ledger.report import Report, build_report
from processors.lag import Lag, measure_lag
from processors.live_fold import FOLD_VERSION
from processors.partials import Partial, merge_partials
from processors.read_model.store import Store
from projections.policy import Policy

__all__ = ["LiveFigures", "LiveReport", "open_live_figures", "read_store", "state_path"]

_WATCH_SECONDS = 0.2


class LiveReport(NamedTuple):
    """A report of live figures, and how far they are behind the log.

    Attributes:
        report: At the cut that the figures have reached.
        lag: Of every partition.
    """

    report: Report
    lag: Sequence[Lag]


class FiguresSource(Protocol):
    """Where live figures are read: a read model, or the topic that workers publish to."""

    def read(self, policies: Sequence[Policy], year: int) -> FiguresAtCut:
        """The figures of some policies, for a report of one year.

        Raises:
            ConfigurationError: If a policy or the year is not kept live.
            StoreError: If there are none yet, or they belong to another log.
        """

    def owners(self) -> Mapping[int, str]:
        """Partition → the worker that has it, where there is one.

        Raises:
            StoreError: If the brokers do not answer.
        """


class LiveFigures:
    """The live figures of one log, to be read once or again and again."""

    def __init__(self, log: Log, source: FiguresSource) -> None:
        self._log = log
        self._source = source

    def read(self, policy: Policy, year: int) -> LiveReport:
        """The figures of this moment.

        Raises:
            ConfigurationError: If the policy or the year is not kept live.
            StoreError: If there are none yet, or they belong to another log.
        """
        figures = self._source.read([policy], year)
        report = build_report(figures, log_name=self._log.name, policy=policy, year=year)
        return LiveReport(report, measure_lag(self._log, figures.cut, self._source.owners()))

    def watch(self, policy: Policy, year: int) -> Iterator[LiveReport]:
        """The figures of this moment, and again whenever they have changed; never ends.

        Raises:
            ConfigurationError: As `read` does.
            StoreError: As `read` does.
        """
        previous: Report | None = None
        while True:
            figures = self._source.read([policy], year)
            report = build_report(figures, log_name=self._log.name, policy=policy, year=year)
            if report != previous:
                previous = report
                owners = self._source.owners()
                yield LiveReport(report, measure_lag(self._log, figures.cut, owners))
            time.sleep(_WATCH_SECONDS)


@contextmanager
def open_live_figures(address: LogAddress, state: Path | None = None) -> Iterator[LiveFigures]:
    """Open the live figures of a log.

    Args:
        address: Of the log.
        state: The read model of an embedded log; beside the log where None.

    Raises:
        StoreError: If the log or its figures cannot be opened.
    """
    with ExitStack() as resources:
        log = resources.enter_context(closing(open_log(address)))
        source: FiguresSource
        if isinstance(address, TopicAddress):
            from processors.kafka.published import PublishedFigures  # noqa: PLC0415 - see open_log

            published = PublishedFigures(address, log)
            source = resources.enter_context(closing(published))
        else:
            store = Store(state_path(address, state), read_only=True)
            source = _StoredFigures(resources.enter_context(closing(store)), log)
        yield LiveFigures(log, source)


def state_path(address: LogAddress, state: Path | None) -> Path:
    """The read model's file: the one named, or one beside the embedded log.

    It belongs to one version of the fold; a newer one builds its own beside it.
    """
    if state is not None:
        return state
    assert not isinstance(address, TopicAddress), "a worker on Kafka names its own file"
    return Path(f"{address.path}.live-{FOLD_VERSION}.db")


class _StoredFigures:
    """The figures in the read model of an embedded log, where one worker has all partitions."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log

    def read(self, policies: Sequence[Policy], year: int) -> FiguresAtCut:
        """See `FiguresSource`; a read model holds every year."""
        del year
        return read_store(self._store, self._log, policies)

    def owners(self) -> Mapping[int, str]:
        """See `FiguresSource`."""
        return {}


def read_store(store: Store, log: Log, policies: Sequence[Policy]) -> FiguresAtCut:
    """The figures of a read model, summed over the partitions.

    The cut is that of one moment: what the worker commits meanwhile is not seen.

    Raises:
        ConfigurationError: If a policy is not kept live.
        StoreError: If the read model belongs to another log.
    """
    # In one snapshot with the states, so that a policy still being computed is not yet known.
    with store.snapshot():
        states = [store.load(partition) for partition in range(log.partitions)]
        metadata = store.metadata()
    policies_by_partition = (
        frozenset(orjson.loads(metadata.get(f"policies:{partition}", "[]")))
        for partition in range(log.partitions)
    )
    live_policies = frozenset[str].intersection(*policies_by_partition)
    partials = [
        Partial(
            partition,
            state.first_record,
            state.next_offset,
            state.latest_recorded_at,
            state.records,
            {sha256: state.figures(sha256) for sha256 in live_policies},
        )
        for partition, state in enumerate(states)
    ]
    return merge_partials(str(store.path), identity_of(log), partials, policies, None)
