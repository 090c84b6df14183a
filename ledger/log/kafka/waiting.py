"""Waiting for brokers that are away: for how long, and what is said meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import TypeVar

from ledger.diagnostics import logger
from ledger.errors import UnreachableError, UnresolvedHostError
from ledger.settings import Settings

__all__ = [
    "ANNOUNCE_SECONDS",
    "BRIEF_SECONDS",
    "Patience",
    "Wait",
    "ask_patiently",
    "remaining_seconds",
    "share_patience",
]

BRIEF_SECONDS = 15.0
"""Longer than Kafka takes by default to replace a dead leader, 9 s."""

ANNOUNCE_SECONDS = 1.5
_PAUSE_SECONDS = 0.5
_ends: ContextVar[float | None] = ContextVar("ends", default=None)

_Answer = TypeVar("_Answer")


@contextmanager
def share_patience(seconds: float = BRIEF_SECONDS) -> Iterator[None]:
    """Within this, all questions together wait so long for brokers that are away."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def remaining_seconds(seconds: float) -> float:
    """How much of a time a question may take: less where `share_patience` leaves less."""
    ends = _ends.get()
    return seconds if ends is None else max(0.0, min(seconds, ends - time.monotonic()))


class Patience(Enum):
    """Who waits for brokers that are away.

    Attributes:
        NONE: Nobody: a worker's fold, which waits by itself.
        COMMAND: A command that reads once, for `BRIEF_SECONDS` at most.
        FOLLOWER: A command that appends or follows, for `OUTCOMES_KAFKA_RETRY_SECONDS`.
        WORKER: As long; also for a host name that does not resolve yet.
    """

    NONE = 0
    COMMAND = 1
    FOLLOWER = 2
    WORKER = 3

    def seconds(self, settings: Settings) -> float:
        """How long the wait may be."""
        longest = settings.kafka_retry_seconds
        if self is Patience.NONE:
            return 0.0
        return remaining_seconds(
            min(BRIEF_SECONDS, longest) if self is Patience.COMMAND else longest
        )


class Wait:
    """One wait for a log's brokers: `broker.lost` after 1.5 s, `broker.back` when it is over.

    The first line comes from a timer, since a frozen broker lets a call hang.
    """

    def __init__(self, log: object, seconds: float) -> None:
        self._log = str(log)
        self._seconds = seconds
        self._started = time.monotonic()
        self._reason = "no answer"
        self._lock = threading.Lock()
        self._is_announced = False
        self._has_ended = False
        self._timer = threading.Timer(ANNOUNCE_SECONDS, self._announce)
        self._timer.daemon = True
        if seconds > ANNOUNCE_SECONDS:
            self._timer.start()

    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self._started >= self._seconds

    def explain(self, reason: object) -> None:
        """Give the reason for waiting, before it is announced."""
        self._reason = str(reason)

    def end(self, *, answered: bool) -> None:
        """Stop waiting."""
        self._timer.cancel()
        # The timer may have run out just now: then its line comes first, or not at all.
        with self._lock:
            self._has_ended = True
        if self._is_announced and answered:
            waited = round(time.monotonic() - self._started, 1)
            logger().info("broker.back", log=self._log, after_seconds=waited)

    def _announce(self) -> None:
        with self._lock:
            if self._has_ended:
                return
            self._is_announced = True
            logger().warning(
                "broker.lost",
                log=self._log,
                reason=self._reason,
                gives_up_after_seconds=round(self._seconds),
            )


def ask_patiently(
    log: object,
    question: Callable[[], _Answer],
    *,
    seconds: float,
    waits_for_names: bool = False,
    before_retry: Callable[[], None] = lambda: None,
) -> _Answer:
    """Ask until there is an answer or the time is up.

    Args:
        log: The address, for a person.
        question: Asked again while it raises `UnreachableError`.
        seconds: After this long there is no further try.
        waits_for_names: Whether a host name that does not resolve may do so later.
        before_retry: Called before each further try; may raise to give up.

    Raises:
        UnreachableError: The last one.
    """
    wait = Wait(log, seconds)
    answered = False
    try:
        while True:
            try:
                answer = question()
            except UnreachableError as error:
                is_final = isinstance(error, UnresolvedHostError) and not waits_for_names
                if is_final or wait.is_over():
                    raise
                wait.explain(error)
                before_retry()
                time.sleep(min(_PAUSE_SECONDS, seconds))
            else:
                answered = True
                return answer
    finally:
        wait.end(answered=answered)
