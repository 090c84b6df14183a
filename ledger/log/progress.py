"""Reporting how far a reading has come, and what is worth knowing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas.record import Record

__all__ = [
    "PROGRESS_EVERY",
    "Notify",
    "ProgressCallback",
    "advancing",
    "no_notice",
    "no_progress",
    "with_progress",
]

PROGRESS_EVERY = 5_000

ProgressCallback = Callable[[int], None]
"""Called now and then with the number of records so far."""


Notify = Callable[[str], None]
"""Gets a sentence that a person may want to know of how something was done."""


def no_progress(_: int) -> None:
    """Report to nobody."""


def no_notice(_: str) -> None:
    """Nobody wants to know."""


def with_progress(
    records: Iterable[Record], progress: ProgressCallback, *, before: int = 0
) -> Iterator[Record]:
    """Records as they come; every 5,000 of them are reported.

    Args:
        records: Any.
        progress: Called with the number so far.
        before: The number of records before these.
    """
    for count, record in enumerate(records, before + 1):
        if count % PROGRESS_EVERY == 0:
            progress(count)
        yield record


def advancing(progress: ProgressCallback, before: int) -> ProgressCallback:
    """What takes the number of records since its last call, and reports how many there are.

    Args:
        progress: Called with the number so far, at once with *before*.
        before: The number of records before these.
    """
    count = before
    progress(count)

    def advance(more: int) -> None:
        nonlocal count
        count += more
        progress(count)

    return advance
