"""`outcomes tail`: the records of a log."""

from __future__ import annotations

from typing import Annotated

import typer

from outcomes.cli.options import LogOption, log_url
from outcomes.console import terminal

__all__ = ["tail"]

_WRITE_BYTES = 262_144


def tail(
    log: LogOption = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CUT",
            help="Begin there, such as 0:1041,1:998, instead of at the beginning.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more records, until interrupted.")
    ] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print records exactly, one JSON object a line.")
    ] = False,
) -> None:
    """The records of a log, with partition, offset, recorded_at, key and value."""
    from ledger.log import open_log, parse_cut
    from ledger.log.record_lines import format_record
    from ledger.log.tail import follow_log, short_line

    opened = open_log(log_url(log), patient=follow)
    form = format_record if jsonl else short_line
    cut = (
        dict.fromkeys(opened.end(), 0)
        if start is None
        else opened.normalise(parse_cut(start, "--from"))
    )
    lines = bytearray()
    for record in follow_log(opened, cut, follow=follow):
        if record is not None:
            lines += form(record)
        if record is None or len(lines) > _WRITE_BYTES:
            terminal.write(bytes(lines))
            lines.clear()
    terminal.write(bytes(lines))
