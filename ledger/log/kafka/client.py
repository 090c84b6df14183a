"""aiokafka from synchronous code: a private event loop, bounded waits, errors of one line.

Nothing runs between two calls, so an idle client costs nothing; a connection that broke meanwhile
is renewed by the next call.
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
    BrokerResponseError,
    ClusterAuthorizationFailedError,
    ConsumerStoppedError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from ledger.error_translation import Advice, find_advice
from ledger.errors import CutNotHeldError, StoreError, UnreachableError
from ledger.log.kafka.address import TopicAddress, connection_options
from ledger.log.kafka.bootstrap import guard_clients
from ledger.log.kafka.probe import probe
from ledger.log.kafka.unpacking import UnreadableBatchError, guard_consumers
from ledger.log.kafka.waiting import Patience, remaining_seconds
from ledger.settings import Settings, load_settings

__all__ = [
    "ANSWER_SECONDS",
    "KAFKA_ERRORS",
    "LAST_SECONDS",
    "REQUEST_SECONDS",
    "Link",
    "Loop",
    "last_logged_error",
    "link_to",
    "translate_error",
    "translate_errors",
]

ANSWER_SECONDS = 7.0
"""How long one request to the cluster may take, connecting included."""

REQUEST_SECONDS = 4.0
CLOSE_SECONDS = 2.0
LAST_SECONDS = 2.0
"""How long a request may take when `share_patience` leaves no time: brokers that are well do it."""

_NO_TOPIC = (UnknownTopicOrPartitionError, InvalidTopicError)
_ADVICE = (
    Advice(
        (TopicAuthorizationFailedError, ClusterAuthorizationFailedError),
        "no permission for{user}; ask the cluster's administrator for DESCRIBE, DESCRIBE_CONFIGS,"
        " READ and WRITE on topic {address.topic}",
    ),
    Advice(
        (SaslAuthenticationFailed, AuthenticationFailedError),
        "the broker refuses{user}; check OUTCOMES_KAFKA_SASL_USERNAME and"
        " OUTCOMES_KAFKA_SASL_PASSWORD",
    ),
    Advice(
        (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported),
        "the broker offers no such login for{user}; set OUTCOMES_KAFKA_SASL_MECHANISM",
    ),
)

_UNREADABLE_ADVICE = (
    "nothing behind it can be read: find its producer, and restore the log into a new topic from an"
    " archive"
)

_SILENCE = (KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError, TimeoutError)

KAFKA_ERRORS = (KafkaError, ConsumerStoppedError, TimeoutError, OSError)
"""What aiokafka raises when a broker is away, refuses, or answers with an error."""

_Result = TypeVar("_Result")


class Link(NamedTuple):
    """How to reach a topic.

    Attributes:
        address: The topic.
        options: Options of every aiokafka client.
        settings: Settings from the environment.
        patience: Who waits for brokers that are away.
    """

    address: TopicAddress
    options: dict[str, Any]
    settings: Settings
    patience: Patience = Patience.COMMAND

    @property
    def wait_seconds(self) -> float:
        """How long to wait for brokers that are away."""
        return self.patience.seconds(self.settings)

    @property
    def waits_for_names(self) -> bool:
        """Whether a host name that does not resolve may do so later."""
        return self.patience is Patience.WORKER


def link_to(address: TopicAddress, patience: Patience = Patience.COMMAND) -> Link:
    """The link to a topic under the settings of the environment.

    Raises:
        ConfigurationError: If the settings are wrong.
    """
    settings = load_settings()
    options = {
        "bootstrap_servers": list(address.servers),
        "client_id": "outcomes",
        "request_timeout_ms": int(REQUEST_SECONDS * 1_000),
        **connection_options(settings),
    }
    return Link(address, options, settings, patience)


class _LastErrorHandler(logging.Handler):
    """Hides aiokafka's log lines from the user and keeps the last error for our own message."""

    last_error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        for argument in arguments:
            if isinstance(argument, BaseException):
                self.last_error = argument


guard_clients()
guard_consumers()
_last_error_handler = _LastErrorHandler(logging.WARNING)
_logger = logging.getLogger("aiokafka")
_logger.addHandler(_last_error_handler)
_logger.propagate = False


def last_logged_error() -> BaseException | None:
    """The error that aiokafka logged last instead of raising it."""
    return _last_error_handler.last_error


