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
    from ledger.log import Location, Log

__all__ = ["dead_letters_app"]

dead_letters_app = command_group("Quarantined records as work: list them, show one, repair it.")

_EXCERPT = 60
_EVENT_BYTES_MAX = 65_536

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
    from ledger.audit.dead_letters import dead_letter_at, parse_pointer, readable_members, repairs
    from ledger.log import open_log
    from schemas.faults import faults
    from schemas.moments import utc_text
    from schemas.text import excerpt

    place = parse_pointer(letter)
    with closing(open_log(log_address(log))) as opened:
        record, rule = dead_letter_at(opened, place)
        end = opened.end()
        with terminal.progress("looking for a repair", sum(end.values())) as advance:
            repaired = repairs(opened, end, advance).get(place)
    row: dict[str, Any] = {
        "schema": "ledger/dead-letter/v1",
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": utc_text(record.recorded_at),
        "rule": rule,
        "faults": [fault._asdict() for fault in faults(record, opened.partitions)],
        **readable_members(record.value),
        "key": None if record.key is None else excerpt(record.key, _EVENT_BYTES_MAX),
        "value": None if record.value is None else excerpt(record.value, _EVENT_BYTES_MAX),
        "repaired_by": repaired,
    }
    if json:
        terminal.print_json(row)
        return
    for fault in row.pop("faults"):
        terminal.line(f"{fault['rule']} at {fault['pointer'] or 'the record'}: {fault['reason']}")
    event = row.pop("repaired_by")
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
    from ledger.audit.sorted_rows import SortedRows
    from ledger.log import open_log

    if every == (letter is not None):
        raise UsageError("name one dead letter, or --rule R --all for every open one of a rule")
    address = log_address(log)
    open_log(address).close()  # A log that is not there has no letters, and is not created.
    with closing(open_log(address, create=True)) as opened:
        if letter is not None:
            corrected = None if file is None else _read(file)
            places = [parse_pointer(letter)]
            _refuse_repaired(opened, places[0])
        else:
            corrected = None
            with SortedRows() as rows:
                places = list(_open_places(opened, rows, rule))
        _repair(opened, places, corrected, dry_run=dry_run, json=json)


def _refuse_repaired(log: Log, place: Location) -> None:
    from ledger.audit.dead_letters import repairs

    event = repairs(log, log.end()).get(place)
    if event is not None:
        raise UsageError(
            f"{place.partition}:{place.offset} is repaired already, by"
            f" {event['partition']}:{event['offset']}"
        )


def _repair(
    log: Log, places: Sequence[Location], corrected: bytes | None, *, dry_run: bool, json: bool
) -> None:
    from outcomes.ingest.resubmitting import corrected_record, resubmit

    repaired = list[dict[str, Any]]()
    with terminal.progress("resubmitting", len(places)) as advance:
        for number, place in enumerate(places, 1):
            record = corrected_record(log, place, corrected)
            row: dict[str, Any] = {"letter": f"{place.partition}:{place.offset}"}
            if not dry_run:
                event = resubmit(log, record, place).event
                row["event"] = f"{event.partition}:{event.offset}"
            repaired.append(row)
            advance(number)
    if json:
        schema = "ledger/resubmissions/v1"
        terminal.print_json({"schema": schema, "dry_run": dry_run, "resubmissions": repaired})
        return
    for row in repaired:
        terminal.line(f"{row['letter']} {'would be repaired' if dry_run else row['event']}")
    terminal.line(f"{pluralise(len(repaired), 'dead letter')}{'' if dry_run else ' repaired'}")


def _open_places(log: Log, rows: Any, rules: Sequence[str] | None) -> Iterator[Location]:  # noqa: ANN401
    from ledger.log import Location
    from outcomes.ingest.resubmitting import UNCHANGED_RULES

    for name in rules or [""]:
        if name not in UNCHANGED_RULES:
            raise UsageError(
                f"--all is for --rule {' and '.join(UNCHANGED_RULES)}, where the event itself is"
                " right; correct the others one by one"
            )
    for row in _letters(log, rows, rules, is_repaired=False):
        yield Location(row["partition"], row["offset"])


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
            yield f"    at {fault['pointer'] or 'the record'}: {fault['reason']}"
        if row["repaired_by"] is not None:
            event = row["repaired_by"]
            yield f"    repaired by {event['partition']}:{event['offset']}"
        elif row["value"]:
            yield f"    {row['value'][:_EXCERPT]}{'…' if len(row['value']) > _EXCERPT else ''}"
    yield f"{pluralise(count, 'dead letter')} {'repaired' if is_repaired else 'open'}"


def _read(file: str) -> bytes:
    """The corrected event, without the line end of an editor."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}") from error
    return data.strip(b" \t\r\n")
