"""Taking in JSON lines: read them from a file or a live pipe, judge them, append them.

A file is judged whole before any of it is appended, so it is appended whole or not at all. Standard
input is appended in batches, each all or none; a batch also closes when the pipe falls silent, so
that a live source is never kept waiting.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from ledger.clock import now_ms
from ledger.errors import BadInputError, LedgerError, PartlyAcknowledgedError, StoreError
from ledger.log import Log, NewRecord
from ledger.log.record_lines import parse_record
from projections.findings import stated_findings
from schemas import Event, Record, admit
from schemas.faults import faults
from schemas.rules import VALUE_BYTES_MAX

__all__ = [
    "RECORD_LINE_BYTES_MAX",
    "VALUE_BYTES_MAX",
    "Line",
    "LineFault",
    "append_batches",
    "append_whole",
    "judge",
    "judge_record",
    "open_input",
    "read_lines",
    "recording_findings",
]

RECORD_LINE_BYTES_MAX = 8_388_608
_IDLE_SECONDS = 1.0
_CHUNK_BYTES = 262_144
_BATCH_BYTES = 16_777_216
_SPOOL_BYTES = 33_554_432


class Line(NamedTuple):
    """A line of input, without its line end; of an overlong one only the beginning is kept."""

    number: int
    text: bytes


class LineFault(NamedTuple):
    """What is wrong with a line; `pointer` is a JSON pointer into the event."""

    line: int
    rule: str
    pointer: str
    reason: str


Judged = tuple[NewRecord | None, list[LineFault]]
Judge = Callable[[Line], Judged]


@contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """A file to read, or standard input for `-`.

    Raises:
        BadInputError: If there is no such file, or it is a folder.
    """
    if path == "-":
        if sys.stdin is None:
            raise BadInputError("standard input is closed; name a file, or pipe events into it")
        yield sys.stdin.buffer
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadInputError(
            f"{path}: {error.strerror}; name a file of JSON lines, or - for standard input"
        ) from error
    with stream:
        yield stream


def read_lines(
    stream: BinaryIO, size: int, *, bytes_max: int = VALUE_BYTES_MAX
) -> Iterator[list[Line]]:
    """Lines in batches; blank ones are left out, CRLF ends a line like LF.

    Args:
        stream: Backed by a file descriptor.
        size: Lines a batch at most. A batch closes early when it holds 16 MiB, and when nothing
            comes for a second.
        bytes_max: An overlong line keeps one byte more than this, enough to be refused.
    """
    descriptor = stream.fileno()
    pending, number, batch, room = b"", 0, list[Line](), _BATCH_BYTES
    while True:
        if batch and not select.select([descriptor], [], [], _IDLE_SECONDS)[0]:
            yield batch
            batch, room = [], _BATCH_BYTES
        chunk = _chunk(descriptor, stream.name)
        *whole, pending = (pending + chunk).split(b"\n")
        if not chunk and pending:
            whole, pending = [pending], b""
        pending = pending[: bytes_max + 2]
        for text in whole:
            number += 1
            line = Line(number, text.removesuffix(b"\r")[: bytes_max + 1])
            if line.text.strip():
                batch.append(line)
                room -= len(line.text)
            if len(batch) >= size or room <= 0:
                yield batch
                batch, room = [], _BATCH_BYTES
        if not chunk:
            break
    if batch:
        yield batch


def _chunk(descriptor: int, name: object) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError as error:
        raise BadInputError(f"{name} cannot be read: {error.strerror}") from error


def judge(line: Line) -> Judged:
    """An event to append, or its faults; the last rule of admission needs the log."""
    key = _subject(line.text)
    record = Record(0, line.number, 0, key, line.text)
    if isinstance(admit(record, 1), Event):
        return NewRecord(key, line.text), []
    return None, [LineFault(line.number, *fault) for fault in faults(record, 1)]


def judge_record(line: Line) -> Judged:
    """A record to append as it is, unchecked, or what makes its line unreadable."""
    if len(line.text) > RECORD_LINE_BYTES_MAX:
        return None, [LineFault(line.number, "line_must_be_a_record", "", "over 8 MiB")]
    try:
        return parse_record(line.text), []
    except ValueError as error:
        return None, [LineFault(line.number, "line_must_be_a_record", "", str(error))]


def recording_findings(line: Line) -> Iterator[LineFault]:
    """What an auditor would ask about an event that is recorded now; it stays an event."""
    record = Record(0, line.number, now_ms(), _subject(line.text), line.text)
    admitted = admit(record, 1)
    if isinstance(admitted, Event):
        for rule, pointer, reason in stated_findings(admitted):
            yield LineFault(line.number, rule, pointer, reason)


def append_whole(
    opener: Callable[[], Log],
    batches: Iterable[list[Line]],
    judge_line: Judge,
    *,
    skip_invalid: bool,
    on_fault: Callable[[LineFault], None],
) -> int:
    """Judge all lines first, then append all of them, or none where a line is at fault.

    The arguments are those of `append_batches`.

    Returns:
        The number of records acknowledged.

    Raises:
        BadInputError: If a line is at fault and `skip_invalid` does not say to go on.
    """
    with _spool() as spool:
        fault_lines = 0
        for batch in batches:
            records, faulty = _judged(batch, judge_line, on_fault)
            fault_lines += faulty
            if not fault_lines or skip_invalid:
                for record in records:
                    spool.write(_frame(record))
        if fault_lines and not skip_invalid:
            raise BadInputError(
                f"nothing appended, lines at fault: {fault_lines}; mend them, or append the others"
                " with --skip-invalid"
            )
        spool.seek(0)
        return opener().append(_unframed(spool)).records


def append_batches(
    opener: Callable[[], Log],
    batches: Iterable[list[Line]],
    judge_line: Judge,
    *,
    skip_invalid: bool,
    on_fault: Callable[[LineFault], None],
) -> Iterator[int]:
    """Append batch after batch, each all or none.

    Args:
        opener: Opens the log, which is not made for input that is at fault.
        batches: Of lines.
        judge_line: `judge` or `judge_record`.
        skip_invalid: Leave out what is at fault.
        on_fault: Told of each fault.

    Returns:
        After each batch, the number of records acknowledged so far.

    Raises:
        BadInputError: If a line is at fault; the batches before its own stay appended.
    """
    acknowledged = 0
    for batch in batches:
        records, faulty = _judged(batch, judge_line, on_fault)
        if faulty and not skip_invalid:
            raise BadInputError(
                f"stopped at line {batch[0].number} with {acknowledged} acknowledged, at fault:"
                f" {faulty} of the next {len(batch)} lines; mend them and send all again"
            )
        try:
            acknowledged += opener().append(records).records
        except PartlyAcknowledgedError as error:
            total = acknowledged + error.acknowledged
            raise PartlyAcknowledgedError(f"{error} ({total} in all)", total) from error
        except LedgerError as error:
            raise type(error)(
                f"{error} - {acknowledged} were acknowledged before; sending all again is safe"
            ) from error
        yield acknowledged


def _judged(
    batch: list[Line], judge_line: Judge, on_fault: Callable[[LineFault], None]
) -> tuple[list[NewRecord], int]:
    records, faulty = [], 0
    for line in batch:
        record, found = judge_line(line)
        if record is not None:
            records.append(record)
        faulty += bool(found)
        for fault in found:
            on_fault(fault)
    return records, faulty


def _subject(text: bytes) -> bytes | None:
    """The key that a producer would send; None where the line names no subject."""
    try:
        subject = orjson.loads(text)["subject"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return subject.encode("utf-8") if isinstance(subject, str) else None


@contextmanager
def _spool() -> Iterator[BinaryIO]:
    """Room for judged records: in memory, and on disk when they are many."""
    try:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            yield spool  # type: ignore[misc]
    except OSError as error:
        raise StoreError(
            f"temporary folder {tempfile.gettempdir()}: {error.strerror}; nothing appended, make"
            " room there or set TMPDIR"
        ) from error


def _frame(record: NewRecord) -> bytes:
    """A record as its three lengths and bytes; -1 stands for null."""
    parts = [b"" if part is None else part for part in record[:2]]
    lengths = [-1 if part is None else len(part) for part in record[:2]]
    head = f"{lengths[0]} {lengths[1]} {-1 if record[2] is None else record[2]}\n"
    return head.encode("ascii") + b"".join(parts)


def _unframed(spool: BinaryIO) -> Iterator[NewRecord]:
    while head := spool.readline():
        key, value, recorded_at = map(int, head.split())
        yield NewRecord(
            None if key < 0 else spool.read(key),
            None if value < 0 else spool.read(value),
            None if recorded_at < 0 else recorded_at,
        )
