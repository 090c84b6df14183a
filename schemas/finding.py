"""One thing to look at, wherever it was found: in a record, in an event, in a history."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """A rule that does not hold, where, and why; a value, never raised.

    Attributes:
        rule: A rule of admission, or a finding of SPEC section 1, Findings.
        pointer: JSON pointer (RFC 6901) to the member; empty for the whole record.
        reason: A few words for a person.
    """

    rule: str
    pointer: str
    reason: str
