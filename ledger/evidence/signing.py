"""Signing a log: the trees of all partitions at its end, as the next entry of an anchor log."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ledger.errors import CutNotHeldError, EvidenceError
from ledger.evidence.anchor import Entry, SignedCheckpoint, add_checkpoint, read_anchor
from ledger.evidence.heads import TreeHeads, heads_at
from ledger.evidence.keys import PrivateKey
from ledger.log import Cut, Log
from ledger.log.progress import Notify, ProgressCallback, no_notice, no_progress

__all__ = ["SignedLog", "sign_log"]


class SignedLog(NamedTuple):
    """What was signed.

    Attributes:
        signed: The checkpoint.
        cut: How far the log was signed.
        heads: The trees that were signed.
        by_others: How many checkpoints of the folder are signed by another key of the same origin.
    """

    signed: SignedCheckpoint
    cut: Cut
    heads: TreeHeads
    by_others: int


def sign_log(
    log: Log,
    folder: Path,
    key: PrivateKey,
    *,
    progress: ProgressCallback = no_progress,
    notify: Notify = no_notice,
) -> SignedLog:
    """Sign the trees of all partitions at a log's end.

    Args:
        log: Any log.
        folder: The anchor log; made when it is missing.
        key: Signs.
        progress: Called with the number of records hashed.
        notify: Gets a sentence where an archive does not keep all of its leaf hashes.

    Raises:
        EvidenceError: If the log is not a continuation of what was signed before.
        StoreError: If the log or the folder is out of reach.
    """
    cut = log.normalise(log.end())

    made = list[Entry]()

    def make_entry(last: Entry | None) -> Entry:
        cuts = [cut] if last is None else [cut, _held(log, last)]
        heads, *before = heads_at(log, cuts, progress=progress, notify=notify)
        if last is not None:
            _refuse_rewritten(last, before[0], folder)
        made.append(Entry.from_heads(log.name, cut, heads))
        return made[-1]

    added = add_checkpoint(folder, key, make_entry)
    checkpoints = read_anchor(folder).checkpoints
    name, key_id = key.public.name, key.public.key_id
    by_others = sum(
        any(each.name == name and each.key_id != key_id for each in signed.note.signatures)
        for signed in checkpoints
    )
    return SignedLog(added, cut, made[-1].heads, by_others)


def _held(log: Log, last: Entry) -> Cut:
    try:
        return log.normalise(last.cut)
    except CutNotHeldError as error:
        raise EvidenceError(f"the log ends before what was signed last: {error}") from error


def _refuse_rewritten(last: Entry, heads: TreeHeads, folder: Path) -> None:
    for partition, head in last.heads.items():
        if heads[partition] != head:
            raise EvidenceError(
                f"partition {partition} was rewritten: its {head.size:,} records below"
                f" {last.cut[partition]} are not those that {folder} has signed; nothing was signed"
            )
