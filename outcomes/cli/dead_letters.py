"""`outcomes dead-letters`: quarantined records as work, and their repair (SPEC section 6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import BadInputError, UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, command_group, log_address
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.log import Log

__all__ = ["dead_letters_app"]

dead_letters_app = command_group("Quarantined records as work: list them, show one, repair it.")

_EXCERPT = 60

RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", metavar="R", help="A rule of admission; repeatable.")
]


@dead_letters_app.command("list")
def list_letters(
    rule: RuleOption = None,
    repaired: Annotated[
        bool, typer.Option("--repaired", help="Those with an event that repairs them.")
    ] = False,
    log: LogOption = None,
    json: JsonOption = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One letter a line.")] = False,
) -> None:
    """The open dead letters, by rule, then in log order."""
    from ledger.audit.sorted_rows import SortedRows
    from ledger.log import open_log
    from outcomes.console.tables import print_document, print_lines

    with closing(open_log(log_address(log))) as opened, SortedRows() as rows:
        letters = _letters(opened, rows, rule, is_repaired=repaired)
        if jsonl:
            print_lines(letters)
        elif json:
            print_document({"schema": "ledger/dead-letters/v1"}, {"dead_letters": letters})
        else:
            terminal.lines(_page(letters, is_repaired=repaired))


@dead_letters_app.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET")],
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """One dead letter: what is wrong where, its source, and its bytes shown safely."""
    from ledger.audit.dead_letters import letter_row, parse_pointer, repaired_by
    from ledger.log import open_log
    from ledger.repairs import Repairs

    place, repairs = parse_pointer(letter), Repairs()
    with closing(open_log(log_address(log))) as opened:
        row = letter_row(opened, place)
        end = opened.end()
        with terminal.progress("looking for a repair", sum(end.values())) as advance:
            repairs.read_on(opened, end, progress=advance)
    row["repaired_by"] = repaired_by(repairs, place)
    if json:
        terminal.print_json(row)
        return
    event = row.pop("repaired_by")
    for fault in row.pop("faults"):
        terminal.line(f"{row['rule']}{_place_and_reason(fault)}")
    for name, value in row.items():
        if name != "schema" and value is not None:
            terminal.line(f"{name}: {value}")
    if event is not None:
        terminal.line(f"repaired by {event['partition']}:{event['offset']}")


@dead_letters_app.command("resubmit")
def resubmit_letters(
    letter: Annotated[str | None, typer.Argument(metavar="PARTITION:OFFSET")] = None,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="The corrected event, JSON.")
    ] = None,
    rule: RuleOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="All open letters of a rule that asks for no change.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be appended.")] = False,
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """Append the corrected event of a dead letter; it says which letter it repairs."""
    from ledger.audit.dead_letters import parse_pointer
    from ledger.log import open_log
    from ledger.repairs import Repairs
    from outcomes.ingest.resubmitting import (
        Correction,
        corrected_record,
        corrections,
        open_places,
        refuse_repaired,
        repair,
        repair_rows,
    )

    if every == (letter is not None):
        raise UsageError("name one dead letter, or --rule R --all for every open one of a rule")
    address = log_address(log)
    open_log(address).close()  # A log that is not there has no letters, and is not created.
    with closing(open_log(address, create=True)) as opened:
        if letter is not None:
            place = parse_pointer(letter)
            refuse_repaired(opened, place, Repairs())
            record = corrected_record(opened, place, None if file is None else _read(file))
            fixes = [Correction(place, record)]
        else:
            with terminal.progress("reading", sum(opened.end().values())) as advance:
                places = open_places(opened, rule or (), advance)
            fixes = list(corrections(opened, places))
        if dry_run:
            rows = repair_rows(fixes)
        else:
            with terminal.progress("resubmitting", len(fixes)) as advance:
                rows = repair(opened, fixes, progress=advance)
    if json:
        schema = "ledger/resubmissions/v1"
        terminal.print_json({"schema": schema, "dry_run": dry_run, "resubmissions": rows})
    else:
        terminal.lines(_repair_lines(rows, dry_run=dry_run))
    if any("fault" in row for row in rows):
        raise typer.Exit(BadInputError.exit_code)


def _repair_lines(rows: Sequence[Mapping[str, str]], *, dry_run: bool) -> Iterator[str]:
    left = 0
    for row in rows:
        left += "fault" in row
        yield f"{row['letter']} {row.get('event') or row.get('fault') or 'would be repaired'}"
    repaired = (
        f"{pluralise(len(rows) - left, 'dead letter')} {'would be ' if dry_run else ''}repaired"
    )
    yield f"{repaired}, {left:,} left" if left else repaired


def _letters(
    log: Log,
    rows: Any,  # noqa: ANN401 - a SortedRows
    rules: Sequence[str] | None,
    *,
    is_repaired: bool,
) -> Iterator[dict[str, Any]]:
    from ledger.audit.dead_letters import dead_letters
    from ledger.audit.findings import ADMISSION
    from schemas.reasons import suggestion

    for name in rules or ():
        if name not in ADMISSION:
            raise UsageError(f"--rule {name}: no such rule{suggestion(name, ADMISSION)}")
    cut = log.normalise(log.end())
    chosen = [name for name in ADMISSION if not rules or name in rules]
    with terminal.progress("reading", sum(cut.values())) as advance:
        for row in dead_letters(log, cut, rows, rules=chosen, progress=advance):
            if (row["repaired_by"] is not None) == is_repaired:
                yield row


def _page(letters: Iterator[Mapping[str, Any]], *, is_repaired: bool) -> Iterator[str]:
    count = 0
    for row in letters:
        count += 1
        yield f"{row['partition']}:{row['offset']}  {row['recorded_at']}  {row['rule']}"
        for fault in row["faults"][:1]:
            yield f"    {_place_and_reason(fault).removeprefix(' ').removeprefix(': ')}"
        if row["repaired_by"] is not None:
            event = row["repaired_by"]
            yield f"    repaired by {event['partition']}:{event['offset']}"
        elif row["value"]:
            yield f"    {row['value'][:_EXCERPT]}{'…' if len(row['value']) > _EXCERPT else ''}"
    yield f"{pluralise(count, 'dead letter')} {'repaired' if is_repaired else 'open'}"


def _place_and_reason(fault: Mapping[str, str]) -> str:
    pointer = fault["pointer"]
    return f"{f' at {pointer}' if pointer else ''}: {fault['reason']}"


def _read(file: str) -> bytes:
    """The corrected event, without the line end of an editor."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}") from error
    return data.strip(b" \t\r\n")
