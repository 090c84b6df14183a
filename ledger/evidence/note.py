"""Signed notes and their keys (C2SP signed-note): a text, a blank line, lines of signatures.

Whoever verifies a note names the keys that they trust. Signatures of other keys are ignored; one
of a trusted key that does not hold makes the whole note worthless.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "Note",
    "PublicKey",
    "Signature",
    "check_key_name",
    "decode_base64",
    "parse_note",
    "parse_public_key",
]

ED25519 = 1
"""The type of a log's key."""
COSIGNATURE = 4
"""The type of a witness's key, C2SP tlog-cosignature."""

_KEY_BYTES = 32
_ID_BYTES = 4
_SIGNATURES_MAX = 100
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = re.compile(r"— (\S+) (\S+)")
_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class Signature(NamedTuple):
    """A line of signature: who claims to have signed, and the bytes.

    Attributes:
        name: The name of the key.
        key_id: Its four bytes of hash.
        data: What the kind of key makes of the text.
    """

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line, with its end."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


class PublicKey(NamedTuple):
    """A key that signatures are checked with, named by what it signs for.

    Attributes:
        name: Of the log, its origin; of a witness, its name.
        kind: `ED25519` or `COSIGNATURE`.
        data: The 32 bytes of the Ed25519 public key.
    """

    name: str
    kind: int
    data: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.data
        return sha256(named).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        data = base64.b64encode(bytes([self.kind]) + self.data).decode()
        return f"{self.name}+{self.key_id.hex()}+{data}"

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the owner of this key has signed a message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.data).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    @classmethod
    def from_private(cls, name: str, kind: int, private: Ed25519PrivateKey) -> PublicKey:
        """The public half of a key."""
        return cls(name, kind, private.public_key().public_bytes_raw())


class Note(NamedTuple):
    """A text with signatures, of which none is checked yet.

    Attributes:
        text: With its final line end.
        signatures: As they come.
    """

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    def signatures_of(self, key: PublicKey) -> list[Signature]:
        """The signatures that claim to be of a key."""
        claim = (key.name, key.key_id)
        return [each for each in self.signatures if (each.name, each.key_id) == claim]

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether a log's key has signed the text, and no signature that claims so is false."""
        signatures = self.signatures_of(key)
        return bool(signatures) and all(
            key.verifies(self.text.encode(), each.data) for each in signatures
        )

    def with_signatures(self, added: Iterable[Signature]) -> Note:
        """The same note with more signatures, each once."""
        return self._replace(signatures=tuple(dict.fromkeys((*self.signatures, *added))))


def parse_note(data: bytes) -> Note:
    """Read a signed note.

    Raises:
        ValueError: If it is none; the message says why.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    if _CONTROL.search(text):
        raise ValueError("it has a control character")
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise ValueError("it has no blank line before its signatures, or its last line no end")
    signatures = lines.split("\n")[:-1]
    if len(signatures) > _SIGNATURES_MAX:
        raise ValueError(f"it has more than {_SIGNATURES_MAX} signatures")
    return Note(f"{body}\n", tuple(map(_parse_signature, signatures)))


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None or "+" in match[1]:
        raise ValueError("a line below its blank line is no signature")
    data = decode_base64(match[2])
    if len(data) <= _ID_BYTES:
        raise ValueError("a signature is too short")
    return Signature(match[1], data[:_ID_BYTES], data[_ID_BYTES:])


def parse_public_key(text: str) -> PublicKey:
    """Read a key as `outcomes key show` prints it, a *vkey*: name+id+base64.

    Raises:
        ValueError: If it is none; the message says why.
    """
    match = _KEY.fullmatch(text.strip())
    if match is None:
        raise ValueError("a public key is a line name+id+base64")
    data = decode_base64(match[3])
    if len(data) != 1 + _KEY_BYTES or data[0] not in (ED25519, COSIGNATURE):
        raise ValueError("it is no Ed25519 key of a log or of a witness")
    key = PublicKey(match[1], data[0], data[1:])
    if key.key_id.hex() != match[2]:
        raise ValueError("its id is not that of its name and bytes: a character was changed")
    return key


def check_key_name(name: str) -> None:
    """Refuse a name that no signature line can hold.

    Raises:
        ValueError: If it is empty, or has a space, a plus or a control character.
    """
    if not re.fullmatch(r"[^\s+]+", name) or not name.isprintable():
        raise ValueError("a name of a key has no space, no + and at least one character")


def decode_base64(text: str) -> bytes:
    """The bytes of a text of base64, of which there is one form only.

    Raises:
        ValueError: If it is none.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it has something that is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("it has base64 with bits too many")
    return data
