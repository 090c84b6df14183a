"""`outcomes worker` and `outcomes live`: figures that follow the log (SPEC section 6)."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import terminal
from ledger.cli_options import JsonOption, LogOption, PolicyOption, log_url
from ledger.narration import narrator
from ledger.settings import load_settings

__all__ = ["live", "worker"]

StateOption = Annotated[
    str | None, typer.Option("--state", metavar="FILE", help="The read model; beside the log.")
]
_WATCH_SECONDS = 1.0


def worker(
    log: LogOption = None,
    state: StateOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="ID|FILE", help="To keep live; all built-in ones."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Fold what is there, then end.")] = False,
) -> None:
    """Follow the log and keep the figures of every year current, until told to stop."""
    from ledger.live import state_path
    from ledger.log import open_log
    from ledger.policies import find_policy
    from processors.fold import FOLD_VERSION, LiveFold
    from processors.follower import Follower
    from projections.policy import built_in_policies
    from projections.store import Store

    url = log_url(log)
    policies = [find_policy(name) for name in policy or built_in_policies()]
    if url.startswith("kafka:"):
        from processors.kafka_worker import app_of, run_worker

        run_worker(app_of(url, Path(state) if state else None, policies))
    opened = open_log(url)
    store = Store(state_path(url, state, FOLD_VERSION))
    store.lock()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    fold = LiveFold(store, policies, log_name=opened.name, partitions=opened.partitions)
    follower = Follower(opened, fold)
    narrator().info("worker.started", log=url, state=str(store.path), policies=len(policies))
    for read in follower.run(stop, once=once):
        narrator().info("batch.folded", records=read)
    narrator().info("worker.stopped")
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
    from ledger.lag import lags
    from ledger.live import live_figures, state_path
    from ledger.log import open_log
    from ledger.policies import find_policy
    from ledger.report import build_report, report_bytes
    from ledger.report.render import lag_table, report_page
    from processors.fold import FOLD_VERSION
    from projections.store import Store

    url = log_url(log)
    chosen = find_policy(policy or load_settings().policy)
    opened = open_log(url)
    store = Store(state_path(url, state, FOLD_VERSION), read_only=True)
    shown: dict[str, Any] | None = None
    while True:
        figures = live_figures(store, opened, [chosen])
        made = build_report(figures, log_name=opened.name, policy=chosen, year=year)
        behind = list(lags(opened, figures.cut))
        if made != shown:
            shown = made
            if json:
                partitions = [lag._asdict() for lag in behind]
                terminal.write(report_bytes({**made, "live": {"partitions": partitions}}))
            else:
                terminal.pages(report_page(made), lag_table(behind))
        if not watch:
            return
        time.sleep(_WATCH_SECONDS)
