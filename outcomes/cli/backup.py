"""`outcomes backup`: a verified copy of an embedded log (SPEC section 6, backup)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal

__all__ = ["backup"]


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new file for the copy.")],
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """Copy an embedded log to a new file while others append, and compare every record."""
    from ledger.log import ArchiveAddress, SqliteAddress, TopicAddress, format_cut
    from ledger.log.sqlite.backup import back_up
    from ledger.log.sqlite.log import SqliteLog

    match log_address(log):
        case ArchiveAddress(path):
            raise UsageError(
                f"archive:{path}: an archive's files never change; copy the folder to back it up"
            )
        case TopicAddress() as topic:
            raise UsageError(
                f"{topic}: a topic is backed up by `outcomes archive FOLDER --log {topic}`, which"
                " each time adds what is new"
            )
        case SqliteAddress() as source:
            pass
    address = SqliteAddress.of_file(target)
    with closing(SqliteLog.open(source.path, partitions=source.partitions)) as opened:
        total = 2 * sum(opened.end().values())
        with terminal.progress("copying and comparing", total) as progress:
            made = back_up(opened, address.path, progress=progress)
    if json:
        terminal.print_json(
            {
                "backup": str(target),
                "records": made.records,
                "bytes": made.size,
                "end": {str(partition): end for partition, end in made.end.items()},
            }
        )
        return
    records = pluralise(made.records, "record")
    terminal.line(f"{target}: {records} copied and compared; end {format_cut(made.end)}")
