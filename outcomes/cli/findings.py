"""`outcomes findings`: what an auditor asks about (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import UsageError
from ledger.numbers import pluralise, thousands
from outcomes.cli import candidates
from outcomes.cli.options import (
    AsOfOption,
    CutOption,
    JsonOption,
    LogOption,
    chosen_cut,
    log_url,
)
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.audit.sorted_rows import Row, SortedRows
    from ledger.log import Cut, Log
    from ledger.repairs import Repairs

__all__ = ["findings"]

_EXAMPLES = 3
_EXAMPLES_OF_A_RULE = 20
_EXCERPT = 60


def findings(
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="R",
            help="A finding or a rule of admission; repeatable.",
            autocompletion=candidates.finding_rules,
        ),
    ] = None,
    log: LogOption = None,
    as_of: AsOfOption = None,
    cut: CutOption = None,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="So many of each rule, 0 for all.")
    ] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Numbers alone, no persons.")] = False,
    json: JsonOption = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="The rows alone, one a line.")] = False,
) -> None:
    """What an auditor asks about: findings with their events, and dead letters."""
    from ledger.audit.findings import ADMISSION, collect_findings
    from ledger.audit.sorted_rows import SortedRows
    from ledger.log import open_log
    from ledger.repairs import Repairs, count_letters
    from outcomes.console.tables import print_document, print_lines

    if jsonl and (counts or json):
        raise UsageError(f"--jsonl prints rows; leave out {'--counts' if counts else '--json'}")
    rules = _chosen_rules(rule)
    opened = open_log(log_url(log))
    end = chosen_cut(opened, cut, as_of)
    with SortedRows() as rows:
        with terminal.progress("reading", sum(end.values())) as advance:
            kept = None if counts else rows
            numbers = collect_findings(opened, end, rules=rules, rows=kept, progress=advance)
        letters = {name: numbers[name] for name in rules if numbers[name] and name in ADMISSION}
        repairs = Repairs()
        if letters:
            with terminal.progress("looking for repairs", sum(end.values())) as advance:
                repairs.read_on(opened, end, progress=advance)
        listed = _with_repairs(rows, repairs)
        repaired = count_letters(letters, repairs, end).repaired
        if jsonl:
            print_lines(_first(listed, limit))
        elif json:
            arrays = {} if counts else _arrays(rows, repairs, limit)
            print_document(_head(opened, end, rules, numbers) | {"repaired": repaired}, arrays)
        else:
            examples = _EXAMPLES_OF_A_RULE if rule else _EXAMPLES
            shown = examples if limit is None else limit
            summary = _summary_lines(numbers, repaired, rules)
            terminal.lines(chain(summary, _example_lines(listed, numbers, rules, shown)))


def _chosen_rules(names: Sequence[str] | None) -> list[str]:
    known = candidates.finding_rules("")
    for name in names or ():
        if name not in known:
            from schemas.reasons import suggestion

            raise UsageError(f"--rule {name}: no such rule{suggestion(name, known)}")
    return [name for name in known if not names or name in names]


def _head(log: Log, cut: Cut, rules: Sequence[str], numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "schema": "ledger/findings/v1",
        "log": {"name": log.name, "cut": {str(partition): cut[partition] for partition in cut}},
        "counts": {rule: numbers[rule] for rule in rules},
    }


def _first(rows: Iterable[Row], limit: int | None) -> Iterator[Row]:
    """The first rows of each rule; all without a limit, or for 0."""
    for _, of_rule in groupby(rows, key=itemgetter("rule")):
        yield from islice(of_rule, limit or None)


def _with_repairs(rows: Iterable[Row], repairs: Repairs) -> Iterator[Row]:
    """The rows; each dead letter with the event that has repaired it."""
    from ledger.audit.dead_letters import repaired_by
    from ledger.log import Location

    for row in rows:
        if "events" in row:
            yield row
        else:
            place = Location(row["partition"], row["offset"])
            yield {**row, "repaired_by": repaired_by(repairs, place)}


def _arrays(rows: SortedRows, repairs: Repairs, limit: int | None) -> dict[str, Iterator[Row]]:
    return {
        "findings": (row for row in _first(rows, limit) if "events" in row),
        "dead_letters": (
            row for row in _first(_with_repairs(rows, repairs), limit) if "events" not in row
        ),
    }


def _summary_lines(
    numbers: Mapping[str, int], repaired: Mapping[str, int], rules: Sequence[str]
) -> Iterator[str]:
    for rule in rules:
        if numbers[rule]:
            done = f", {thousands(repaired[rule])} of them repaired" if rule in repaired else ""
            yield f"{thousands(numbers[rule]):>8}  {rule}{done}"
    if not any(numbers.values()):
        yield "nothing to ask about" if len(rules) > 1 else f"no record for {rules[0]}"


def _example_lines(
    rows: Iterable[Row], numbers: Mapping[str, int], rules: Sequence[str], limit: int
) -> Iterator[str]:
    for rule, of_rule in groupby(rows, key=itemgetter("rule")):
        yield ""
        yield rule
        for row in islice(of_rule, limit or None):
            yield from _finding_lines(row) if "events" in row else _dead_letter_lines(row)
        if 0 < limit < numbers[rule]:
            more = "--limit 0" if len(rules) == 1 else f"--rule {rule}"
            yield f"  {limit} of {thousands(numbers[rule])} shown; {more} shows more"


def _finding_lines(row: Row) -> Iterator[str]:
    event, *others = row["events"]
    compared = "".join(f", see {_place(other)}" for other in others)
    yield f"  {_place(event)}  {row['subject']}  {event['type']}{compared}"
    yield f"      {_reason(row)}"


def _dead_letter_lines(row: Row) -> Iterator[str]:
    size = "no value" if row["bytes"] is None else pluralise(row["bytes"], "byte")
    key = "no key" if row["key"] is None else f"key {row['key']}"
    yield f"  {_place(row)}  {row['recorded_at']}  {key}, {size}"
    for fault in row["faults"]:
        yield f"      {_reason(fault)}"
    if row["value"]:
        cut_off = len(row["value"]) > _EXCERPT
        yield f"      {row['value'][:_EXCERPT]}{'…' if cut_off else ''}"
    if row["repaired_by"] is not None:
        yield f"      repaired by {_place(row['repaired_by'])}"


def _place(event: Mapping[str, Any]) -> str:
    return f"{event['partition']}:{event['offset']}"


def _reason(row: Mapping[str, Any]) -> str:
    return f"at {row['pointer']}: {row['reason']}" if row["pointer"] else row["reason"]
