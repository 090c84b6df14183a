"""`outcomes worker` and `outcomes live`: figures that follow the log (SPEC section 6)."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.diagnostics import logger
from ledger.errors import UsageError
from ledger.settings import load_settings
from outcomes.cli.options import JsonOption, LogOption, PolicyOption, log_address
from outcomes.console import terminal

__all__ = ["live", "worker"]

StateOption = Annotated[
    str | None, typer.Option("--state", metavar="FILE", help="The read model; beside the log.")
]
_WATCH_SECONDS = 0.2


def worker(
    log: LogOption = None,
    state: StateOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="ID|FILE", help="To keep live; several by repetition."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Fold what is there, then end.")] = False,
) -> None:
    """Follow the log and keep the figures of every year current, until told to stop."""
    from ledger.log import TopicAddress, open_log
    from ledger.policies import live_policies
    from processors.follower import Follower
    from processors.live_figures import state_path
    from processors.live_fold import FOLD_VERSION, LiveFold
    from processors.read_model.store import Store

    address = log_address(log)
    policies = live_policies(policy or ())
    if isinstance(address, TopicAddress):
        from processors.kafka.worker import run_worker

        if once:
            raise UsageError("--once is for a sqlite: log; workers on Kafka share the partitions")
        raise typer.Exit(run_worker(address, Path(state) if state else None, policies))
    opened = open_log(address)
    store = Store(state_path(address, state, FOLD_VERSION))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    fold = LiveFold(store, policies, log_name=opened.name, partitions=opened.partitions)
    follower = Follower(opened, fold)
    logger().info("worker.started", log=str(address), state=str(store.path), policies=len(policies))
    for read in follower.run(stop, once=once):
        logger().info("batch.folded", records=read)
    logger().info("worker.stopped")
    store.close()
    opened.close()


def live(
    year: Annotated[int, typer.Option(min=1900, max=2199, help="The reference year.")],
    log: LogOption = None,
    policy: PolicyOption = None,
    state: StateOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print anew what changes.")] = False,
    json: JsonOption = False,
) -> None:
    """The figures that the worker keeps: like report, seconds old, with how far it is behind."""
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.report import build_report, report_bytes
    from ledger.report.page import report_page
    from outcomes.console.lag_table import lag_table
    from processors.lag import lags
    from processors.live_figures import live_reader, workers_of

    address = log_address(log)
    chosen = find_policy(policy or load_settings().policy)
    opened = open_log(address)
    read = live_reader(address, opened, state)
    shown: dict[str, Any] | None = None
    while True:
        figures = read([chosen], year)
        made = build_report(figures, log_name=opened.name, policy=chosen, year=year)
        if made != shown:
            behind = list(lags(opened, figures.cut, workers_of(address)))
            shown = made
            if json:
                partitions = [lag._asdict() for lag in behind]
                terminal.write(report_bytes({**made, "live": {"partitions": partitions}}))
            else:
                terminal.pages(report_page(made), lag_table(behind))
        if not watch:
            return
        time.sleep(_WATCH_SECONDS)
