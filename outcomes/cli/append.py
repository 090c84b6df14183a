"""`outcomes validate` and `outcomes append`: events from JSON lines (SPEC section 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import diagnostics_are_json, inform, logger
from ledger.errors import BadInputError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from outcomes.ingest.judging import LineFinding

__all__ = ["append", "validate"]

FileArgument = Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - is stdin.")]


def validate(file: FileArgument, json: JsonOption = False) -> None:
    """Check events as if recorded now: one line per fault; exit 65 if there is any."""
    from outcomes.ingest.validating import validate_input

    on_fault, on_warning = (_ignore, _ignore) if json else (_print_fault, _print_warning)
    checked = validate_input(file, on_fault=on_fault, on_warning=on_warning)
    if json:
        terminal.print_json(
            {
                "schema": "ledger/validation/v1",
                "lines": checked.lines,
                "faults": [fault.as_json() for fault in checked.faults],
                "warnings": [warning.as_json() for warning in checked.warnings],
            }
        )
    lines, warnings = pluralise(checked.lines, "line"), pluralise(len(checked.warnings), "warning")
    at_fault = len({fault.number for fault in checked.faults})
    inform(f"{lines}, {at_fault or 'none'} at fault, {warnings}")
    if checked.faults:
        raise typer.Exit(BadInputError.exit_code)


def append(
    file: FileArgument,
    log: LogOption = None,
    records: Annotated[
        bool, typer.Option("--records", help="Lines are records of tail --jsonl; unchecked.")
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Append the lines without a fault.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Lines per batch of stdin.")] = 10_000,
    json: JsonOption = False,
) -> None:
    """Append events: a file whole or not at all, standard input batch by batch."""
    from ledger.log import format_cut
    from outcomes.ingest.appending import AppendOptions, append_input
    from outcomes.ingest.judging import EVENTS, RECORDS

    options = AppendOptions(RECORDS if records else EVENTS, skip_invalid, batch)
    progress = partial(terminal.progress, "appending", None)
    done = append_input(file, log_address(log), options, on_fault=_report_fault, progress=progress)
    if json:
        end = {str(partition): offset for partition, offset in done.end.items()}
        members = {"acknowledged": done.acknowledged, "skipped": done.skipped, "end": end}
        terminal.print_json(members)
        return
    acknowledged = f"{pluralise(done.acknowledged, 'record')} acknowledged"
    skipped = f", {pluralise(done.skipped, 'line')} skipped" if done.skipped else ""
    terminal.line(f"{acknowledged}{skipped}; end {format_cut(done.end)}")


def _ignore(fault: LineFinding) -> None:
    """All faults are printed together, at the end."""


def _print_fault(fault: LineFinding) -> None:
    terminal.line(_fault_line(fault))


def _print_warning(warning: LineFinding) -> None:
    terminal.line(f"{_fault_line(warning)} (a warning: the event is accepted)")


def _report_fault(fault: LineFinding) -> None:
    if diagnostics_are_json():
        logger().warning("line.at_fault", **fault.as_json())
    else:
        inform(_fault_line(fault))


def _fault_line(fault: LineFinding) -> str:
    rule, pointer, reason = fault.finding
    place = f" at {pointer}" if pointer else ""
    return one_line(f"line {fault.number}: {rule}{place}: {reason}")
