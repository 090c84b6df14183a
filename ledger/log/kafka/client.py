"""aiokafka from synchronous code: an event loop of one's own, bounded waits, one-line errors.

Nothing runs between two calls, so a client that is not used costs nothing; what its connection
missed meanwhile, the next call mends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    ConsumerStoppedError,
    InvalidTopicError,
    KafkaError,
    OffsetOutOfRangeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from ledger.errors import CutNotHeldError, StoreError, UnreachableError
from ledger.log.kafka.address import TopicAddress, connection_options
from ledger.log.kafka.probe import probe
from ledger.settings import Settings, load_settings

__all__ = [
    "ANSWER_SECONDS",
    "TROUBLE",
    "Link",
    "Loop",
    "link_to",
    "one_line",
    "overheard",
    "trouble",
]

ANSWER_SECONDS = 7.0
"""How long a question to the broker may take; a command that cannot reach it ends within 10 s."""

REQUEST_SECONDS = 4.0
CLOSE_SECONDS = 2.0

_NO_TOPIC = (UnknownTopicOrPartitionError, InvalidTopicError)
_ADVICE = (
    (
        (TopicAuthorizationFailedError, ClusterAuthorizationFailedError),
        (
            "no permission for{user}; ask the cluster's keeper for DESCRIBE, DESCRIBE_CONFIGS,"
            " READ and WRITE on topic {place.topic}"
        ),
    ),
    (
        (SaslAuthenticationFailed, AuthenticationFailedError),
        (
            "the broker refuses{user}; mind OUTCOMES_KAFKA_SASL_USERNAME and"
            " OUTCOMES_KAFKA_SASL_PASSWORD"
        ),
    ),
    (
        (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported),
        "the broker has another way to prove who{user} is; set OUTCOMES_KAFKA_SASL_MECHANISM",
    ),
)

TROUBLE = (KafkaError, ConsumerStoppedError, TimeoutError, OSError)
"""What aiokafka raises when the broker is away, refuses or has something else."""

_Result = TypeVar("_Result")


class Link(NamedTuple):
    """How to reach a place.

    Attributes:
        place: The topic.
        options: Of every aiokafka client.
        settings: What the environment says.
    """

    place: TopicAddress
    options: dict[str, Any]
    settings: Settings


def link_to(place: TopicAddress) -> Link:
    """The link to a place under the settings of the environment.

    Raises:
        ConfigurationError: If the settings are wrong.
    """
    settings = load_settings()
    options = {
        "bootstrap_servers": list(place.servers),
        "client_id": "outcomes",
        "request_timeout_ms": int(REQUEST_SECONDS * 1_000),
        **connection_options(settings),
    }
    return Link(place, options, settings)


class _Overheard(logging.Handler):
    """Keeps aiokafka's lines from the user, and the last error in them for our own line."""

    last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        for argument in arguments:
            if isinstance(argument, BaseException):
                self.last = argument


_overheard = _Overheard(logging.WARNING)
_logger = logging.getLogger("aiokafka")
_logger.addHandler(_overheard)
_logger.propagate = False


def overheard() -> BaseException | None:
    """The error that aiokafka logged last instead of raising it."""
    return _overheard.last


class Loop:
    """An event loop that runs only while something is asked of it."""

    def __init__(self) -> None:
        _overheard.last = None
        self._loop = asyncio.new_event_loop()
        # aiokafka's own clean-up complains here when a command is interrupted.
        self._loop.set_exception_handler(lambda *_: None)

    def run(
        self, work: Coroutine[Any, Any, _Result], seconds: float | None = ANSWER_SECONDS
    ) -> _Result:
        """Run until the work is done.

        Raises:
            TimeoutError: If it takes longer than this many seconds; None waits for ever.
        """
        return self._loop.run_until_complete(asyncio.wait_for(work, seconds))

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Run a last piece of work for a bounded time, then drop all that is left."""
        if self._loop.is_closed():
            if last is not None:
                last.close()
            return
        self._loop.run_until_complete(_wind_up(last))
        self._loop.close()


async def _wind_up(last: Coroutine[Any, Any, None] | None) -> None:
    if last is not None:
        await asyncio.wait({asyncio.ensure_future(last)}, timeout=CLOSE_SECONDS)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=CLOSE_SECONDS)
    # Connections are let go of in the next turn of the loop.
    await asyncio.sleep(0)


@contextmanager
def trouble(link: Link, what: str) -> Iterator[None]:
    """Turn what aiokafka raises inside into `one_line`."""
    try:
        yield
    except TROUBLE as error:
        raise one_line(link, error, what) from error


def one_line(link: Link, error: BaseException, what: str) -> StoreError:
    """Turn aiokafka's trouble into one line that says what, where and what to do.

    Args:
        link: Where.
        error: What was raised.
        what: Of the ledger's own work, such as `cannot be read`.
    """
    place = link.place
    for cause in (error, overheard()):
        if isinstance(cause, OffsetOutOfRangeError):
            return CutNotHeldError(
                f"{place} {what}: records were deleted or lost while it was read ({cause}); see"
                " `outcomes doctor`"
            )
        if isinstance(cause, _NO_TOPIC):
            return no_topic(place)
        advice = next((advice for kinds, advice in _ADVICE if isinstance(cause, kinds)), None)
        if advice is not None:
            return StoreError(f"{place} {what}: {advice.format(user=_user(link), place=place)}")
    found = probe(place.servers, link.options, link.settings.kafka_security_protocol)
    return UnreachableError(f"{place} {what}: {found or _told(error)}")


def no_topic(place: TopicAddress) -> StoreError:
    """What is said where a topic is missing; those beside a log are made together with it."""
    log = place.topic.removesuffix("-partials").removesuffix("-dead-letters")
    return StoreError(
        f"{place.cluster} has no topic {place.topic}; make it with `outcomes topic create --log"
        f" {place.cluster}/{log}`, or name another with --log"
    )


def _user(link: Link) -> str:
    user = link.settings.kafka_sasl_username
    named = user is not None and link.settings.kafka_security_protocol.startswith("SASL")
    return f" user {user}" if named else " this client"


def _told(error: BaseException) -> str:
    heard = overheard()
    text = str(heard if heard is not None and isinstance(error, TimeoutError) else error)
    return f"{text or 'no answer in time'}; is the broker well? see `outcomes doctor`"
