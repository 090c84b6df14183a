"""The events as JSON Schema 2020-12, for producers in any language; made from the classes.

A schema says what a value must look like; the rules of `admission` that need the key, the
partition, exact bytes or the calendar are named in its `$comment`.
"""

from __future__ import annotations

from typing import Any

from schemas.envelope import SUBJECT, Envelope
from schemas.events import FACTS

__all__ = ["event_schema", "event_schemas"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMMENT = (
    "Also: at most 65,536 bytes of UTF-8, nesting at most 16, member names unique, the record key"
    " is the subject, dates exist and lie from 1900-01-01 to 2199-12-31, time is RFC 3339 with T,"
    " an offset or Z and no leap second."
)


def event_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every event type, by type."""
    return {name: event_schema(name) for name in FACTS}


def event_schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of one event type: the envelope with the type's `data`.

    Args:
        event_type: Such as `ledger.student.applied.v1`.

    Raises:
        KeyError: If there is no such type.
    """
    fact = FACTS[event_type]
    schema = _without_noise(Envelope.model_json_schema())
    data = _without_noise(fact.model_json_schema())
    definitions = data.pop("$defs", {})
    properties = schema["properties"]
    properties["type"] = {"const": event_type}
    properties["subject"] = {"type": "string", "pattern": f"^{SUBJECT.pattern}$"}
    properties["data"] = data
    return {
        "$schema": _DIALECT,
        "$id": f"urn:outcome-ledger:{event_type}",
        "$comment": _COMMENT,
        "title": event_type,
        "description": fact.__doc__,
        "type": "object",
        "properties": properties,
        "required": schema["required"],
        "additionalProperties": True,
        **({"$defs": definitions} if definitions else {}),
    }


def _without_noise(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out titles that repeat a name, and defaults that only mean absent."""
    members = {name: value for name, value in schema.items() if name not in ("title", "default")}
    for name in ("properties", "$defs"):
        if name in members:
            members[name] = {key: _without_noise(value) for key, value in members[name].items()}
    return members
