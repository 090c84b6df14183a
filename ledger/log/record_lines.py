"""Records as JSON lines: what `outcomes tail --jsonl` prints and `append --records` takes.

A key or value that is UTF-8 is text, any other is base64 under `key_base64` or `value_base64`; null
is no key, or a tombstone. In an archive `leaf_sha256` replaces a redacted value.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from ledger.log.port import NewRecord
from schemas.moments import LAST_DAY, midnight, milliseconds, utc_text
from schemas.record import Record

__all__ = ["REDACTED", "format_record", "parse_record", "read_record"]

REDACTED = "leaf_sha256"
"""The member with the 32 bytes, hexadecimal, that remain of a redacted value."""

_LAST_MS = (midnight(LAST_DAY) + 86_400) * 1_000
_MEMBERS = {
    "partition",
    "offset",
    "recorded_at",
    "key",
    "key_base64",
    "value",
    "value_base64",
}


def format_record(record: Record) -> bytes:
    r"""One line, with its line end.

    >>> format_record(Record(0, 7, 0, b"s-1", None))
    b'{"partition":0,"offset":7,"recorded_at":"1970-01-01T00:00:00.000Z","key":"s-1","value":null}\n'
    """
    partition, offset, recorded_at, key, value = record
    members: dict[str, Any] = {
        "partition": partition,
        "offset": offset,
        "recorded_at": utc_text(recorded_at),
    }
    _put(members, "key", key)
    _put(members, "value", value)
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def parse_record(line: bytes) -> NewRecord:
    """Read a line back to append it; the log gives it a new partition and offset.

    Raises:
        ValueError: If it is not such a line; the message says why.
    """
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError("not JSON") from error
    if not isinstance(members, dict):
        raise ValueError("not an object")  # noqa: TRY004 - data, not a programmer's type
    unknown = sorted(members.keys() - _MEMBERS)
    if unknown:
        raise ValueError(f"unknown member {unknown[0]}")
    return NewRecord(
        _bytes("key", members), _bytes("value", members), _moment(members.get("recorded_at"))
    )


def read_record(line: bytes) -> Record:
    """Read a line of an archive back, partition and offset included.

    Raises:
        ValueError: If it is not such a line, or its value was redacted; the message says why.
    """
    try:
        members = orjson.loads(line)
        partition, offset = members["partition"], members["offset"]
        recorded_at = _parse_moment(members["recorded_at"])
        if REDACTED in members:
            raise ValueError("its value was redacted, and no figure can be computed without it")
        key, value = _bytes("key", members), _bytes("value", members)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError("not a record") from error
    if type(partition) is not int or type(offset) is not int:
        raise ValueError("partition and offset must be whole numbers")
    return Record(partition, offset, recorded_at, key, value)


def _parse_moment(text: str) -> int:
    at_ms = milliseconds(text)
    if at_ms is None:
        raise ValueError("recorded_at must be a time")
    return at_ms


def _put(members: dict[str, Any], name: str, data: bytes | None) -> None:
    try:
        members[name] = None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        assert data is not None
        members[f"{name}_base64"] = base64.b64encode(data).decode("ascii")


def _bytes(name: str, members: dict[str, Any]) -> bytes | None:
    encoded = f"{name}_base64"
    if (name in members) == (encoded in members):
        raise ValueError(f"a record has exactly one of {name} and {encoded}")
    value = members.get(name, members.get(encoded))
    if value is None and name in members:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")  # noqa: TRY004 - data, not a programmer's type
    if name in members:
        return value.encode("utf-8")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{encoded} is not base64") from error


def _moment(text: object) -> int | None:
    if text is None:
        return None
    at_ms = milliseconds(text) if isinstance(text, str) else None
    if at_ms is None or not 0 <= at_ms < _LAST_MS:
        raise ValueError("recorded_at must be a time of 1970 to 2199, as 2023-03-31T12:00:00.000Z")
    return at_ms
