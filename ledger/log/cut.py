"""A cut: how far each partition is read (SPEC section 5, cut)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ledger.errors import CutNotHeldError, UsageError

__all__ = ["Cut", "format_cut", "furthest", "parse_cut", "refuse_not_held"]

Cut = Mapping[int, int]
"""Partition → the offset before which records count; every partition of the log is a key."""

_PART = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


def format_cut(cut: Cut) -> str:
    """A cut as typed on the command line.

    >>> format_cut({1: 998, 0: 1041})
    '0:1041,1:998'
    """
    return ",".join(f"{partition}:{cut[partition]}" for partition in sorted(cut))


def parse_cut(text: str, flag: str = "--cut") -> Cut:
    """Read a cut as typed on the command line.

    Args:
        text: The flag's value.
        flag: Named in an error.

    Raises:
        UsageError: If it is not a cut.

    >>> parse_cut("0:1041,1:998")
    {0: 1041, 1: 998}
    """
    cut: dict[int, int] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or int(match[1]) in cut:
            raise UsageError(
                f"{flag} {text}: not a cut; write partition:offset, such as 0:1041,1:998"
            )
        cut[int(match[1])] = int(match[2])
    return dict(sorted(cut.items()))


def furthest(cuts: Sequence[Cut]) -> Cut:
    """The smallest cut that contains all of some cuts, at least one.

    >>> furthest([{0: 10, 1: 7}, {0: 9, 1: 8}])
    {0: 10, 1: 8}
    """
    return {partition: max(cut[partition] for cut in cuts) for partition in cuts[0]}


def refuse_not_held(
    cut: Cut,
    held: Cut,
    *,
    place: object,
    end: Callable[[], Cut],
    advice: str = "is it the log that the cut was taken from?",
) -> None:
    """Refuse a cut that a log does not hold.

    Args:
        cut: The cut.
        held: The furthest cut that the log holds.
        place: The log, as messages name it.
        end: Gives the log's end for the message.
        advice: What to do.

    Raises:
        CutNotHeldError: If the cut has other partitions, or reaches further.
    """
    if set(cut) != set(held):
        raise CutNotHeldError(
            f"cut {format_cut(cut)} does not list each partition of {place} once; its end is"
            f" {format_cut(end())}"
        )
    if any(cut[partition] > held[partition] for partition in held):
        raise CutNotHeldError(
            f"{place} does not hold the cut {format_cut(cut)}, its end is"
            f" {format_cut(end())}; {advice}"
        )
