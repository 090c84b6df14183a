"""Key files: a private key that only its owner can read, and the public key beside it.

No message names more of a key file than its path.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import ConfigurationError, StoreError
from ledger.evidence.note import (
    COSIGNATURE,
    ED25519,
    PublicKey,
    check_key_name,
    decode_base64,
    parse_public_key,
)

__all__ = ["PrivateKey", "create_key", "public_path", "read_private_key", "read_public_key"]

_OWNER_ONLY = 0o600
_PRIVATE = re.compile(r"PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_SEED_BYTES = 32


class PrivateKey(NamedTuple):
    """A key that signs; the library shows nothing of its bytes in a representation.

    Attributes:
        public: Its public half.
        secret: What signs.
    """

    public: PublicKey
    secret: Ed25519PrivateKey


def public_path(path: Path) -> Path:
    """Where the public half of a key file is kept."""
    return path.with_name(f"{path.name}.pub")


def create_key(path: Path, name: str, *, witness: bool = False) -> PublicKey:
    """Make a key and its two files; an existing file is never replaced.

    Args:
        path: The private key's file, readable by its owner alone.
        name: The origin of a log, or the name of a witness.
        witness: Whether it is for cosignatures.

    Raises:
        ConfigurationError: If the name cannot be one.
        StoreError: If one of the files exists or cannot be written.
    """
    try:
        check_key_name(name)
    except ValueError as error:
        raise ConfigurationError(f"{name!r}: {error}") from error
    secret = Ed25519PrivateKey.generate()
    public = PublicKey.from_private(name, COSIGNATURE if witness else ED25519, secret)
    seed = bytes([public.kind]) + secret.private_bytes_raw()
    text = f"PRIVATE+KEY+{name}+{public.key_id.hex()}+{base64.b64encode(seed).decode()}\n"
    if public_path(path).exists():
        raise StoreError(f"{public_path(path)} exists; name another file, a key is never replaced")
    _write_new(path, text, _OWNER_ONLY)
    _write_new(public_path(path), f"{public}\n", 0o644)
    return public


def read_private_key(path: Path) -> PrivateKey:
    """Read a private key.

    Raises:
        ConfigurationError: If it is none, or anyone but its owner may read or write it.
        StoreError: If it cannot be read.
    """
    text = _read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~_OWNER_ONLY:
        raise ConfigurationError(
            f"{path} is open to others (mode {mode:04o}); if nobody has read it,"
            f" `chmod 600 {path}`, otherwise make another key"
        )
    match = _PRIVATE.fullmatch(text.strip())
    key = None if match is None else _private_key(match[1], match[3])
    if match is None or key is None or key.public.key_id.hex() != match[2]:
        raise ConfigurationError(f"{path} is no private key of `outcomes key new`")
    return key


def read_public_key(path: Path) -> PublicKey:
    """Read a public key, from its own file or from that of its private key.

    Raises:
        ConfigurationError: If it is none.
        StoreError: If it cannot be read.
    """
    text = _read(path)
    if text.startswith("PRIVATE+KEY+"):
        return read_private_key(path).public
    try:
        return parse_public_key(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} is no public key: {error}") from error


def _private_key(name: str, encoded: str) -> PrivateKey | None:
    try:
        data = decode_base64(encoded)
        kind, seed = data[0], data[1:]
        if kind not in (ED25519, COSIGNATURE) or len(seed) != _SEED_BYTES:
            return None
        secret = Ed25519PrivateKey.from_private_bytes(seed)
    except ValueError:
        return None
    return PrivateKey(PublicKey.from_private(name, kind, secret), secret)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; name a file of `outcomes key new`") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is no key: not a text") from error


def _write_new(path: Path, text: str, mode: int) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            # The umask may have taken rights, but never given any.
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise StoreError(f"{path} exists; name another file, a key is never replaced") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; name a file in a folder of yours") from error
