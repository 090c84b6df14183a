"""`outcomes key`: the keys that sign checkpoints and cosign them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outcomes.cli.options import command_group
from outcomes.console import terminal

__all__ = ["key_app"]

key_app = command_group("Keys for signing; a private key never leaves its file.")


@key_app.command("new")
def key_new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; FILE.pub is public.")],
    origin: Annotated[
        str,
        typer.Option(metavar="NAME", help="The log's name for others, or the witness's."),
    ],
    witness: Annotated[
        bool, typer.Option("--witness", help="For cosigning what another log has signed.")
    ] = False,
) -> None:
    """Make a key; print its public half."""
    from ledger.evidence.keys import create_key

    terminal.line(str(create_key(file, origin, witness=witness)))


@key_app.command("show")
def key_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private or a public key.")],
) -> None:
    """Print the public half of a key."""
    from ledger.evidence.keys import read_public_key

    terminal.line(str(read_public_key(file)))
