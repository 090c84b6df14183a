"""`outcomes validate` and `outcomes append`: events from JSON lines (SPEC section 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import diagnostics_are_json, inform, logger
from ledger.errors import BadInputError, LedgerError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from outcomes.ingest.appending import Appended
    from outcomes.ingest.judging import LineFinding
    from outcomes.ingest.validating import Listing, Validation

__all__ = ["append", "validate"]

FilesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="JSON lines or an array of events, also packed by gzip; - is standard input.",
    ),
]


def validate(
    files: FilesArgument,
    max_faults: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="List so many faults, and so many warnings; 0 for all."
        ),
    ] = 100,
    json: JsonOption = False,
) -> None:
    """Check events as if recorded now: one line per fault; exit 65 if there is any."""
    from outcomes.ingest.validating import validate_inputs

    on_fault, on_warning = (_ignore, _ignore) if json else (_print_fault, _print_warning)
    checked = validate_inputs(files, max_faults, on_fault=on_fault, on_warning=on_warning)
    if json:
        terminal.print_json(_validation_as_json(checked))
    _inform_of_rest(checked.faults, "fault")
    _inform_of_rest(checked.warnings, "warning")
    inform(_summary(checked))
    if checked.faults.total:
        raise typer.Exit(BadInputError.exit_code)


def _validation_as_json(checked: Validation) -> dict[str, object]:
    return {
        "schema": "ledger/validation/v1",
        "lines": sum(file.entries for file in checked.files),
        "faults": [fault.as_json() for fault in checked.faults.listed],
        "warnings": [warning.as_json() for warning in checked.warnings.listed],
        "faults_by_rule": dict(checked.faults.entries),
        "warnings_by_rule": dict(checked.warnings.entries),
        "files": [
            {
                "file": one_line(file.name),
                "unit": file.noun,
                "entries": file.entries,
                "at_fault": file.at_fault,
            }
            for file in checked.files
        ],
    }


def _inform_of_rest(listing: Listing, noun: str) -> None:
    rest = listing.total - len(listing.listed)
    if rest:
        inform(f"{pluralise(rest, f'more {noun}')}; --max-faults 0 lists all")


def _summary(checked: Validation) -> str:
    nouns = {file.noun for file in checked.files}
    entries = sum(file.entries for file in checked.files)
    counted = pluralise(entries, nouns.pop() if len(nouns) == 1 else "event")
    files = f" of {pluralise(len(checked.files), 'file')}" if len(checked.files) > 1 else ""
    at_fault = sum(file.at_fault for file in checked.files)
    warnings = pluralise(checked.warnings.total, "warning")
    return (
        f"{counted}{files}, {f'{at_fault:,}' if at_fault else 'none'} at fault"
        f"{_by_rule(checked.faults)}, {warnings}{_by_rule(checked.warnings)}"
    )


def _by_rule(listing: Listing) -> str:
    counts = (f"{rule} {count:,}" for rule, count in listing.entries.most_common())
    return f" ({', '.join(counts)})" if listing.entries else ""


def append(
    files: FilesArgument,
    log: LogOption = None,
    records: Annotated[
        bool,
        typer.Option("--records", help="Append records of `outcomes tail --jsonl`, unchecked."),
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Append what has no fault, instead of nothing.")
    ] = False,
    batch: Annotated[
        int, typer.Option(min=1, metavar="N", help="Lines or items in a batch of standard input.")
    ] = 10_000,
    json: JsonOption = False,
) -> None:
    """Append events: files whole or not at all, standard input batch by batch."""
    from ledger.log import format_cut
    from outcomes.ingest.appending import AppendOptions, Callbacks, append_inputs
    from outcomes.ingest.judging import EVENTS, RECORDS

    options = AppendOptions(RECORDS if records else EVENTS, skip_invalid, batch)
    on_failure = _print_failure if json else _ignore
    progress = partial(terminal.progress, "appending", None)
    callbacks = Callbacks(_report_fault, on_failure, progress)
    done = append_inputs(files, log_address(log), options, callbacks)
    if json:
        terminal.print_json(_appended_as_json(done))
        return
    _warn(done)
    assert done.end is not None
    acknowledged = f"{pluralise(done.acknowledged, 'record')} acknowledged"
    skipped = f", {pluralise(done.skipped, done.noun)} skipped" if done.skipped else ""
    terminal.line(f"{acknowledged}{skipped}; end {format_cut(done.end)}")


def _warn(done: Appended) -> None:
    if done.conflicts:
        inform(
            f"a warning: {pluralise(done.conflicts, done.noun)} in conflict with earlier records of"
            " the same source and id; the first counts, see `outcomes findings`"
        )
    if done.warnings:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in sorted(done.warnings.items()))
        inform(
            f"a warning: some {done.noun}s look as if they name a person ({rules}); a log forgets"
            " nothing, `outcomes validate` says where"
        )


def _appended_as_json(done: Appended) -> dict[str, object]:
    end = None if done.end is None else {str(number): end for number, end in done.end.items()}
    return {
        "acknowledged": done.acknowledged,
        "skipped": done.skipped,
        "end": end,
        "warnings_by_rule": dict(done.warnings),
        "conflicts": done.conflicts,
    }


def _print_failure(done: Appended, error: LedgerError) -> None:
    terminal.print_json({**_appended_as_json(done), "error": str(error)})


def _ignore(*_: object) -> None:
    """What is printed together at the end, or not at all."""


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
    file = f"{fault.file}, " if fault.file else ""
    return one_line(f"{file}{fault.noun} {fault.number}: {rule}{place}: {reason}")
