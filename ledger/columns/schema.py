"""Records as typed columns: one row a record, admitted or not, as Parquet that any tool reads.

Admission is that of `schemas`; nothing here judges or counts. The files are derived from a log and
can be rebuilt at any time: they are not evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson

from ledger.columns.members import DATA, ENTRIES
from schemas.admission import Quarantined, admit
from schemas.events import CATEGORIES, FACTS, Evidence, Identity
from schemas.glimpse import glimpse_record, key_subject
from schemas.moments import instant
from schemas.record import Record

__all__ = [
    "EMPTY",
    "LAYOUT",
    "QUARANTINED",
    "REPLAYED",
    "ROW",
    "SEPARATOR",
    "content_text",
    "entry_bit",
    "hash128",
    "name_hash",
    "row_line",
    "student_hash",
    "type_bits",
    "typed",
]

LAYOUT = 5
"""The version of these columns: their names, types and meanings; any other has another number."""

SEPARATOR = "\x1f"
"""What stands between two texts in `content_text`; a text that has one is escaped."""

_POSITIONS = {path: position for position, path in enumerate(ENTRIES)}
# The columns of a row before those that are derived; the members of `data` keep their names.
ROW = {
    "partition": "integer",
    "offset": "bigint",
    "recorded_at": "bigint",
    "rule": "varchar",
    "key_student": "uuid",
    "named_student": "uuid",
    "named_event": "uuid",
    "subject": "varchar",
    "source": "varchar",
    "id": "varchar",
    "type": "varchar",
    "micros": "bigint",
    "time_nanos": "smallint",
    "content": "varchar",
    "application_id": "varchar",
    "enrollment_id": "varchar",
    "programme": "varchar",
    "applied_on": "date",
    "enrolled_on": "date",
    "expected_graduation_on": "date",
    "funding": "varchar",
    "decided_on": "date",
    "withdrew_on": "date",
    "reason": "varchar",
    "graduated_on": "date",
    "credential": "varchar",
    "survey": "varchar",
    "answered_on": "date",
    "status": "varchar",
    "job_found_on": "date",
    "in_field": "boolean",
    "employment": "varchar",
    "by_school": "boolean",
    "outcome_on": "date",
    "kind": "varchar",
    "credited": "boolean",
    "stated_by": "varchar",
    "evidence": "struct(sha256 varchar, uri varchar)",
    "declared_on": "date",
    "categories": "varchar[]",
    "retracts": "struct(source varchar, id varchar)",
    "category_bits": "utinyint",
}

QUARANTINED = ("key_student", "named_student", "named_event")
"""Of a quarantined record alone: whom its key names, and whom and what it names, read leniently."""


def hash128(*columns: str) -> str:
    """SQL for 128 bits of SHA-256 in place of some texts; null where one of them is null.

    A hash is compared and sorted in a fraction of the time. The lengths keep the texts apart, and
    the first text says of what they are.
    """
    first, *others = columns
    texts = "".join(f", strlen({column}), ':', {column}" for column in others)
    text = f"concat({first}{texts})" if others else first
    digest = f"unhex(substring(sha256({text}), 1, 32))::uuid"
    are_known = " and ".join(f"{column} is not null" for column in columns)
    return f"case when {are_known} then {digest} end"


def student_hash(subject: str) -> str:
    """The column `student` of a subject, 32 hexadecimal digits."""
    return _hash128("student", subject)


def name_hash(source: str, event_id: str) -> str:
    """The column `named_event` of what a record calls itself, likewise."""
    return _hash128("named", source, event_id)


def _hash128(first: str, *others: str) -> str:
    texts = "".join(f"{len(text.encode())}:{text}" for text in others)
    return sha256(f"{first}{texts}".encode()).hexdigest()[:32]


_DERIVED = {
    "time": "make_timestamp(micros)",
    "digest": hash128("content"),
    "evidence_sha256": "evidence.sha256",
    "evidence_uri": "evidence.uri",
    "retracts_source": "retracts.source",
    "retracts_id": "retracts.id",
    "student": hash128("'student'", "subject"),
    "application": hash128("'application'", "subject", "application_id"),
    "enrolment": hash128("'enrolment'", "subject", "enrollment_id"),
    "identity": hash128("'event'", "subject", "source", "id"),
    "retracts_identity": hash128("'event'", "subject", "retracts.source", "retracts.id"),
    "category_bits": "category_bits",
}
_NULLS = ", ".join(f'null::{kind} as "{name}"' for name, kind in ROW.items())
EMPTY = f"(select {_NULLS} limit 0)"
"""SQL for a relation with the columns of `ROW` and no row."""

REPLAYED = tuple(
    f'"{name}"'
    for name in (
        *("partition", "offset", "recorded_at", "rule", "student", "identity", "digest"),
        *("type", "time", "time_nanos", "source", "id", "application", "enrolment"),
        *(member.name for member in DATA.values() if member.kind == "date"),
        *("funding", "reason", "survey", "status", "in_field", "kind", "credited"),
        *("category_bits", "retracts_identity"),
    )
)
"""The columns that the SQL of the columnar engine reads; the others are for other readers."""

_INTERMEDIATE = {"micros", "content", "evidence", "retracts", "category_bits"}


def typed(relation: str, known: Mapping[str, str] = MappingProxyType({})) -> str:
    """SQL: the typed columns of a relation with the columns of `ROW`.

    Args:
        relation: SQL for it.
        known: SQL for columns that it has already worked out, by name.
    """
    kept = (f'"{name}"' for name in ROW if name not in _INTERMEDIATE)
    derived = (f"{expression} as {name}" for name, expression in {**_DERIVED, **known}.items())
    return f"select {', '.join((*kept, *derived))} from {relation}"  # noqa: S608 - of constants


def row_line(record: Record, partitions: int) -> bytes:
    """A record as a row, a line of JSON: what admission says of it.

    Args:
        record: Any.
        partitions: The log's partition count.
    """
    admitted = admit(record, partitions)
    row: dict[str, Any] = {
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": record.recorded_at,
    }
    if isinstance(admitted, Quarantined):
        row |= _quarantined(record, admitted.rule)
    else:
        moment = instant(admitted.time)
        assert moment is not None
        assert record.value is not None
        micros, nanos = divmod(moment.nanos, 1_000)
        row |= vars(admitted.fact)
        row |= {
            "subject": admitted.subject,
            "source": admitted.source,
            "id": admitted.id,
            "type": admitted.fact.TYPE,
            "micros": moment.seconds * 1_000_000 + micros,
            "time_nanos": nanos,
            "content": content_text(orjson.loads(record.value)),
            "category_bits": _category_bits(vars(admitted.fact).get("categories")),
        }
    return orjson.dumps(row, default=_json_value, option=orjson.OPT_APPEND_NEWLINE)


def _quarantined(record: Record, rule: str) -> dict[str, Any]:
    """Why a record is no event, and under which names whoever looks for it finds it.

    Source: `schemas.glimpse`, of which nothing but these hashes is kept.
    """
    subject, source, event_id, *_ = glimpse_record(record)
    row = {"rule": rule}
    for column, student in (("key_student", key_subject(record.key)), ("named_student", subject)):
        if student is not None:
            row[column] = student_hash(student)
    if source is not None and event_id is not None:
        row["named_event"] = name_hash(source, event_id)
    return row


def content_text(event: Mapping[str, Any]) -> str:
    """A text that is equal for two admitted events where their content is equal, and nowhere else.

    Their type and which entries of `data` are there, as one number; which members are null; their
    time; and what the entries say, in the order of `members.ENTRIES`.

    Source: SPEC section 1, content.
    """
    data = event["data"]
    there = {path: text for path in ENTRIES if (text := _text(data, path)) is not None}
    nulls = ",".join(sorted(data)) if None in data.values() else ""
    if (data.get("evidence") or {}).get("uri", "") is None:
        nulls += "!"
    bits = type_bits(event["type"]) + sum(map(entry_bit, there))
    return SEPARATOR.join((str(bits), nulls, event["time"], *there.values()))


def entry_bit(path: str) -> int:
    """The bit of an entry of `data`."""
    return 1 << _POSITIONS[path]


def type_bits(name: str) -> int:
    """The number of an event type, in bits above those of entries."""
    return list(FACTS).index(name) << len(ENTRIES)


def _text(data: Mapping[str, Any], path: str) -> str | None:
    value: Any = data
    for name in path.split("."):
        value = None if value is None else value.get(name)
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case list():
            return orjson.dumps(value).decode()
        case _:
            return _escaped(value)


def _escaped(text: str) -> str:
    return text.replace("\x1b", "\x1be").replace(SEPARATOR, "\x1bs")


def _category_bits(categories: frozenset[str] | None) -> int | None:
    if categories is None:
        return None
    return sum(1 << bit for bit, name in enumerate(CATEGORIES) if name in categories)


def _json_value(value: object) -> object:
    if isinstance(value, frozenset):
        return [category for category in CATEGORIES if category in value]
    assert isinstance(value, Evidence | Identity)
    return vars(value)
