"""Who may: a file of hashed tokens, each with a role, a source, a name and an expiry."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ledger.clock import now_ms
from ledger.errors import ConfigurationError, UsageError

__all__ = ["Role", "Token", "TokenFile", "covers"]

_PREFIX = "outcomes_"
_SECRET_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Role(StrEnum):
    """What a token is for.

    Attributes:
        EMITTER: Sends the events of one source.
        READER: Reads figures and metrics; sees no pseudonym.
        OPERATOR: Reads as well the rows with pseudonyms, and repairs dead letters.
    """

    EMITTER = "emitter"
    READER = "reader"
    OPERATOR = "operator"


class Token(BaseModel):
    """One token as it is kept.

    Attributes:
        name: For a person, unique in its file.
        role: See `Role`.
        source: Of an emitter: the `source` that its events may state, or a prefix of it.
        expires: When it ends; None for never.
        sha256: Of the token, which is kept nowhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    role: Role
    source: Annotated[str | None, Field(min_length=1)] = None
    expires: AwareDatetime | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


_TOKENS = TypeAdapter(list[Token])


def covers(prefix: str, source: str) -> bool:
    """Whether a token's source allows an event's: a prefix ends at a `/` or at the end.

    >>> covers("https://crm.example/eu", "https://crm.example/eu/paris")
    True
    >>> covers("https://crm.example/eu", "https://crm.example/europe")
    False
    """
    return source == prefix or source.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


class TokenFile:
    """The file of tokens, read again when it changes."""

    def __init__(self, path: Path, now: Callable[[], int] = now_ms) -> None:
        """Name the file; it is read when somebody asks.

        Args:
            path: The file.
            now: The time that expiries are compared with, in milliseconds since 1970.
        """
        self._path = path
        self._now = now
        self._seen: tuple[int, ...] | None = None
        self._tokens: list[Token] = []

    def tokens(self) -> list[Token]:
        """All tokens, expired ones too; none where there is no file yet.

        Raises:
            ConfigurationError: If the file is not one of tokens, or others may read it.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {error.strerror}") from error
        seen = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if seen != self._seen:
            self._tokens = self._load(status)
            self._seen = seen
        return self._tokens

    def find(self, secret: str) -> Token | None:
        """The valid token that somebody presents; None where there is no such.

        Raises:
            ConfigurationError: See `tokens`.
        """
        digest = hashlib.sha256(secret.encode()).hexdigest()
        match = None
        for token in self.tokens():
            # Each is compared, and in constant time, so that an answer's time tells nothing.
            if hmac.compare_digest(token.sha256, digest):
                match = token
        return match if match is not None and self._is_valid(match) else None

    def holds(self, token: Token) -> bool:
        """Whether a token is still in the file and has not expired.

        Raises:
            ConfigurationError: See `tokens`.
        """
        return token in self.tokens() and self._is_valid(token)

    def add(self, name: str, role: Role, source: str | None, expires: datetime | None) -> str:
        """Make a token; it is returned once and cannot be read again.

        Raises:
            ConfigurationError: See `tokens`.
            UsageError: If there is one of that name, or an emitter has no source.
        """
        if (role is Role.EMITTER) != (source is not None):
            raise UsageError("an emitter needs --source, what its events state; others have none")
        secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        try:
            token = Token(name=name, role=role, source=source, expires=expires, sha256=digest)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise UsageError(f"token {name}: {fault['msg']}") from error
        with self._changing() as tokens:
            if any(other.name == name for other in tokens):
                raise UsageError(f"{self._path} has a token named {name}; revoke it first")
            tokens.append(token)
        return secret

    def revoke(self, name: str) -> None:
        """Take a token out of the file; it is refused from the next request on.

        Raises:
            ConfigurationError: See `tokens`.
            UsageError: If there is none of that name.
        """
        with self._changing() as tokens:
            kept = [token for token in tokens if token.name != name]
            if len(kept) == len(tokens):
                raise UsageError(
                    f"{self._path} has no token named {name}; see `outcomes token list`"
                )
            tokens[:] = kept

    def _is_valid(self, token: Token) -> bool:
        return token.expires is None or self._now() < token.expires.timestamp() * 1_000

    def _load(self, status: os.stat_result) -> list[Token]:
        if status.st_mode & _OTHERS:
            raise ConfigurationError(
                f"{self._path} can be read by others; `chmod 600` it, and make new tokens if others"
                " may have read it"
            )
        try:
            return _TOKENS.validate_json(self._path.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {error.strerror}") from error
        except ValidationError as error:
            raise ConfigurationError(
                f"{self._path} is not a file of tokens; make it with `outcomes token new`"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """The tokens, to be changed by one process at a time; written when the block ends."""
        with _locked(self._path):
            tokens = list(self.tokens())
            yield tokens
            _replace(self._path, _TOKENS.dump_json(tokens, indent=1, exclude_none=True) + b"\n")


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    number = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
