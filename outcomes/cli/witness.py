"""`outcomes witness`: somebody else checks what was signed, and signs it too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcomes.cli.options import command_group
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.evidence.proof_documents import Proof
    from ledger.evidence.witness import Watch

__all__ = ["witness_app"]

witness_app = command_group("Watch the log of another: a file in, a signature out.")

ProofFile = Annotated[
    str, typer.Argument(metavar="PROOF|-", help="Of `outcomes prove consistency`.")
]
LogKey = Annotated[
    Path, typer.Option("--log-key", metavar="FILE", help="The public key of the log.")
]
State = Annotated[
    Path, typer.Option("--state", metavar="FILE", help="What was seen last; made when missing.")
]


@witness_app.command("check")
def witness_check(proof: ProofFile, log_key: LogKey, state: State) -> None:
    """Whether a checkpoint continues what was seen before; writes nothing."""
    from ledger.evidence.witness import check_as_witness

    place, decoded = _read(proof)
    checked = check_as_witness(decoded, place, _watch(log_key, state))
    terminal.line(f"{place}: {checked.line()}")


@witness_app.command("sign")
def witness_sign(
    proof: ProofFile,
    log_key: LogKey,
    state: State,
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Of `outcomes key new --witness`, private.")
    ],
) -> None:
    """Check, remember what was seen, and print the checkpoint with this witness's signature."""
    from ledger.clock import now_ms
    from ledger.evidence.keys import read_private_key
    from ledger.evidence.witness import sign_as_witness

    private = read_private_key(key)
    place, decoded = _read(proof)
    watch = _watch(log_key, state)
    note = sign_as_witness(decoded, place, watch, key=private, at_seconds=now_ms() // 1_000)
    terminal.write(note.encode())


def _read(file: str) -> tuple[str, Proof]:
    from ledger.evidence.proof_documents import decode_proof
    from outcomes.ingest.files import name_of, read_file

    place = name_of(file)
    hint = "name a proof of `outcomes prove consistency`"
    return place, decode_proof(read_file(file, hint), place)


def _watch(log_key: Path, state: Path) -> Watch:
    from ledger.evidence.keys import read_public_key
    from ledger.evidence.witness import Watch

    return Watch(read_public_key(log_key), state)
