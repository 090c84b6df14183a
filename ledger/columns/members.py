"""The members of events' data, as `schemas.events` declares them, for SQL to be made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from schemas.events import FACTS

__all__ = ["DATA", "ENTRIES", "MEMBERS", "Entry", "Member", "entries"]

Kind = Literal["text", "choice", "date", "hash", "boolean", "categories", "object"]
_KINDS: Mapping[object, Kind] = {
    str: "text",
    date: "date",
    bool: "boolean",
    Literal: "choice",
    frozenset: "categories",
}


class Member(NamedTuple):
    """A member of an object.

    Attributes:
        name: As in the event.
        kind: What it may be, beside null where it is not required.
        required: Whether it has to be there, and not null.
        choices: The texts of a choice.
        parts: The members of an object.
    """

    name: str
    kind: Kind
    required: bool
    choices: tuple[str, ...] = ()
    parts: tuple[Member, ...] = ()


class Entry(NamedTuple):
    """A value of `data` that is no object: a member, or a part of one.

    Attributes:
        member: The member.
        part: Which part of it, where it is an object.
    """

    member: Member
    part: Member | None

    @property
    def path(self) -> str:
        """Where it is in `data`, such as `evidence.uri`."""
        return self.member.name if self.part is None else f"{self.member.name}.{self.part.name}"

    @property
    def required(self) -> bool:
        """Whether it is there wherever its member is required."""
        return self.member.required and (self.part is None or self.part.required)

    @property
    def is_first(self) -> bool:
        """Whether it is there wherever its member is there."""
        return self.part is None or self.part is self.member.parts[0]

    @property
    def is_text(self) -> bool:
        """Whether it is any text."""
        return (self.part or self.member).kind == "text"


def entries(members: Iterable[Member]) -> Iterator[Entry]:
    """The entries of some members, in their order."""
    for member in members:
        yield from (Entry(member, part) for part in member.parts or (None,))


def _members(model: type[BaseModel]) -> Iterator[Member]:
    for name, field in model.model_fields.items():
        annotation = _bare(field.annotation)
        kind = _KINDS.get(get_origin(annotation) or annotation, "object")
        if name == "sha256":
            kind = "hash"
        choices = get_args(annotation) if kind == "choice" else ()
        parts = tuple(_members(annotation)) if kind == "object" else ()
        yield Member(name, kind, field.is_required(), choices, parts)


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """An annotation without `None` and without its constraints."""
    options = [option for option in get_args(annotation) if option is not NoneType]
    if NoneType in get_args(annotation):
        return _bare(options[0])
    return options[0] if get_origin(annotation) is Annotated else annotation


MEMBERS: Mapping[str, tuple[Member, ...]] = {
    name: tuple(_members(fact)) for name, fact in FACTS.items()
}
"""The members of each event type's data."""

DATA: Mapping[str, Member] = {
    member.name: member for members in MEMBERS.values() for member in members
}
"""Every member of any type's data; those of one name are of one kind."""

ENTRIES: Mapping[str, Entry] = {entry.path: entry for entry in entries(DATA.values())}
"""Every entry of any type's data, by its path."""

assert all(
    (member.kind, member.parts) == (DATA[member.name].kind, DATA[member.name].parts)
    for members in MEMBERS.values()
    for member in members
)
