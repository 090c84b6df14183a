"""Log URLs: `sqlite:PATH[?partitions=N]` (SPEC section 6)."""

from __future__ import annotations

from urllib.parse import parse_qs

from ledger.errors import ConfigurationError
from ledger.log.port import Log
from ledger.log.sqlite import SqliteLog

__all__ = ["open_log"]

_PARTITIONS_MAX = 1_000


def open_log(url: str, *, create: bool = False) -> Log:
    """Open the log that a URL names.

    Args:
        url: See the module.
        create: Make the log when there is none; otherwise it is opened for reading alone.

    Raises:
        ConfigurationError: If the URL is none of a log.
        StoreError: If the log is out of reach or not a log.
    """
    scheme, _, rest = url.partition(":")
    path, _, query = rest.partition("?")
    if scheme != "sqlite" or not path:
        raise ConfigurationError(f"--log {url}: not a log URL; write sqlite:PATH[?partitions=N]")
    return SqliteLog.open(path, partitions=_partitions(url, query), create=create)


def _partitions(url: str, query: str) -> int | None:
    if not query:
        return None
    members = parse_qs(query, keep_blank_values=True)
    texts = members.pop("partitions", [])
    if members or len(texts) != 1 or not texts[0].isascii() or not texts[0].isdigit():
        raise ConfigurationError(f"--log {url}: after ? stands partitions=N and nothing else")
    count = int(texts[0])
    if not 1 <= count <= _PARTITIONS_MAX:
        raise ConfigurationError(f"--log {url}: partitions is from 1 to {_PARTITIONS_MAX}")
    return count
