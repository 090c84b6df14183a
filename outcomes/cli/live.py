"""`outcomes worker` and `outcomes live`: figures that follow the log (SPEC section 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Follow the log and keep the figures of every year current, until stopped."""
    from ledger.policies import live_policies
    from processors.worker import run_worker

    policies = live_policies(policy or ())
    address = log_address(log)
    code = run_worker(address, policies, state=state, once=once, processes=processes)
    raise typer.Exit(code)


def live(
    year: Annotated[int, typer.Option(min=1900, max=2199, metavar="Y", help="The reference year.")],
    log: LogOption = None,
    policy: PolicyOption = None,
    state: StateOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print again whenever figures or the lag change.")
    ] = False,
    brief: BriefOption = False,
    json: JsonOption = False,
) -> None:
    """The figures that workers keep: like report, seconds old, with the lag behind the log."""
    from ledger.policies import chosen_policy
    from ledger.report import encode_report
    from ledger.report.page import report_page
    from outcomes.console.lag_table import brief_live_page, lag_table
    from processors.live_figures import open_live_figures
    from processors.live_report import watch as follow

    refuse_brief_json(brief=brief, json=json)
    chosen = chosen_policy(policy)
    previous: object = None
    with open_live_figures(log_address(log), state, patient=watch) as figures:
        reports = follow(figures, chosen, year) if watch else [figures.read(chosen, year)]
        for report, lag in reports:
            if json:
                members = {"partitions": [partition._asdict() for partition in lag]}
                terminal.write(encode_report(report.model_copy(update={"live": members})))
            elif brief:
                apart = [] if previous is None else [""]
                terminal.pages(*apart, brief_live_page(report, lag))
            elif report == previous:
                terminal.pages(lag_table(lag))
            else:
                terminal.pages(report_page(report), lag_table(lag))
            previous = report
