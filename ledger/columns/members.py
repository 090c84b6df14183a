"""The members of events' data, as `schemas.events` declares them, for SQL to be made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from schemas.events import FACTS

__all__ = ["DATA", "MEMBERS", "Member"]

Kind = Literal["text", "choice", "date", "boolean", "categories", "object"]
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


def _members(model: type[BaseModel]) -> Iterator[Member]:
    for name, field in model.model_fields.items():
        annotation = _bare(field.annotation)
        kind = _KINDS.get(get_origin(annotation) or annotation, "object")
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

assert all(
    (member.kind, member.parts) == (DATA[member.name].kind, DATA[member.name].parts)
    for members in MEMBERS.values()
    for member in members
)
