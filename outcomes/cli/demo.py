"""`outcomes demo` and `outcomes generate`: the synthetic school."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from outcomes.console import terminal

__all__ = ["DEMO_LOG", "demo", "generate"]

DEMO_LOG = Path("demo") / "demo-ledger.db"
"""Where the demo keeps its log when it is given no folder."""

_STUDENTS_MAX = 100_000_000
_WRITE_BYTES = 262_144


def demo(
    students: Annotated[
        int, typer.Option(min=1, max=_STUDENTS_MAX, metavar="N", help="How many people.")
    ] = 5_000,
    seed: Annotated[
        int, typer.Option(metavar="S", help="The same seed gives the same history.")
    ] = 2022,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the log and the reports are put.")
    ] = Path("demo"),
) -> None:
    """The whole story: generate, append, report 2022 as known on 31 March 2023 and now, compare."""
    from ledger.policies import chosen_policy
    from ledger.report.page import movement_table, report_page
    from outcomes.demo import run_demo

    policy = chosen_policy(None)
    done = run_demo(students, seed, out, policy, lambda step: inform(f"… {step}"))
    terminal.pages(report_page(done.now), movement_table(done.then, done.now, "31 March 2023"))
    # Another name than that of `make demo`, whose publication is there already.
    publication = shlex.quote(str(out / "own-publication"))
    program = "outcomes" if shutil.which("outcomes") else shlex.quote(sys.argv[0])
    for text in (
        "",
        f"{done.log_file}: the log, {done.acknowledged.records:,} records",
        f"{done.then_file}: the report as known on 31 March 2023",
        f"{done.now_file}: the report as known now",
        f"Replayed twice: {'the same' if done.replays_agree else 'DIFFERENT'} bytes.",
        "",
        "To go on with this log:",
        f"export OUTCOMES_LOG={shlex.quote(f'sqlite:{done.log_file}')}",
        f"{program} report --year 2023 --policy openclassrooms-2023",
        f"{program} verify {shlex.quote(str(done.now_file))}",
        f"{program} publish {shlex.quote(str(done.now_file))} --out {publication}",
        f"{program} doctor",
    ):
        terminal.line(text)
    if not done.replays_agree:
        raise typer.Exit(1)


def generate(
    students: Annotated[
        int, typer.Option(min=1, max=_STUDENTS_MAX, metavar="N", help="How many people.")
    ],
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same bytes.")],
    first: Annotated[
        int, typer.Option("--from", metavar="Y", help="The first year with complete figures.")
    ] = 2021,
    last: Annotated[
        int, typer.Option("--to", metavar="Y", help="The last year with complete figures.")
    ] = 2023,
    records: Annotated[
        bool, typer.Option("--records", help="Print records as `outcomes tail --jsonl` does.")
    ] = False,
) -> None:
    """A synthetic history as JSON lines: realistic rates, duplicates, late and corrected facts."""
    from outcomes.synthetic import event_lines, record_lines
    from outcomes.synthetic import generate as generate_history

    try:
        history = generate_history(students, seed, first_year=first, last_year=last)
    except ValueError as error:
        raise UsageError(f"generate: {error}") from error
    pending = bytearray()
    for line in record_lines(history) if records else event_lines(history):
        pending += line
        if len(pending) > _WRITE_BYTES:
            terminal.write(bytes(pending))
            pending.clear()
    terminal.write(bytes(pending))
