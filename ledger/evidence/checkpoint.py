"""Checkpoints (C2SP tlog-checkpoint) and the cosignatures of witnesses (C2SP tlog-cosignature).

A checkpoint is the text of a signed note: the log's origin, the size of the tree, its root.
"""

from __future__ import annotations

import base64
import re
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.evidence.merkle import HASH_BYTES
from ledger.evidence.note import (
    COSIGNATURE,
    ED25519,
    Note,
    PublicKey,
    Signature,
    decode_base64,
)

__all__ = [
    "Checkpoint",
    "cosign",
    "cosigned_at",
    "parse_checkpoint",
    "sign_checkpoint",
]

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3
_TIMESTAMP = struct.Struct(">Q")


class Checkpoint(NamedTuple):
    """A place in a log.

    Attributes:
        origin: Which log.
        size: How many leaves.
        root: The root over them.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; extension lines are allowed, and mean nothing here.

    Raises:
        ValueError: If it is none; the message says why.
    """
    lines = text.split("\n")
    if len(lines) <= _LINES or not all(lines[:-1]) or lines[-1]:
        raise ValueError("a checkpoint has three lines at least: origin, size, root")
    origin, size, root = lines[:_LINES]
    if not _SIZE.fullmatch(size):
        raise ValueError("its second line is no size")
    data = decode_base64(root)
    if len(data) != HASH_BYTES:
        raise ValueError("its third line is no SHA-256 in base64")
    return Checkpoint(origin, int(size), data)


def sign_checkpoint(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> Note:
    """A checkpoint signed by the key of its log."""
    text = checkpoint.text()
    key = PublicKey.from_private(checkpoint.origin, ED25519, private)
    signature = Signature(key.name, key.key_id, private.sign(text.encode()))
    return Note(text, (signature,))


def cosign(note: Note, name: str, private: Ed25519PrivateKey, *, at_seconds: int) -> Signature:
    """A witness's statement that it knew of no other history at a time, seconds since 1970."""
    key = PublicKey.from_private(name, COSIGNATURE, private)
    signed = private.sign(_cosigned(note.text, at_seconds))
    return Signature(name, key.key_id, _TIMESTAMP.pack(at_seconds) + signed)


def cosigned_at(note: Note, witness: PublicKey) -> int | None:
    """When a witness says that it has cosigned, in seconds since 1970; None if it has not.

    Of several cosignatures the earliest counts, and every one has to hold.
    """
    moments = []
    for signature in note.signatures_of(witness):
        if len(signature.data) <= _TIMESTAMP.size:
            return None
        (moment,) = _TIMESTAMP.unpack(signature.data[: _TIMESTAMP.size])
        message = _cosigned(note.text, moment)
        if not witness.verifies(message, signature.data[_TIMESTAMP.size :]):
            return None
        moments.append(moment)
    return min(moments, default=None)


def _cosigned(text: str, at_seconds: int) -> bytes:
    return f"cosignature/v1\ntime {at_seconds}\n{text}".encode()
