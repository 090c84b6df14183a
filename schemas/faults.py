"""What is wrong with a record, for the person who can correct it: where, and in a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard, get_args

import orjson
from pydantic import BaseModel, ValidationError

from schemas.envelope import Envelope
from schemas.events import FACTS, Fact
from schemas.finding import Finding
from schemas.json_places import escape_pointer, infinite_numbers, repeated_members
from schemas.reasons import model_reason, subject_reason, type_reason, version_reason
from schemas.record import Record
from schemas.rules import (
    VALUE_BYTES_MAX,
    Reading,
    Rule,
    broken_rule,
    data_must_match_its_type,
    date_must_be_plausible,
    envelope_must_be_a_cloud_event,
    implausible_dates,
    key_must_equal_subject,
    members_must_be_unique,
    nesting_must_not_exceed_16,
    numbers_must_be_finite,
    partition_must_follow_key,
    read,
    schema_version_must_be_known,
    subject_must_be_a_pseudonym,
    tombstone_is_not_an_event,
    type_must_be_known,
    value_must_be_json,
    value_must_not_exceed_64_kib,
)

__all__ = ["faults"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_Located = tuple[str, str]  # pointer and reason of a finding


def faults(record: Record, partitions: int) -> list[Finding]:
    """What is wrong with a record: every place at which it fails its first failing rule.

    Returns:
        Nothing when the record is an event.
    """
    reading = read(record, partitions)
    rule = broken_rule(reading)
    if rule is None:
        return []
    located = list(_LOCATE[rule](reading)) or [("", _sentence(rule))]
    return [Finding(rule.__name__, pointer, reason) for pointer, reason in located]


def _sentence(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().rstrip(".")


def _tombstone_faults(_: Reading) -> Iterator[_Located]:
    yield "", "the value is null"


def _size_faults(reading: Reading) -> Iterator[_Located]:
    yield "", f"{len(reading.record.value or b''):,} bytes; at most {VALUE_BYTES_MAX:,}"


def _key_faults(reading: Reading) -> Iterator[_Located]:
    key = "there is no record key" if reading.record.key is None else "the record key is another"
    yield "/subject", f"{key}; send the subject's bytes as the key"


def _partition_faults(_: Reading) -> Iterator[_Located]:
    yield "/subject", "the record is in another partition than Kafka's own partitioner chooses"


def _syntax_faults(reading: Reading) -> Iterator[_Located]:
    value = reading.record.value or b""
    if value.startswith(_BYTE_ORDER_MARK):
        yield "", "begins with a byte order mark; save it as UTF-8 without one"
        return
    try:
        orjson.loads(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        yield "", f"not UTF-8 at byte {error.start + 1}"
    except orjson.JSONDecodeError as error:
        yield "", f"{error.msg}, at character {error.pos + 1}"


def _repetition_faults(reading: Reading) -> Iterator[_Located]:
    for pointer, count in repeated_members(reading.record.value or b""):
        yield pointer, f"a member that is there {count:,} times; keep one"


def _number_faults(reading: Reading) -> Iterator[_Located]:
    for pointer in infinite_numbers(reading.record.value or b""):
        yield pointer, "a number beyond 1.8e308; write a smaller one, or a string"


def _nesting_faults(reading: Reading) -> Iterator[_Located]:
    assert reading.shape is not None
    yield "", f"{reading.shape.depth:,} levels; at most 16, of which the object is the first"


def _envelope_faults(reading: Reading) -> Iterator[_Located]:
    return _model_faults(Envelope, reading.decoded, "")


def _data_faults(reading: Reading) -> Iterator[_Located]:
    envelope = reading.envelope
    assert envelope is not None
    return _model_faults(FACTS[envelope.type], envelope.data, "/data")


def _date_faults(reading: Reading) -> Iterator[_Located]:
    fact, envelope = reading.fact, reading.envelope
    assert fact is not None
    assert envelope is not None
    for pointer in implausible_dates(fact, envelope.time):
        yield pointer, "a date from 1900-01-01 to 2199-12-31"


def _subject_faults(reading: Reading) -> Iterator[_Located]:
    assert reading.envelope is not None
    yield "/subject", subject_reason(reading.envelope.subject)


def _type_faults(reading: Reading) -> Iterator[_Located]:
    assert reading.envelope is not None
    yield "/type", type_reason(reading.envelope.type)


def _version_faults(reading: Reading) -> Iterator[_Located]:
    assert reading.envelope is not None
    yield "/type", version_reason(reading.envelope.type)


def _model_faults(model: type[Envelope | Fact], data: object, parent: str) -> Iterator[_Located]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            location = fault["loc"]
            pointer = "".join(map(escape_pointer, location))
            yield parent + pointer, model_reason(fault, _owner(model, location))


def _owner(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The class of the object that has the member at a location."""
    for step in location[:-1]:
        annotation = model.model_fields[str(step)].annotation
        nested = [kind for kind in (annotation, *get_args(annotation)) if _is_model(kind)]
        model = nested[0]
    return model


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_LOCATE: dict[Rule, Callable[[Reading], Iterator[_Located]]] = {
    tombstone_is_not_an_event: _tombstone_faults,
    value_must_not_exceed_64_kib: _size_faults,
    value_must_be_json: _syntax_faults,
    members_must_be_unique: _repetition_faults,
    numbers_must_be_finite: _number_faults,
    nesting_must_not_exceed_16: _nesting_faults,
    envelope_must_be_a_cloud_event: _envelope_faults,
    subject_must_be_a_pseudonym: _subject_faults,
    key_must_equal_subject: _key_faults,
    partition_must_follow_key: _partition_faults,
    type_must_be_known: _type_faults,
    schema_version_must_be_known: _version_faults,
    data_must_match_its_type: _data_faults,
    date_must_be_plausible: _date_faults,
}
