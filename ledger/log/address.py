"""Log URLs (SPEC section 6, log URLs).

`sqlite:PATH[?partitions=N]`, `kafka://HOST:PORT[,…]/TOPIC`, `archive:FOLDER`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

from ledger.errors import ConfigurationError
from ledger.log.archive.log import ArchiveLog, refuse_appending
from ledger.log.port import Log
from ledger.log.sqlite import SqliteLog

__all__ = ["for_appending", "open_log"]

_PARTITIONS_MAX = 1_000
_DIGITS_MAX = 9  # of which any number is over the most, and none takes long to read


def open_log(url: str, *, create: bool = False) -> Log:
    """Open the log that a URL names.

    Args:
        url: See the module.
        create: Open to append, and make the log when there is none; otherwise it is opened for
            reading alone. A Kafka topic is never made here, see `outcomes topic create`.

    Raises:
        ConfigurationError: If the URL is none of a log.
        StoreError: If the log is out of reach or not a log.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "kafka":
        from ledger.log.kafka import KafkaLog, parse_topic_address  # noqa: PLC0415 - not for sqlite: users

        log = KafkaLog.open(parse_topic_address(url))
        if create:
            # Whoever writes is told at once of a topic that would lose what it acknowledges.
            log.refuse_broken_promises()
        return log
    if scheme == "archive" and rest:
        if create:
            refuse_appending(Path(rest))
        return ArchiveLog.open(rest)
    path, query = _sqlite_path(url), rest.partition("?")[2]
    if path is None:
        raise ConfigurationError(
            f"--log {url}: not a log URL; write sqlite:PATH[?partitions=N],"
            " kafka://HOST:PORT[,HOST:PORT]/TOPIC or archive:FOLDER"
        )
    return SqliteLog.open(str(path), partitions=_partitions(url, query), create=create)


def _sqlite_path(url: str) -> Path | None:
    scheme, _, rest = url.partition(":")
    path = rest.partition("?")[0]
    return Path(path) if scheme == "sqlite" and path and not path.startswith("//") else None


@contextmanager
def for_appending(url: str) -> Iterator[Callable[[], Log]]:
    """What opens a log to append to it: one that is there at once, a new one when it is needed.

    So a log that cannot be opened is told of before any input is read, and none is made for input
    that is at fault.

    Raises:
        ConfigurationError: If the URL is none of a log.
        StoreError: If the log is out of reach or not a log.
    """
    opened: list[Log] = []

    def opener() -> Log:
        if not opened:
            opened.append(open_log(url, create=True))
        return opened[0]

    path = _sqlite_path(url)
    if path is None or path.exists():
        opener()
    try:
        yield opener
    finally:
        for log in opened:
            log.close()


def _partitions(url: str, query: str) -> int | None:
    if not query:
        return None
    members = parse_qs(query, keep_blank_values=True)
    texts = members.pop("partitions", [])
    if members or len(texts) != 1 or not texts[0].isascii() or not texts[0].isdigit():
        raise ConfigurationError(f"--log {url}: after ? stands partitions=N and nothing else")
    count = int(texts[0][:_DIGITS_MAX])
    if not 1 <= count <= _PARTITIONS_MAX:
        raise ConfigurationError(f"--log {url}: partitions is from 1 to {_PARTITIONS_MAX}")
    return count
