"""`outcomes worker` and `outcomes live`: figures that follow the log (SPEC section 6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import UsageError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import (
    BriefOption,
    JsonOption,
    LogOption,
    PolicyOption,
    log_address,
    refuse_brief_json,
)
from outcomes.console import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.report import Report
    from processors.lag import Lag
    from processors.live_report import LiveFigures, LiveReport
    from projections.policy import Policy

__all__ = ["live", "worker"]

_PROCESSES_MAX = 256
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE|FOLDER",
        help="The read model (OUTCOMES_STATE; default: beside the log).",
    ),
]


def worker(
    log: LogOption = None,
    state: StateOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="ID|FILE",
            help="A policy to keep live; repeatable (OUTCOMES_LIVE_POLICIES; default: all).",
            autocompletion=candidates.policies,
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Fold what is there, then end; not on Kafka.")
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=_PROCESSES_MAX,
            metavar="N",
            help="Workers that share a Kafka log.",
        ),
    ] = 1,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="[HOST:]PORT",
            help="Serve metrics for Prometheus; on this machine alone unless a host is named.",
        ),
    ] = None,
) -> None:
    """Follow the log and keep the figures of every year current, until stopped.

    On an archive it folds what is sealed later, too; --once ends when all is folded.
    """
    from ledger.policies import live_policies
    from processors.worker import WorkerOptions, run_worker

    policies = live_policies(policy or ())
    address = log_address(log)
    code = run_worker(address, policies, WorkerOptions(state, once, processes, metrics))
    raise typer.Exit(code)


def live(
    year: Annotated[
        int | None,
        typer.Option(
            min=1900, max=2199, metavar="Y", help="The reference year; --max-lag needs none."
        ),
    ] = None,
    log: LogOption = None,
    policy: PolicyOption = None,
    state: StateOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print again whenever figures or the lag change.")
    ] = False,
    brief: BriefOption = False,
    max_lag: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="A check: exit 1 where a partition is further behind, or has no worker.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """The figures that workers keep: like report, seconds old, with the lag behind the log."""
    from ledger.log import ArchiveAddress
    from ledger.policies import chosen_policy
    from processors.live_figures import open_live_figures

    refuse_brief_json(brief=brief, json=json)
    if max_lag is not None and watch:
        raise UsageError("--max-lag looks once and --watch goes on; leave out one of them")
    chosen, address = chosen_policy(policy), log_address(log)
    with open_live_figures(address, state, patient=watch) as figures:
        if max_lag is not None:
            is_sealed = isinstance(address, ArchiveAddress)
            _check_lag(figures.status().lag, max_lag, is_sealed=is_sealed)
        elif year is None:
            raise UsageError("name the year with --year")
        elif watch:
            _watch(figures, chosen, year, brief=brief, json=json)
        else:
            _print(figures.read(chosen, year), brief=brief, json=json)


def _watch(figures: LiveFigures, policy: Policy, year: int, *, brief: bool, json: bool) -> None:
    from ledger.report import encode_line
    from outcomes.console.watching import is_terminal, was_resized, watch_on_screen
    from processors.live_report import watch as follow

    if is_terminal() and not json:
        watch_on_screen(follow(figures, policy, year, was_resized()), brief=brief)
        return
    previous: LiveReport | None = None
    for live in follow(figures, policy, year):
        if json:
            terminal.write(encode_line(_with_lag(live)))
        else:
            _print_change(previous, live, brief=brief)
        previous = live


def _print_change(previous: LiveReport | None, live: LiveReport, *, brief: bool) -> None:
    from outcomes.console.lag_table import lag_table

    if previous is not None and previous.report == live.report and not brief:
        terminal.pages(lag_table(live.lag))
        return
    if previous is not None and brief:
        terminal.line("")
    _print(live, brief=brief, json=False)


def _print(live: LiveReport, *, brief: bool, json: bool) -> None:
    from ledger.report import encode_report
    from ledger.report.page import report_page
    from outcomes.console.lag_table import brief_live_page, lag_table

    if json:
        terminal.write(encode_report(_with_lag(live)))
    elif brief:
        terminal.pages(brief_live_page(live))
    else:
        terminal.pages(report_page(live.report), lag_table(live.lag))


def _with_lag(live: LiveReport) -> Report:
    from processors.live_report import lag_members

    return live.report.model_copy(update={"live": lag_members(live.lag)})


def _check_lag(lags: Sequence[Lag], seconds_max: float, *, is_sealed: bool) -> None:
    """Say how the lag is, and exit with 1 where it is too much."""
    from processors.lag import unattended

    alone = unattended(lags, is_sealed=is_sealed)
    late = [lag for lag in lags if lag.records and lag.seconds > seconds_max]
    for lag in late:
        terminal.line(
            f"partition {lag.partition}: {pluralise(lag.records, 'record')} and"
            f" {lag.seconds:,.1f} s behind, over {seconds_max:g} s"
        )
    for partition in alone:
        terminal.line(f"partition {partition}: no worker; start `outcomes worker`")
    if late or alone:
        raise typer.Exit(1)
    furthest = max((lag.seconds for lag in lags if lag.records), default=0.0)
    terminal.line(f"{pluralise(len(lags), 'partition')}, {furthest:,.1f} s behind")
