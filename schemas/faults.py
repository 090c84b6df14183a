"""What is wrong with a record, for the person who can correct it: where, and in a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
from pydantic import ValidationError

from schemas.envelope import Envelope
from schemas.events import FACTS, Fact
from schemas.finding import Finding
from schemas.record import Record
from schemas.rules import (
    Reading,
    Rule,
    broken_rule,
    data_must_match_its_type,
    date_must_be_plausible,
    envelope_must_be_a_cloud_event,
    implausible_dates,
    key_must_equal_subject,
    partition_must_follow_key,
    read,
    schema_version_must_be_known,
    subject_must_be_a_pseudonym,
    type_must_be_known,
    value_must_be_json,
)

__all__ = ["faults"]

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
    located = list(_LOCATE[rule](reading)) if rule in _LOCATE else []
    whole = (_POINTERS.get(rule, ""), _sentence(rule))
    return [Finding(rule.__name__, pointer, reason) for pointer, reason in located or [whole]]


def _sentence(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().rstrip(".")


def _syntax_faults(reading: Reading) -> Iterator[_Located]:
    try:
        orjson.loads((reading.record.value or b"").decode("utf-8"))
    except UnicodeDecodeError as error:
        yield "", f"not UTF-8 at byte {error.start + 1}"
    except orjson.JSONDecodeError as error:
        yield "", f"{error.msg}, at character {error.pos + 1}"


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


def _model_faults(model: type[Envelope | Fact], data: object, parent: str) -> Iterator[_Located]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            yield parent + _pointer(fault["loc"]), fault["msg"]


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)


_POINTERS: dict[Rule, str] = {
    subject_must_be_a_pseudonym: "/subject",
    key_must_equal_subject: "/subject",
    partition_must_follow_key: "/subject",
    type_must_be_known: "/type",
    schema_version_must_be_known: "/type",
}
_LOCATE: dict[Rule, Callable[[Reading], Iterator[_Located]]] = {
    value_must_be_json: _syntax_faults,
    envelope_must_be_a_cloud_event: _envelope_faults,
    data_must_match_its_type: _data_faults,
    date_must_be_plausible: _date_faults,
}