class Loop:
    """An event loop that runs only inside `run` and `close`."""

    def __init__(self) -> None:
        _last_error_handler.last_error = None
        self._loop = asyncio.new_event_loop()
        # aiokafka's own clean-up complains here when a command is interrupted.
        self._loop.set_exception_handler(lambda *_: None)

    def run(
        self, work: Coroutine[Any, Any, _Result], seconds: float | None = ANSWER_SECONDS
    ) -> _Result:
        """Run a coroutine to its end.

        Raises:
            TimeoutError: If it takes longer than `seconds`; None waits without limit.
        """
        if seconds is not None:
            seconds = min(seconds, max(LAST_SECONDS, remaining_seconds(seconds)))
        return self._loop.run_until_complete(asyncio.wait_for(work, seconds))

    def close(self, final: Coroutine[Any, Any, None] | None = None) -> None:
        """Run a final coroutine for a bounded time, then cancel everything else."""
        if self._loop.is_closed():
            if final is not None:
                final.close()
            return
        self._loop.run_until_complete(_shut_down(final))
        self._loop.close()


async def _shut_down(final: Coroutine[Any, Any, None] | None) -> None:
    if final is not None:
        await asyncio.wait({asyncio.ensure_future(final)}, timeout=CLOSE_SECONDS)
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=CLOSE_SECONDS)
    # Connections close in the next turn of the loop.
    await asyncio.sleep(0)


@contextmanager
def translate_errors(link: Link, failure: str) -> Iterator[None]:
    """Raise what aiokafka raises inside as the `StoreError` of `translate_error`."""
    try:
        yield
    except KAFKA_ERRORS as error:
        raise translate_error(link, error, failure) from error


def translate_error(link: Link, error: BaseException, failure: str) -> StoreError:
    """An error of aiokafka as one line that says what failed, where, and what to do.

    Args:
        link: The topic.
        error: What was raised.
        failure: The operation that failed, such as `cannot be read`.
    """
    for cause in (error, last_logged_error()):
        final = None if cause is None else _final_error(link, cause, failure)
        if final is not None:
            return final
    what = f"{link.address} {failure}"
    if isinstance(error, BrokerResponseError) and not _may_pass(error):
        return StoreError(f"{what}: {error}")
    protocol = link.settings.kafka_security_protocol
    problem = probe(link.address.servers, link.options, protocol)
    if problem is not None:
        return problem.error(f"{what}: {problem.reason}")
    return UnreachableError(f"{what}: {_reason(error)}; is the broker healthy?")


def _final_error(link: Link, cause: BaseException, failure: str) -> StoreError | None:
    """An error that no waiting cures and no look at the ports explains."""
    address = link.address
    if isinstance(cause, OffsetOutOfRangeError):
        return CutNotHeldError(
            f"{address} {failure}: records were deleted or lost during the read ({cause}); restore"
            " the log from an archive"
        )
    if isinstance(cause, UnreadableBatchError):
        return StoreError(f"{address} {failure}: {cause}; {_UNREADABLE_ADVICE}")
    if isinstance(cause, _NO_TOPIC):
        return missing_topic_error(address)
    advice = find_advice(cause, _ADVICE)
    if advice is None:
        return None
    return StoreError(f"{address} {failure}: {advice.format(user=_user(link), address=address)}")


def missing_topic_error(address: TopicAddress) -> StoreError:
    """The error for a missing topic; `topic create` makes the derived topics of a log with it."""
    log = address.topic.removesuffix("-partials").removesuffix("-dead-letters")
    return StoreError(
        f"{address.cluster} has no topic {address.topic}; create it with `outcomes topic create"
        f" --log {address.cluster}/{log}`, or name another with --log"
    )


def _may_pass(error: BrokerResponseError) -> bool:
    """Whether a broker that answered so may answer otherwise in a moment."""
    return bool(error.retriable) or isinstance(error, UnknownError)


def _user(link: Link) -> str:
    user = link.settings.kafka_sasl_username
    named = user is not None and link.settings.kafka_security_protocol.startswith("SASL")
    return f" user {user}" if named else " this client"


def _reason(error: BaseException) -> str:
    logged = last_logged_error()
    cause = logged if logged is not None and isinstance(error, TimeoutError) else error
    # The text of a failed connection lists tuples of addresses.
    is_silence = isinstance(cause, _SILENCE) or not str(cause)
    return "no answer in time" if is_silence else str(cause)
