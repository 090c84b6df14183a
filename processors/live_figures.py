"""Opening the live figures of a log, wherever its workers keep them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.log import LogAddress, TopicAddress
from processors.live_report import LiveFigures
from processors.stored_figures import StoredFigures, state_path

__all__ = ["open_live_figures"]


@contextmanager
def open_live_figures(
    address: LogAddress, state: Path | None = None, *, patient: bool = False
) -> Iterator[LiveFigures]:
    """The live figures of a log: in the read model beside it, or published by its workers.

    Args:
        address: Of the log.
        state: The read model of an embedded log; beside the log where None.
        patient: See `open_log`.

    Raises:
        StoreError: If the brokers are out of reach, or a topic is missing.
    """
    if isinstance(address, TopicAddress):
        from processors.kafka.published import PublishedFigures  # noqa: PLC0415 - see open_log

        with closing(PublishedFigures(address, patient=patient)) as published:
            yield published
    else:
        yield StoredFigures(address, state_path(address, state))
