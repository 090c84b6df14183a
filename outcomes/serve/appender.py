"""Appending for many requests at once: those that wait together are committed together.

One thread holds the log. A request that waits gets the acknowledgement of its own records, or hears
in time that there is none; nothing is kept for later.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple

from ledger.conflicts import find_conflicts
from ledger.diagnostics import logger
from ledger.errors import LedgerError, StoreError
from ledger.log import EachAppended, Location, Log, NewRecord
from outcomes.serve.metrics import Metrics
from outcomes.serve.threads import make_thread

__all__ = ["Appender", "Slot"]

WAIT_SECONDS = 1.5
"""How long an append waits for the file or the broker; a request waits 2 s in all."""

_RECORDS_MAX = 10_000


class Slot:
    """The records of one request on their way into the log.

    Attributes:
        records: To append.
        future: Gets what became of them.
        conflicts: Positions of those that say something else than earlier records, once the future
            is done; None where nobody has looked.
    """

    def __init__(self, records: Sequence[NewRecord]) -> None:
        self.records = records
        self.future: Future[EachAppended] = Future()
        self.conflicts: list[int] | None = None

    def withdraw(self) -> bool:
        """Take the records back; False where they are being appended already."""
        return self.future.cancel()


class LogHolder(NamedTuple):
    """How the thread comes to its log.

    Attributes:
        open: Opens it to append.
        is_replaced: Whether the one that is open is no longer the one at its address.
    """

    open: Callable[[], Log]
    is_replaced: Callable[[], bool]


class Appender:
    """One thread that appends; see the module."""

    def __init__(self, holder: LogHolder, metrics: Metrics) -> None:
        """Say how to open the log; `start` does.

        Args:
            holder: The log.
            metrics: Hears of each append.
        """
        self._holder = holder
        self._metrics = metrics
        self._slots: queue.SimpleQueue[Slot | None] = queue.SimpleQueue()
        self._thread = make_thread("appender", self._run)
        self._log: Log | None = None

    def start(self) -> None:
        """Begin to append."""
        self._thread.start()

    def submit(self, slot: Slot) -> None:
        """Hand records in; they are appended as soon as the log is free."""
        self._slots.put(slot)

    def stop(self, timeout: float) -> None:
        """Append what was handed in, then close the log."""
        self._slots.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            slot = self._slots.get()
            slots = [] if slot is None else self._gather(slot)
            claimed = [each for each in slots if each.future.set_running_or_notify_cancel()]
            if claimed:
                self._append(claimed)
            if slot is None:
                break
        if self._log is not None:
            with suppress(LedgerError):
                self._log.close()

    def _gather(self, first: Slot) -> list[Slot]:
        """All that wait at this moment, up to a size."""
        slots, count = [first], len(first.records)
        while count < _RECORDS_MAX:
            try:
                slot = self._slots.get_nowait()
            except queue.Empty:
                break
            if slot is None:
                self._slots.put(None)
                break
            slots.append(slot)
            count += len(slot.records)
        return slots

    def _append(self, slots: Sequence[Slot]) -> None:
        started = time.perf_counter()
        records = [record for slot in slots for record in slot.records]
        appended = self._try(records)
        # Before anybody has an answer: whoever has one finds the append in the metrics.
        self._metrics.observe_commit(
            len(records), time.perf_counter() - started, is_acknowledged=appended.failure is None
        )
        position = 0
        for slot in slots:
            end = position + len(slot.records)
            locations = appended.locations[position:end]
            position = end
            is_whole = None not in locations
            if is_whole and self._log is not None:
                judged = [(record, None) for record in slot.records]
                slot.conflicts = find_conflicts(self._log, judged)
            slot.future.set_result(EachAppended(locations, None if is_whole else appended.failure))

    def _try(self, records: Sequence[NewRecord]) -> EachAppended:
        nowhere: list[Location | None] = [None] * len(records)
        try:
            log = self._current_log()
            appended = log.append_each(records, wait_seconds=WAIT_SECONDS)
            if self._holder.is_replaced():
                # Whoever put another file in its place will not find these records there.
                return EachAppended(nowhere, StoreError("the log was replaced meanwhile"))
        except LedgerError as error:
            return EachAppended(
                nowhere, error if isinstance(error, StoreError) else _as_store(error)
            )
        if appended.failure is not None:
            logger().warning("append.failed", reason=str(appended.failure))
        return appended

    def _current_log(self) -> Log:
        if self._log is not None and self._holder.is_replaced():
            with suppress(LedgerError):
                self._log.close()
            self._log = None
        if self._log is None:
            self._log = self._holder.open()
        return self._log


def _as_store(error: LedgerError) -> StoreError:
    return StoreError(str(error))
