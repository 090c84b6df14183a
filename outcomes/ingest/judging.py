"""Judging lines: an event or a record to append, or what is wrong with the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, cast

import orjson

from ledger.clock import now_ms
from ledger.log import NewRecord
from ledger.log.record_lines import parse_record
from outcomes.ingest.lines import Line
from outcomes.ingest.personal_data import personal_data_findings
from schemas.admission import Event, admit_decoded
from schemas.faults import faults
from schemas.finding import Finding
from schemas.record import Record, as_record
from schemas.rules import VALUE_BYTES_MAX, decode
from schemas.text import one_line

__all__ = ["EVENTS", "RECORDS", "Judgement", "LineFinding", "LineForm", "recording_findings"]

_RECORD_LINE_BYTES_MAX = 8_388_608
_NOT_A_RECORD = "line_must_be_a_record"


Judgement = tuple[NewRecord | None, list[Finding], dict[str, Any]]
"""What to append, or why not; and the members of what is an event."""


_as_new_record = cast(
    "Callable[[tuple[bytes | None, bytes, int | None]], NewRecord]",
    partial(tuple.__new__, NewRecord),
)
"""What `NewRecord._make` comes to, several times as fast."""


class LineFinding(NamedTuple):
    """What is said of a line, or of an item of an array.

    Attributes:
        number: From 1.
        finding: What is said.
        noun: `line` or `item`.
        file: The file, where there are several.
    """

    number: int
    finding: Finding
    noun: str = "line"
    file: str | None = None

    def as_json(self) -> dict[str, object]:
        """As commands print and log it."""
        file = {} if self.file is None else {"file": one_line(self.file)}
        return {**file, self.noun: self.number, **self.finding._asdict()}


class LineForm(NamedTuple):
    """What the lines of an input are.

    Attributes:
        judge: Gives a record to append, or the line's faults.
        bytes_max: The longest line that can be without a fault.
        is_any_json: Whether they may be items of an array, and packed by gzip.
    """

    judge: Callable[[Line], Judgement]
    bytes_max: int
    is_any_json: bool


def recording_findings(line: Line) -> Iterator[Finding]:
    """What an auditor would ask about an event that is recorded now; it stays an event."""
    from projections.findings import stated_findings  # noqa: PLC0415 - not for an append

    reading = decode(line.text)
    record = Record(0, line.number, now_ms(), _subject(reading[0]), line.text)
    admitted = admit_decoded(record, 1, reading)
    if isinstance(admitted, Event):
        yield from stated_findings(admitted)
        yield from personal_data_findings(reading[0])


def _judge_event(line: Line) -> Judgement:
    """An event, checked by all rules of admission but the last, which needs the log."""
    reading = decode(line.text)
    key = _subject(reading[0])
    record = as_record((0, line.number, 0, key, line.text))
    if isinstance(admit_decoded(record, 1, reading), Event):
        return _as_new_record((key, line.text, None)), [], reading[0]
    return None, faults(record._replace(key=_subject(_parsed(line.text))), 1), {}


def _judge_record(line: Line) -> Judgement:
    """A record to append as it is, unchecked."""
    if len(line.text) > _RECORD_LINE_BYTES_MAX:
        return None, [Finding(_NOT_A_RECORD, "", "over 8 MiB")], {}
    try:
        return parse_record(line.text), [], {}
    except ValueError as error:
        return None, [Finding(_NOT_A_RECORD, "", str(error))], {}


def _parsed(text: bytes) -> object:
    """The JSON value of a text of any size; None where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _subject(decoded: object) -> bytes | None:
    """The key that a producer would send; None where the line names no subject."""
    subject = decoded.get("subject") if isinstance(decoded, dict) else None
    return subject.encode("utf-8") if isinstance(subject, str) else None


EVENTS = LineForm(_judge_event, VALUE_BYTES_MAX, is_any_json=True)
"""One event a line, or an item."""

RECORDS = LineForm(_judge_record, _RECORD_LINE_BYTES_MAX, is_any_json=False)
"""One record a line, as `outcomes tail --jsonl` prints it."""
