"""Checks of the installation, the policies and a log: one check a line."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

from ledger.clock import now_ms
from ledger.errors import DamagedArchiveError, LedgerError, UnreachableError
from ledger.log import Check, Log, LogAddress, TopicAddress, format_cut, open_log, parse_address
from ledger.log.archive import as_archive
from ledger.log.kafka.waiting import remaining_seconds, share_patience
from ledger.numbers import pluralise
from processors.live_checks import examine_live
from projections.policy import built_in_policies
from projections.zones import zone_data_release
from schemas.moments import utc_text

__all__ = ["examine"]

_PACKAGES = ("pydantic", "orjson", "sqlite-utils", "aiokafka", "tzdata")
_Checks = Callable[[Log], Iterator[Check]]
_RELEASED_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000)


def examine(address: LogAddress | str, *, deep: bool = False) -> Iterator[Check]:
    """Check the machine, the policies and a log; may read all of the log.

    All checks together wait for brokers that are away as long as one question of a command does.

    Args:
        address: Of the log; a URL that is not one is a finding.
        deep: Read all of the log to count quarantined records, where otherwise 10 s must do.
    """
    yield from _installation_checks(now_ms())
    with share_patience():
        yield from _log_checks(address, deep=deep)


def _log_checks(address: LogAddress | str, *, deep: bool) -> Iterator[Check]:
    try:
        parsed = parse_address(address) if isinstance(address, str) else address
        log = open_log(parsed)
    except DamagedArchiveError as error:
        yield from (Check("archive", "broken", finding) for finding in error.findings)
        return
    except LedgerError as error:
        yield Check("log", "broken", str(error))
        return
    figure_checks = partial(examine_live, parsed, deep=deep)
    groups: list[_Checks] = [_position_checks, _own_checks, _column_checks, figure_checks]
    if isinstance(parsed, TopicAddress):
        # Whether the brokers answer explains all that follows.
        groups = [_own_checks, _position_checks, figure_checks]
    with closing(log):
        yield from _isolate(log, groups)


def _isolate(log: Log, groups: Sequence[_Checks]) -> Iterator[Check]:
    """Groups of checks of a log; one that fails is a row, and the next ones follow in the time."""
    failures: set[str] = set()
    for group in groups:
        try:
            yield from group(log)
        except LedgerError as error:
            if str(error) not in failures:
                failures.add(str(error))
                yield Check("log", "broken", str(error))
            if isinstance(error, UnreachableError) and not remaining_seconds(1):
                return


def _installation_checks(now: int) -> Iterator[Check]:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Check("software", "fine", f"{python}; {packages}")
    yield Check("zone data", "fine", f"release {zone_data_release()}, not the machine's")
    if now < _RELEASED_MS:
        yield Check("clock", "broken", f"{utc_text(now)} is before this release; set the clock")
    else:
        yield Check("clock", "fine", utc_text(now))
    for policy in built_in_policies().values():
        yield Check("policy", "fine", f"{policy.id} version {policy.version} {policy.sha256}")


def _position_checks(log: Log) -> Iterator[Check]:
    end = log.end()
    size = f"{log.name}, {sum(end.values()):,} offsets in {pluralise(log.partitions, 'partition')}"
    yield Check("log", "fine", f"{size}, end {format_cut(end)}")
    latest = log.latest_recorded_at(end)
    # Read last: on a busy log the latest record may be younger than this command.
    now = now_ms()
    if latest is not None and latest > now:
        yield Check(
            "recorded_at",
            "warning",
            f"the latest is {utc_text(latest)}, in the future; this machine's clock may be slow",
        )
    elif latest is not None:
        yield Check("recorded_at", "fine", f"the latest is {utc_text(latest)}")


def _own_checks(log: Log) -> Iterator[Check]:
    return log.examine()


def _column_checks(log: Log) -> Iterator[Check]:
    archive = as_archive(log)
    if archive is not None:
        from ledger.columns.cache import examine_columns  # noqa: PLC0415 - DuckDB is not for every log
        from ledger.evidence.leaf_files import examine_leaves  # noqa: PLC0415 - for archives alone

        yield examine_columns(archive)
        yield examine_leaves(archive)
