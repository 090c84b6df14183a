"""SQL for the bytes that an event's text takes where each of its members is written once.

With no blank, no null and no escape. A text never takes fewer than the members that were read from
it, so one that takes exactly as many has no other member, and none twice; nobody need list its
names. What takes more may be just as ordinary, and has its names listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.columns.members import Member

__all__ = ["data_bytes", "envelope_bytes"]


def envelope_bytes(required: Iterable[str], optional: Iterable[str]) -> str:
    """SQL for the bytes of an event but for those of its data.

    Args:
        required: Columns of attributes, of texts.
        optional: More of them, which may be null.
    """
    members = [Member(name, "text", required=True) for name in required]
    members += [Member(name, "text", required=False) for name in optional]
    written = (_bytes(member, member.name) for member in members)
    name_and_colon = len('"data":')
    return f"{name_and_colon} + 1 + {_object_bytes(written)}"


def data_bytes(members: Iterable[Member]) -> str:
    """SQL for the bytes of the column `data`, an object with some members."""
    return _object_bytes(_bytes(member, f"data.{member.name}") for member in members)


def _object_bytes(members: Iterable[str]) -> str:
    # Two braces, less the comma behind the last member.
    return f"1 + {' + '.join(members)}"


def _bytes(member: Member, column: str) -> str:
    """SQL for the bytes of a member and a comma; none where it may be null and is."""
    match member.kind:
        case "boolean":
            value = f"5 - {column}::int"
        case "categories":
            value = f"""strlen(array_to_string({column}, '","')) + if(len({column}) = 0, 2, 4)"""
        case "object":
            value = _object_bytes(_bytes(part, f"{column}.{part.name}") for part in member.parts)
        case _:
            value = f"strlen({column}) + 2"
    written = f"{value} + {len(member.name) + 4}"
    return written if member.required else f"coalesce({written}, 0)"
