"""The anchor log: one entry for each time that a log was signed, with the trees of all partitions.

A folder holds `entries.jsonl`, whose lines are the leaves of a small tree of its own, and for each
signed size of that tree a checkpoint, `checkpoint-000001.txt` and so on. Signing one checkpoint
signs every partition. Lines that no checkpoint covers were never signed and mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import EvidenceError, StoreError
from ledger.evidence.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ledger.evidence.heads import TreeHead, TreeHeads
from ledger.evidence.keys import PrivateKey
from ledger.evidence.merkle import CompactRange, Tree, consistency_path, hash_leaf, inclusion_path
from ledger.evidence.note import Note, parse_note
from ledger.log import Cut
from ledger.log.archive.files import lock_archive, translate_archive_errors, write_atomically
from schemas.canonical import canonical

__all__ = [
    "Anchor",
    "Entry",
    "SignedCheckpoint",
    "add_checkpoint",
    "decode_checkpoint",
    "read_anchor",
    "read_checkpoint",
]

ENTRIES = "entries.jsonl"
_CHECKPOINT = re.compile(r"checkpoint-([0-9]{6,})\.txt")
_SCHEMA: Final = "ledger/anchor/v1"
_Count = Field(ge=0)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _PartitionEntry(_Strict):
    partition: int = _Count
    end: int = _Count
    size: int = _Count
    root: str = Field(pattern="^[0-9a-f]{64}$")


class Entry(_Strict):
    """The trees of all partitions at one cut.

    Attributes:
        schema_: Of the entry.
        log: The name of the log.
        partitions: For each partition the end of the cut, the size of the tree and its root.
    """

    schema_: Literal["ledger/anchor/v1"] = Field(_SCHEMA, alias="schema")
    log: str
    partitions: tuple[_PartitionEntry, ...] = Field(strict=False)

    @classmethod
    def from_heads(cls, log: str, cut: Cut, heads: TreeHeads) -> Entry:
        """The entry of a log's trees at a cut."""
        parts = (
            _PartitionEntry(
                partition=partition,
                end=cut[partition],
                size=heads[partition].size,
                root=heads[partition].root.hex(),
            )
            for partition in sorted(cut)
        )
        return cls(log=log, partitions=tuple(parts))

    @classmethod
    def parse(cls, data: bytes) -> Entry:
        """Read an entry.

        Raises:
            ValueError: If it is none; the message says why.
        """
        try:
            entry = cls.model_validate_json(data)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
        if [part.partition for part in entry.partitions] != list(range(len(entry.partitions))):
            raise ValueError("its partitions are not all, in order")
        if data != entry.line():
            raise ValueError("it is not in the form of RFC 8785")
        return entry

    def line(self) -> bytes:
        """The bytes of the leaf: the entry in the form of RFC 8785, without a line end."""
        return canonical(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def cut(self) -> Cut:
        """Partition → its end."""
        return {part.partition: part.end for part in self.partitions}

    @property
    def heads(self) -> TreeHeads:
        """Partition → its tree."""
        return {
            part.partition: TreeHead(part.size, bytes.fromhex(part.root))
            for part in self.partitions
        }


class SignedCheckpoint(NamedTuple):
    """A checkpoint as it was signed; whether the signatures hold is not checked yet.

    Attributes:
        place: Where it was read, for messages.
        note: With its signatures.
        checkpoint: What it says.
    """

    place: str
    note: Note
    checkpoint: Checkpoint


class Anchor(NamedTuple):
    """An anchor log; nothing of it is checked yet but its form.

    Attributes:
        folder: Where it is kept.
        lines: The bytes of its entries.
        entries: What they say.
        checkpoints: By size, each size once.
    """

    folder: Path
    lines: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    checkpoints: tuple[SignedCheckpoint, ...]

    @property
    def signed_size(self) -> int:
        """How many entries a checkpoint covers."""
        return self.checkpoints[-1].checkpoint.size if self.checkpoints else 0

    def last(self) -> SignedCheckpoint:
        """The checkpoint that was signed last.

        Raises:
            EvidenceError: If none was.
        """
        if not self.checkpoints:
            raise EvidenceError(f"{self.folder} has no checkpoint; `outcomes checkpoint` signs one")
        return self.checkpoints[-1]

    def root(self, size: int) -> bytes:
        """The root over the first entries."""
        return self.tree.subtree(0, size)

    @property
    def tree(self) -> Tree:
        """The tree over the entries."""
        return Tree([hash_leaf(line) for line in self.lines].__getitem__, {})

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """The proof that an entry is in the tree of a size."""
        return inclusion_path(self.tree.subtree, index, size)

    def consistency_path(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that the tree only grew."""
        return consistency_path(self.tree.subtree, old_size, new_size)


def read_anchor(folder: Path) -> Anchor:
    """Read an anchor log.

    Raises:
        StoreError: If there is none, or it cannot be read.
        EvidenceError: If a file of it is not what it should be.
    """
    path = folder / ENTRIES
    try:
        lines = path.read_bytes().split(b"\n")
        names = sorted(each.name for each in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"no evidence in {folder}; name a folder of `outcomes checkpoint`"
        ) from error
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}; check its permissions") from error
    if lines.pop():
        raise EvidenceError(f"{path}: its last line has no end; it was cut off")
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(Entry.parse(line))
        except ValueError as error:
            raise EvidenceError(f"{path} line {number} is no entry: {error}") from error
    checkpoints = [read_checkpoint(folder / name) for name in names if _CHECKPOINT.fullmatch(name)]
    for signed, name in zip(checkpoints, filter(_CHECKPOINT.fullmatch, names), strict=True):
        if name != _checkpoint_name(signed.checkpoint.size):
            size = signed.checkpoint.size
            raise EvidenceError(f"{signed.place} is a checkpoint of size {size}, not of its name")
    return Anchor(folder, tuple(lines), tuple(entries), tuple(checkpoints))


def read_checkpoint(path: Path) -> SignedCheckpoint:
    """Read a signed checkpoint.

    Raises:
        StoreError: If it cannot be read.
        EvidenceError: If it is none.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; name a signed checkpoint") from error
    return decode_checkpoint(data, str(path))


def decode_checkpoint(data: bytes, place: str) -> SignedCheckpoint:
    """Read a signed checkpoint from its bytes, see `read_checkpoint`."""
    try:
        note = parse_note(data)
        return SignedCheckpoint(place, note, parse_checkpoint(note.text))
    except ValueError as error:
        raise EvidenceError(f"{place} is no signed checkpoint: {error}") from error


def add_checkpoint(
    folder: Path, key: PrivateKey, make_entry: Callable[[Entry | None], Entry]
) -> SignedCheckpoint:
    """Sign the trees of a log: add an entry to the anchor log, unless it is the last one already.

    Args:
        folder: The anchor log; made when it is missing.
        key: Signs; its name is the origin.
        make_entry: Makes the entry, from the last one that was signed.

    Raises:
        StoreError: If the folder cannot be written to.
        EvidenceError: If it is damaged, or its checkpoints are of another origin.
    """
    with translate_archive_errors(folder):
        folder.mkdir(exist_ok=True)
        with lock_archive(folder):
            if not (folder / ENTRIES).exists():
                write_atomically(folder / ENTRIES, b"")
            anchor = read_anchor(folder)
            _refuse_other_origin(anchor, key)
            last = anchor.entries[anchor.signed_size - 1] if anchor.signed_size else None
            return _add(anchor, make_entry(last), key)


def _add(anchor: Anchor, entry: Entry, key: PrivateKey) -> SignedCheckpoint:
    lines = list(anchor.lines[: anchor.signed_size])
    if not lines or lines[-1] != entry.line():
        lines.append(entry.line())
    write_atomically(anchor.folder / ENTRIES, b"".join(line + b"\n" for line in lines))
    tree = CompactRange()
    for line in lines:
        tree.append(hash_leaf(line))
    checkpoint = Checkpoint(key.public.name, tree.end, tree.root())
    note = sign_checkpoint(checkpoint, key.secret)
    path = anchor.folder / _checkpoint_name(checkpoint.size)
    if checkpoint.size == anchor.signed_size:
        # Signed before, perhaps by another key or a witness too: no signature is lost.
        note = anchor.checkpoints[-1].note.with_signatures(note.signatures)
    write_atomically(path, str(note).encode())
    return SignedCheckpoint(str(path), note, checkpoint)


def _refuse_other_origin(anchor: Anchor, key: PrivateKey) -> None:
    """Refuse to sign after what this key's owner cannot vouch for."""
    for signed in anchor.checkpoints:
        size = signed.checkpoint.size
        if signed.checkpoint.origin != key.public.name:
            raise EvidenceError(
                f"{signed.place} is of {signed.checkpoint.origin}, the key of {key.public.name};"
                " name the key or the folder of that log"
            )
        if size > len(anchor.lines) or anchor.root(size) != signed.checkpoint.root:
            raise EvidenceError(
                f"{signed.place} did not sign the first {size} lines of {anchor.folder / ENTRIES};"
                " restore the folder from a copy"
            )


def _checkpoint_name(size: int) -> str:
    return f"checkpoint-{size:06}.txt"
