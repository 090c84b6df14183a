"""`outcomes checkpoint`: sign what a log holds now."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ledger.diagnostics import inform
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal

__all__ = ["checkpoint"]


def checkpoint(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Created when missing.")],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="The private key of `outcomes key new`.")
    ],
    log: LogOption = None,
    json: JsonOption = False,
) -> None:
    """Sign the records of all partitions, if they continue what was signed before."""
    from ledger.evidence.keys import read_private_key
    from ledger.evidence.signing import sign_log
    from ledger.log import format_cut, open_log

    private = read_private_key(key)
    with closing(open_log(log_address(log))) as opened:
        records = sum(opened.end().values())
        with terminal.progress("hashing records", records) as progress:
            done = sign_log(opened, folder, private, progress=progress, notify=inform)
    place = done.signed.checkpoint
    if done.by_others:
        checkpoints = pluralise(done.by_others, "checkpoint")
        inform(
            f"{checkpoints} in {folder} signed by another key of {place.origin}; whoever believes"
            " both needs a quorum file with a line `log` for each"
        )
    if json:
        terminal.print_json(
            {
                "checkpoint": done.signed.place,
                "origin": place.origin,
                "size": place.size,
                "root": place.root.hex(),
                "end": {str(partition): end for partition, end in done.cut.items()},
                "roots": {str(number): head.root.hex() for number, head in done.heads.items()},
            }
        )
        return
    total = sum(head.size for head in done.heads.values())
    terminal.line(
        f"{done.signed.place}: {total:,} records signed as checkpoint {place.size} of"
        f" {place.origin}; end {format_cut(done.cut)}"
    )
