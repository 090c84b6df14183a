"""What there is and whether it works: one check a line."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from ledger.clock import now_ms
from ledger.errors import DamagedArchiveError, LedgerError
from ledger.log import Log, format_cut, open_log
from ledger.log.archive import ArchiveLog
from ledger.log.sqlite import SqliteLog
from projections.policy import built_in_policies
from schemas.moments import utc_text

__all__ = ["Check", "examine"]

_PACKAGES = ("pydantic", "orjson", "sqlite-utils", "aiokafka", "tzdata")
_BUILT_ON_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000)


Severity = Literal["fine", "warning", "broken"]


@runtime_checkable
class _Examinable(Protocol):
    """A topic or an archive; looking at it does not import what speaks to a broker."""

    def examine(self) -> Iterator[tuple[Severity, str]]:
        """What breaks a promise of the ledger, and what to do."""


class Check(NamedTuple):
    """One thing looked at.

    Attributes:
        name: What.
        verdict: `fine`, `warning` (figures still stand) or `broken`.
        detail: What was seen, and what to do.
    """

    name: str
    verdict: Severity
    detail: str


def examine(url: str) -> Iterator[Check]:
    """Look at the machine, the policies and the log that a URL names; reads all of a file."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Check("software", "fine", f"{python}; {packages}")
    now = now_ms()
    if now < _BUILT_ON_MS:
        yield Check("clock", "broken", f"{utc_text(now)} is before this ledger was made; set it")
    else:
        yield Check("clock", "fine", utc_text(now))
    for policy in built_in_policies().values():
        yield Check("policy", "fine", f"{policy.id} version {policy.version} {policy.sha256}")
    try:
        log = open_log(url)
    except DamagedArchiveError as error:
        yield from (Check("archive", "broken", finding) for finding in error.findings)
        return
    except LedgerError as error:
        yield Check("log", "broken", str(error))
        return
    with closing(log):
        yield from _log_checks(log, now)


def _log_checks(log: Log, now: int) -> Iterator[Check]:
    end = log.end()
    what = "records" if isinstance(log, SqliteLog) else "offsets"
    held = f"{log.name}, {sum(end.values()):,} {what}"
    yield Check("log", "fine", f"{held} in {log.partitions} partitions, end {format_cut(end)}")
    latest = log.latest_recorded_at(end)
    if latest is not None and latest > now:
        yield Check(
            "recorded_at",
            "warning",
            f"the latest is {utc_text(latest)}, in the future; this machine's clock may be slow",
        )
    elif latest is not None:
        yield Check("recorded_at", "fine", f"the latest is {utc_text(latest)}")
    try:
        yield from _examined(log)
    except LedgerError as error:
        yield Check("log", "broken", str(error))


def _examined(log: Log) -> Iterator[Check]:
    """What the log finds out about itself."""
    if isinstance(log, SqliteLog):
        faults = list(log.faults())
        for fault in faults:
            yield Check("file", "broken", f"{fault}; restore {log.path} from a copy")
        if not faults:
            yield Check("file", "fine", f"{log.path} is whole, offsets dense, recorded_at ascends")
    elif isinstance(log, _Examinable):
        name = "archive" if isinstance(log, ArchiveLog) else "topic"
        for verdict, detail in log.examine():
            yield Check(name, verdict, detail)
    if isinstance(log, ArchiveLog):
        from ledger.columns.cache import examine_typed  # noqa: PLC0415 - DuckDB is not for every log

        yield Check("typed", *examine_typed(log))
