"""The whole story on the embedded log: a school's history, its report then and now, replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log import Acknowledged, NewRecord, SqliteAddress
from ledger.log.archive.files import write_atomically
from ledger.log.sqlite.log import SqliteLog
from ledger.report import Report, ReportQuery, encode_report, make_reports
from outcomes.synthetic import generate
from projections.policy import Policy

__all__ = ["AS_OF_MS", "YEAR", "Demo", "run_demo"]

YEAR = 2022
AS_OF_MS = 1_680_299_999_999
"""2023-03-31T23:59:59.999+02:00."""
LOG_FILE = "demo-ledger.db"
THEN_FILE = "report-2022-as-known-on-2023-03-31.json"
NOW_FILE = "report-2022.json"


class Demo(NamedTuple):
    """The result of the demo.

    Attributes:
        acknowledged: By the log.
        then: The report as known on 31 March 2023.
        now: The report as known at the log's end.
        replays_agree: Whether a second replay gave the same bytes.
        log_file: The log.
        then_file: Holds `then`.
        now_file: Holds `now`.
    """

    acknowledged: Acknowledged
    then: Report
    now: Report
    replays_agree: bool
    log_file: Path
    then_file: Path
    now_file: Path


def run_demo(
    students: int, seed: int, folder: Path, policy: Policy, notify: Callable[[str], None]
) -> Demo:
    """Run it; the files of an earlier run in the folder are replaced.

    Args:
        students: Distinct persons.
        seed: Of the synthetic history.
        folder: Where the log and the reports are put; made when missing.
        policy: To report under.
        notify: Gets one sentence a step.

    Raises:
        StoreError: If the folder cannot be written to.
    """
    with closing(_new_log(folder)) as log:
        notify(f"generating {students:,} students (seed {seed}) and appending their events")
        acknowledged = log.append(_history(students, seed))
        count = f"{acknowledged.records:,} records acknowledged"
        notify(f"{count}; replaying as known on 31 March 2023")
        then = _report(log, policy, moments=[AS_OF_MS])
        notify("replaying as known now")
        now = _report(log, policy)
        notify("replaying once more, to compare")
        agree = encode_report(now) == encode_report(_report(log, policy))
    files = (folder / THEN_FILE, folder / NOW_FILE)
    for file, report in zip(files, (then, now), strict=True):
        _write(file, report)
    return Demo(acknowledged, then, now, agree, folder / LOG_FILE, *files)


def _new_log(folder: Path) -> SqliteLog:
    log_file = SqliteAddress.of_file(folder / LOG_FILE).path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (LOG_FILE, f"{LOG_FILE}-wal", f"{LOG_FILE}-shm"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}; choose another folder with --out") from error
    return SqliteLog.open(log_file, create=True)


def _history(students: int, seed: int) -> Iterator[NewRecord]:
    for record in generate(students, seed):
        yield NewRecord(record.key, record.value, record.recorded_at)


def _report(log: SqliteLog, policy: Policy, moments: Sequence[int] = ()) -> Report:
    (report,) = make_reports(log, ReportQuery([YEAR], [policy], moments=moments))
    return report


def _write(file: Path, report: Report) -> None:
    try:
        write_atomically(file, encode_report(report))
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}; choose another folder with --out") from error
