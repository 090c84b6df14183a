"""Log URLs, parsed once: where a log is, and what opening it needs (SPEC section 6, log URLs).

`sqlite:PATH[?partitions=N]`, `kafka://HOST:PORT[,…]/TOPIC`, `archive:FOLDER`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.errors import ConfigurationError, StoreError
from ledger.log.kafka.address import TopicAddress, parse_topic_address
from ledger.log.port import Log
from ledger.log.sqlite.log import SqliteLog

__all__ = [
    "ArchiveAddress",
    "LogAddress",
    "SqliteAddress",
    "TopicAddress",
    "open_log",
    "open_to_append",
    "parse_address",
]

_PARTITIONS_MAX = 1_000
_PARTITIONS_QUERY = "partitions="
_DIGITS_MAX = 9  # of which any number is over the most, and none takes long to read


class SqliteAddress(NamedTuple):
    """A log in a file.

    Attributes:
        path: The file.
        partitions: The count that the log must have, or gets when it is made; None for any.
    """

    path: Path
    partitions: int | None = None

    @classmethod
    def of_file(cls, path: Path) -> SqliteAddress:
        """The address of a file that is about to be made.

        Raises:
            ConfigurationError: If no log URL can name it.
        """
        if "?" in str(path):
            raise ConfigurationError(
                f"{path}: a log URL cannot name a file with a ? in its path; choose another name"
            )
        return cls(path)

    def __str__(self) -> str:
        query = "" if self.partitions is None else f"?{_PARTITIONS_QUERY}{self.partitions}"
        return f"sqlite:{self.path}{query}"


class ArchiveAddress(NamedTuple):
    """A log in the sealed files of a folder.

    Attributes:
        path: The folder.
    """

    path: Path

    def __str__(self) -> str:
        return f"archive:{self.path}"


LogAddress = SqliteAddress | TopicAddress | ArchiveAddress
"""Where a log is; a caller with different work for each kind matches on its type."""


def parse_address(url: str) -> LogAddress:
    """Read a log URL; nothing is looked up.

    Raises:
        ConfigurationError: If it is not a log URL.

    >>> parse_address("sqlite:ledger.db?partitions=4")
    SqliteAddress(path=PosixPath('ledger.db'), partitions=4)
    >>> str(parse_address("archive:sealed/"))
    'archive:sealed'
    """
    scheme, _, rest = url.partition(":")
    if scheme == "kafka":
        return parse_topic_address(url)
    if scheme == "archive" and rest:
        return ArchiveAddress(Path(rest))
    path, mark, query = rest.partition("?")
    if scheme != "sqlite" or not path or path.startswith("//"):
        raise ConfigurationError(
            f"--log {url}: not a log URL; write sqlite:PATH[?partitions=N],"
            " kafka://HOST:PORT[,HOST:PORT]/TOPIC or archive:FOLDER"
        )
    return SqliteAddress(Path(path), _partitions(url, query) if mark else None)


def open_log(address: LogAddress | str, *, create: bool = False, patient: bool = False) -> Log:
    """Open a log.

    Args:
        address: Where it is; a URL is parsed first.
        create: Open to append, and make the log when there is none; otherwise it is opened for
            reading alone. A Kafka topic is never made here, see `outcomes topic create`.
        patient: Wait for brokers that are away as long as an append does, not seconds.

    Raises:
        ConfigurationError: If the URL is not that of a log.
        StoreError: If the log is out of reach or not a log.
    """
    match parse_address(address) if isinstance(address, str) else address:
        case SqliteAddress(path, partitions) as file:
            _refuse_ambiguous(file)
            return SqliteLog.open(path, partitions=partitions, create=create)
        case ArchiveAddress(path):
            from ledger.log.archive.log import (  # noqa: PLC0415 - pydantic's models take a while
                ArchiveLog,
                refuse_appending,
            )

            if create:
                refuse_appending(path)
            return ArchiveLog.open(path)
        case TopicAddress() as topic:
            from ledger.log.kafka.log import KafkaLog  # noqa: PLC0415 - aiokafka is not for all
            from ledger.log.kafka.waiting import Patience  # noqa: PLC0415

            patience = Patience.FOLLOWER if create or patient else Patience.COMMAND
            log = KafkaLog.open(topic, patience)
            if create:
                # A writer hears at once of a topic that would lose what it acknowledges.
                log.refuse_broken_promises()
            return log


@contextmanager
def open_to_append(address: LogAddress | str) -> Iterator[Callable[[], Log]]:
    """A function that opens a log to append to it; called here already if the log exists.

    So a log that cannot be opened fails before any input is read, and bad input makes no log.

    Raises:
        ConfigurationError: If the URL is not that of a log.
        StoreError: If the log is out of reach or not a log.
    """
    parsed = parse_address(address) if isinstance(address, str) else address
    opened: list[Log] = []

    def opener() -> Log:
        if not opened:
            opened.append(open_log(parsed, create=True))
        return opened[0]

    if not isinstance(parsed, SqliteAddress) or parsed.path.exists():
        opener()
    try:
        yield opener
    finally:
        for log in opened:
            log.close()


def _refuse_ambiguous(address: SqliteAddress) -> None:
    """Refuse a URL that is the name of a file as well."""
    literal = Path(str(address).partition(":")[2])
    if address.partitions is not None and literal.exists():
        raise StoreError(
            f"there is a file named {literal}, which a log URL cannot name; rename it, or leave out"
            " ?partitions"
        )


def _partitions(url: str, query: str) -> int:
    digits = query.removeprefix(_PARTITIONS_QUERY)
    if digits == query or not digits.isascii() or not digits.isdigit():
        raise ConfigurationError(
            f"--log {url}: only ?partitions=N is allowed after the path, and no ? in it; rename a"
            " file that has one in its name, or name it through a link"
        )
    count = int(digits[:_DIGITS_MAX])
    if not 1 <= count <= _PARTITIONS_MAX:
        raise ConfigurationError(
            f"--log {url}: write ?partitions=N with N from 1 to {_PARTITIONS_MAX:,}"
        )
    return count
