"""What is wrong with a record, for the person who can mend it: where, and in a few words."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from pydantic import ValidationError

from schemas.admission import (
    RULES,
    Candidate,
    Rule,
    data_must_match_its_type,
    date_must_be_plausible,
    envelope_must_be_a_cloud_event,
    implausible,
    key_must_equal_subject,
    partition_must_follow_key,
    schema_version_must_be_known,
    subject_must_be_a_pseudonym,
    type_must_be_known,
    value_must_be_json,
)
from schemas.envelope import Envelope
from schemas.events import FACTS, Fact
from schemas.record import Record

__all__ = ["Fault", "faults"]


class Fault(NamedTuple):
    """One thing that is wrong with a record.

    Attributes:
        rule: The first rule that the record fails.
        pointer: JSON pointer (RFC 6901) to the member at fault; empty for the whole record.
        reason: A few words for a person.
    """

    rule: str
    pointer: str
    reason: str


_POINTERS: dict[Rule, str] = {
    subject_must_be_a_pseudonym: "/subject",
    key_must_equal_subject: "/subject",
    partition_must_follow_key: "/subject",
    type_must_be_known: "/type",
    schema_version_must_be_known: "/type",
}


def faults(record: Record, partitions: int) -> list[Fault]:
    """What is wrong with a record: every place at which it fails its first failing rule.

    Returns:
        Nothing when the record is an event.
    """
    candidate = Candidate(record, partitions)
    failed = next((rule for rule in RULES if not rule(candidate)), None)
    if failed is None:
        return []
    name = failed.__name__
    if failed is envelope_must_be_a_cloud_event:
        return _model_faults(name, Envelope, candidate.decoded, "")
    if failed is data_must_match_its_type:
        envelope = candidate.envelope
        return _model_faults(name, FACTS[envelope.type], envelope.data, "/data")
    if failed is date_must_be_plausible:
        reason = "a date from 1900-01-01 to 2199-12-31"
        pointers = implausible(candidate.fact, candidate.envelope.time)
        return [Fault(name, pointer, reason) for pointer in pointers]
    reason = (failed.__doc__ or "").strip().rstrip(".")
    if failed is value_must_be_json:
        reason = _parse_error(candidate.value) or reason
    return [Fault(name, _POINTERS.get(failed, ""), reason)]


def _parse_error(value: bytes) -> str | None:
    try:
        orjson.loads(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start + 1}"
    except orjson.JSONDecodeError as error:
        return f"{error.msg}, at character {error.pos + 1}"
    return None


def _model_faults(
    rule: str, model: type[Envelope | Fact], data: object, parent: str
) -> list[Fault]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [
            Fault(rule, parent + _pointer(one["loc"]), one["msg"])
            for one in error.errors(include_url=False, include_input=False)
        ]
    raise AssertionError(rule)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)
