"""`outcomes tail`: the records of a log."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import LogOption, log_url
from outcomes.console import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.log import Cut, Log
    from ledger.log.tail import TailQuery
    from schemas.record import Record

__all__ = ["tail"]

_WRITE_BYTES = 262_144
_LAST_ON_A_TERMINAL = 20


def tail(
    log: LogOption = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="CUT", help="Where to start; 0 in a partition left out."),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The last N; 20 on a terminal.")
    ] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="Only this partition.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="S", help="Only records with this key.")
    ] = None,
    event_type: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="T",
            help="Only events of this type.",
            autocompletion=candidates.event_types,
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="X", help="Only events of this source.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", metavar="I", help="Only events with this id.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more records, until interrupted.")
    ] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print records exactly, one JSON object a line.")
    ] = False,
) -> None:
    """The records of a log, with partition, offset, recorded_at, key and value."""
    from ledger.log import open_log
    from ledger.log.record_lines import format_record
    from ledger.log.tail import RecordFilter, TailQuery, follow_log, last_records, short_line

    opened = open_log(log_url(log), patient=follow)
    end = opened.end()
    wanted = RecordFilter(subject, event_type, source, event_id)
    query = TailQuery(_start(opened, start), _partitions(opened, partition), wanted)
    form = format_record if jsonl else partial(short_line, width=terminal.columns())
    if last is None and start is None and terminal.is_screen():
        last = _LAST_ON_A_TERMINAL
        _say_what_is_shown(query, end, last)
    count = 0
    if last is not None:
        count = _print(last_records(opened, query, end, last), form)
        query = query._replace(start=end)
    if last is None or follow:
        count += _print(follow_log(opened, query, follow=follow), form)
    if count == 0 and last != 0 and any(wanted):
        inform("no record matches")


def _start(log: Log, text: str | None) -> Cut:
    """Where to begin: the cut, at 0 in the partitions that it leaves out."""
    from ledger.log import parse_cut

    beginning = dict.fromkeys(range(log.partitions), 0)
    if text is None:
        return beginning
    return log.normalise({**beginning, **parse_cut(text, "--from")})


def _partitions(log: Log, partition: int | None) -> range:
    if partition is None:
        return range(log.partitions)
    if partition >= log.partitions:
        raise UsageError(
            f"--partition {partition}: the log has partitions 0 to {log.partitions - 1}"
        )
    return range(partition, partition + 1)


def _say_what_is_shown(query: TailQuery, end: Cut, last: int) -> None:
    records = sum(query.until(end).values())
    if records > last:
        what = "that match" if any(query.wanted) else f"of {pluralise(records, 'record')}"
        inform(f"the last {last} {what}; --last N shows more, --from CUT all from there on")


def _print(records: Iterable[Record | None], form: Callable[[Record], bytes]) -> int:
    """Print records as they come; how many there were."""
    lines, count = bytearray(), 0
    for record in records:
        if record is not None:
            lines += form(record)
            count += 1
        if record is None or len(lines) > _WRITE_BYTES:
            terminal.write(bytes(lines))
            lines.clear()
    terminal.write(bytes(lines))
    return count
