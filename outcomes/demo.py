"""The whole story on the embedded log: a school's history, its report then and now, replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log import Acknowledged, NewRecord
from ledger.log.sqlite import SqliteLog
from ledger.replay import replay
from ledger.report import build_report, report_bytes
from ledger.report.document import Report
from outcomes.synthetic import generate
from projections.policy import Policy
from schemas.moments import milliseconds

__all__ = ["AS_OF", "YEAR", "Demo", "run_demo"]

YEAR = 2022
AS_OF = "2023-03-31T23:59:59.999+02:00"
LOG_FILE = "demo-ledger.db"
THEN_FILE = "report-2022-as-known-on-2023-03-31.json"
NOW_FILE = "report-2022.json"

Told = Callable[[str], None]


class Demo(NamedTuple):
    """What the demo has made.

    Attributes:
        acknowledged: By the log.
        then: The report as known on 31 March 2023.
        now: The report as known at the log's end.
        replays_agree: Whether a second replay gave the same bytes.
        log_file: The log, to go on with.
        then_file: Where `then` lies.
        now_file: Where `now` lies.
    """

    acknowledged: Acknowledged
    then: Report
    now: Report
    replays_agree: bool
    log_file: Path
    then_file: Path
    now_file: Path


def run_demo(students: int, seed: int, folder: Path, policy: Policy, told: Told) -> Demo:
    """Run it; the files of an earlier run in the folder are made anew.

    Args:
        students: Distinct persons.
        seed: Of the world.
        folder: Where the log and the reports are put; made when missing.
        policy: To report under.
        told: Handed one sentence a step.

    Raises:
        StoreError: If the folder cannot be written to.
    """
    log_file = folder / LOG_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (LOG_FILE, f"{LOG_FILE}-wal", f"{LOG_FILE}-shm"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}; choose another with --out") from error
    log = SqliteLog.open(log_file, create=True)
    told(f"generating {students:,} students (seed {seed}) and appending their events")
    acknowledged = log.append(_world(students, seed))
    told(f"{acknowledged.records:,} records acknowledged; replaying as known on 31 March 2023")
    then = _report(log, policy, as_of=AS_OF)
    told("replaying as known now")
    now = _report(log, policy)
    told("replaying once more, to compare")
    agree = report_bytes(now) == report_bytes(_report(log, policy))
    log.close()
    files = (folder / THEN_FILE, folder / NOW_FILE)
    for file, report in zip(files, (then, now), strict=True):
        _write(file, report)
    return Demo(acknowledged, then, now, agree, log_file, *files)


def _world(students: int, seed: int) -> Iterator[NewRecord]:
    for record in generate(students, seed):
        yield NewRecord(record.key, record.value, record.recorded_at)


def _report(log: SqliteLog, policy: Policy, *, as_of: str | None = None) -> Report:
    at_ms = milliseconds(as_of) if as_of else None
    cut = log.end() if at_ms is None else log.cut_as_of(at_ms)
    return build_report(replay(log, cut, [policy]), log_name=log.name, policy=policy, year=YEAR)


def _write(file: Path, report: Report) -> None:
    try:
        file.write_bytes(report_bytes(report))
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}; choose another folder with --out") from error
