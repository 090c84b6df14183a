"""The quorum file (C2SP tlog-policy): whose signatures a checkpoint needs to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.errors import ConfigurationError, StoreError
from ledger.evidence.checkpoint import cosigned_at
from ledger.evidence.note import COSIGNATURE, ED25519, Note, PublicKey, parse_public_key

__all__ = ["Quorum", "parse_quorum", "quorum_of_key", "read_quorum"]

_NONE = "none"
_RESERVED = (_NONE,)


class _Group(NamedTuple):
    threshold: int
    members: tuple[str, ...]


class Quorum(NamedTuple):
    """Whose signatures are needed.

    Attributes:
        logs: Keys of which one has to have signed.
        witnesses: By their name in the file.
        groups: By name: how many of which witnesses and groups.
        needed: The witness or group whose cosignature is needed; `none` for no witness.
    """

    logs: tuple[PublicKey, ...]
    witnesses: dict[str, PublicKey]
    groups: dict[str, _Group]
    needed: str

    def signer(self, note: Note) -> PublicKey | None:
        """The log's key that has signed a note; None if none has."""
        return next((key for key in self.logs if note.is_signed_by(key)), None)

    def cosigners(self, note: Note) -> dict[str, int]:
        """The witnesses that have cosigned a note, and when, in seconds since 1970."""
        moments = {name: cosigned_at(note, key) for name, key in self.witnesses.items()}
        return {name: moment for name, moment in moments.items() if moment is not None}

    def is_reached(self, cosigners: dict[str, int]) -> bool:
        """Whether those who have cosigned are enough."""
        return self.needed == _NONE or self._has_witnessed(self.needed, cosigners)

    def _has_witnessed(self, name: str, cosigners: dict[str, int]) -> bool:
        if name in self.witnesses:
            return name in cosigners
        group = self.groups[name]
        return (
            sum(self._has_witnessed(each, cosigners) for each in group.members) >= group.threshold
        )


def quorum_of_key(key: PublicKey) -> Quorum:
    """What a log's key alone asks for: its signature."""
    return Quorum((key,), {}, {}, _NONE)


def read_quorum(path: Path) -> Quorum:
    """Read a quorum file.

    Raises:
        ConfigurationError: If it is none; the message names the line.
        StoreError: If it cannot be read.
    """
    try:
        return parse_quorum(path.read_text("utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; name a quorum file") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def parse_quorum(text: str) -> Quorum:
    """Read the lines of a quorum file; a URL at the end of a line is ignored.

    Raises:
        ValueError: If a line is none; the message names it.
    """
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            parser.read(words)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return parser.quorum()


class _Parser:
    def __init__(self) -> None:
        self._logs: list[PublicKey] = []
        self._witnesses: dict[str, PublicKey] = {}
        self._groups: dict[str, _Group] = {}
        self._members: set[str] = set()
        self._needed: str | None = None

    def read(self, words: Sequence[str]) -> None:
        """Read one line."""
        match words:
            case ["log", key] | ["log", key, _]:
                self._logs.append(self._key(key, ED25519, self._logs))
            case ["witness", name, key] | ["witness", name, key, _]:
                self._refuse_taken(name)
                known = list(self._witnesses.values())
                self._witnesses[name] = self._key(key, COSIGNATURE, known)
            case ["group", name, threshold, *members]:
                self._refuse_taken(name)
                self._groups[name] = self._group(threshold, members)
            case ["quorum", name]:
                if self._needed is not None:
                    raise ValueError("there is a quorum line already")
                if name != _NONE:
                    self._refuse_unknown(name)
                self._needed = name
            case _:
                raise ValueError("a line is log, witness, group or quorum, see docs/evidence.md")

    def quorum(self) -> Quorum:
        """What the lines say together."""
        if self._needed is None:
            raise ValueError("it has no quorum line")
        if not self._logs:
            raise ValueError("it has no log line")
        return Quorum(tuple(self._logs), self._witnesses, self._groups, self._needed)

    def _key(self, text: str, kind: int, known: Sequence[PublicKey]) -> PublicKey:
        key = parse_public_key(text)
        if key.kind != kind:
            raise ValueError("a log has a key of type 1, a witness one of type 4")
        if any(key.data == each.data for each in known):
            raise ValueError("another line has the same key")
        return key

    def _group(self, threshold: str, members: Sequence[str]) -> _Group:
        words = {"all": len(members), "any": 1}
        needed = words[threshold] if threshold in words else _whole(threshold)
        if not 1 <= needed <= len(members):
            raise ValueError("a group needs all, any, or a number from 1 to its members")
        for name in members:
            self._refuse_unknown(name)
            if name in self._members:
                raise ValueError(f"{name} is a member of a group already")
            self._members.add(name)
        return _Group(needed, tuple(members))

    def _refuse_taken(self, name: str) -> None:
        if name in self._witnesses or name in self._groups or name in _RESERVED:
            raise ValueError(f"the name {name} is taken")

    def _refuse_unknown(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise ValueError(f"no line above names {name}")


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else 0
