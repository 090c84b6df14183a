"""Reading the log for people: off the event loop, for few at once, each for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from ledger.diagnostics import logger
from ledger.errors import LedgerError
from ledger.log import Log, LogAddress, open_log
from ledger.log.progress import ProgressCallback
from outcomes.serve.problems import Problem

__all__ = ["LogReading", "TooLongProblem"]

_AT_ONCE = 2
_SECONDS = 15.0
_NOT_TAKEN = "the log does not take all of it now; sending the same again is safe"
_Result = TypeVar("_Result")


class TooLongProblem(Problem):
    """The log is longer than a request may wait for: 503; the member `command` does the work."""

    def __init__(self, seconds: float, command: str | None) -> None:
        if command is None:
            super().__init__(503, f"the log is too long to be read in {seconds:.0f} s")
        else:
            detail = f"the log is too long for a page; run `{command}`"
            super().__init__(503, detail, command=command)


class _Patience:
    """Ends work after a time, and before if a third of it shows that twice as much is needed."""

    def __init__(self, seconds: float, records: int | None, command: str | None = None) -> None:
        self._seconds = seconds
        self._records = records
        self._command = command
        self._read = 0
        self._begun = time.monotonic()

    def __call__(self, read: int) -> None:
        self._read = max(self._read, read)
        elapsed = time.monotonic() - self._begun
        if elapsed > self._seconds or (elapsed > self._seconds / 3 and self._is_hopeless(elapsed)):
            raise TooLongProblem(self._seconds, self._command)

    def _is_hopeless(self, elapsed: float) -> bool:
        if not self._read or self._records is None:
            return False
        return elapsed * self._records / self._read > 2 * self._seconds


class LogReading:
    """Opens the log for one piece of work after another."""

    def __init__(self, address: LogAddress, seconds: float = _SECONDS) -> None:
        """Name the log.

        Args:
            address: Of the log.
            seconds: What one piece of work may take.
        """
        self.address = address
        self._seconds = seconds
        self._busy = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self,
        work: Callable[[Log, ProgressCallback], _Result],
        *,
        appends: bool = False,
        records: int | None = None,
        command: str | None = None,
    ) -> _Result:
        """Do some work with the log, in a thread.

        Args:
            work: Gets the log, and what it has to call now and then with the number of records
                that it has read; that ends work that takes too long.
            appends: Open the log to append.
            records: How many there are to read, so that what cannot succeed ends early.
            command: What to type where it takes too long.

        Raises:
            Problem: 503 if others are at it, or the log cannot be read.
            TooLongProblem: If it takes too long.
        """
        if self._busy.locked():
            raise Problem(503, "others are reading the log", headers={"Retry-After": "5"})
        async with self._busy:
            check = _Patience(self._seconds, records, command)
            return await run_in_threadpool(self._run, work, check, appends)

    def _run(
        self,
        work: Callable[[Log, ProgressCallback], _Result],
        check: ProgressCallback,
        appends: bool,  # noqa: FBT001
    ) -> _Result:
        try:
            with closing(open_log(self.address, create=appends)) as log:
                return work(log, check)
        except LedgerError as error:
            logger().warning("append.failed" if appends else "log.unread", reason=str(error))
            detail = _NOT_TAKEN if appends else "the log cannot be read now; see the server's log"
            raise Problem(503, detail, headers={"Retry-After": "5"}) from error
