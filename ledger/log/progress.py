"""Telling how far a reading has come, now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas.record import Record

__all__ = ["PROGRESS_EVERY", "with_progress"]

PROGRESS_EVERY = 5_000


def with_progress(
    records: Iterable[Record], progress: Callable[[int], None], *, there: int = 0
) -> Iterator[Record]:
    """Records as they come, and every 5,000 of them how many there were.

    Args:
        records: Any.
        progress: Told the number.
        there: How many there were before.
    """
    for count, record in enumerate(records, there + 1):
        if count % PROGRESS_EVERY == 0:
            progress(count)
        yield record
