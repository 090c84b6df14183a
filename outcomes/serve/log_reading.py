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

__all__ = ["LogReading"]

_AT_ONCE = 2
_SECONDS = 15.0
_NOT_TAKEN = "the log does not take all of it now; sending the same again is safe"
_Result = TypeVar("_Result")


class _TooLongError(Exception):
    """The log is longer than a request may wait for."""


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
        self, work: Callable[[Log, ProgressCallback], _Result], *, appends: bool = False
    ) -> _Result:
        """Do some work with the log, in a thread.

        Args:
            work: Gets the log, and what it has to call now and then; that ends work that takes too
                long.
            appends: Open the log to append.

        Raises:
            Problem: 503 if others are at it, the log cannot be read, or it takes too long.
        """
        if self._busy.locked():
            raise Problem(503, "others are reading the log", headers={"Retry-After": "5"})
        async with self._busy:
            return await run_in_threadpool(self._run, work, appends)

    def _run(self, work: Callable[[Log, ProgressCallback], _Result], appends: bool) -> _Result:  # noqa: FBT001
        deadline = time.monotonic() + self._seconds

        def check(_: int) -> None:
            if time.monotonic() > deadline:
                raise _TooLongError

        try:
            with closing(open_log(self.address, create=appends)) as log:
                return work(log, check)
        except _TooLongError as error:
            detail = f"the log is too long to be read in {self._seconds:.0f} s; use the command"
            raise Problem(503, detail) from error
        except LedgerError as error:
            logger().warning("append.failed" if appends else "log.unread", reason=str(error))
            detail = _NOT_TAKEN if appends else "the log cannot be read now; see the server's log"
            raise Problem(503, detail, headers={"Retry-After": "5"}) from error
