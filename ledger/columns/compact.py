"""The bytes that an event's text takes where each of its members is written once.

With no blank, no null and no escape. A text never takes fewer than the members that were read from
it, so one that takes exactly as many has no other member, and none twice; nobody need list its
names. What takes more may be just as ordinary, and has its names listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.columns.members import Entry

__all__ = ["entry_bytes", "envelope_bytes"]


def envelope_bytes(required: Iterable[str], optional: Iterable[str], data: str) -> str:
    """SQL for the bytes of an event.

    Args:
        required: Columns of attributes, of texts.
        optional: More of them, which may be null.
        data: SQL for the bytes of its data's entries.
    """
    braces_and_colon = len('{"data":{}}')
    written = [_text_bytes(name) for name in required]
    written += [f"coalesce({_text_bytes(name)}, 0)" for name in optional]
    # Behind the last member of `data` there is no comma.
    return f"{braces_and_colon} - 1 + {' + '.join((*written, data))}"


def entry_bytes(entry: Entry) -> int:
    """The bytes of an entry of `data` and a comma, but for those of its text."""
    member, part = entry
    if part is None:
        return _member_bytes(member.name, is_bare=member.kind in {"boolean", "categories"})
    own = _member_bytes(part.name)
    if not entry.is_first:
        return own
    # The first has those of the object around it: two braces, and no comma behind the last.
    return own + _member_bytes(member.name, is_bare=True) + 1


def _text_bytes(name: str) -> str:
    return f"strlen({name}) + {_member_bytes(name)}"


def _member_bytes(name: str, *, is_bare: bool = False) -> int:
    """The bytes of a name, a colon and a comma, and of the quotes around a text."""
    return len(f'"{name}":,') + (0 if is_bare else 2)
