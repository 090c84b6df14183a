"""The events as JSON Schema 2020-12, for producers in any language; made from the classes.

A schema accepts what admission accepts, as far as the parsed value shows it; the rules that need
the key, the partition, exact bytes or an instant in UTC are named in its `$comment`. It serves
generators of types, too: a choice has a title, and no member is listed that must not be there.
"""

from __future__ import annotations

from typing import Any

from schemas.envelope import DEFAULT_MEDIA_TYPE, SUBJECT, Envelope
from schemas.events import CHOICES, FACTS
from schemas.patterns import text_schema

__all__ = ["event_schema", "event_schemas"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMMENT = (
    "Also: at most 65,536 bytes of UTF-8, nesting at most 16, member names unique, numbers finite,"
    " the record key is the subject, and the date of time in UTC is from 1900-01-01 to 2199-12-31."
)
_TITLES = {choices: title for title, choices in CHOICES.items()}
# A property with the schema false would be a member of every generated type.
_WITHOUT_BASE64 = {"properties": {"data_base64": True}, "required": ["data_base64"]}


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
    envelope = Envelope.model_json_schema()
    data = _for_producers(fact.model_json_schema())
    definitions = data.pop("$defs", {})
    properties = _for_producers(envelope)["properties"]
    del properties["data_base64"]
    properties["type"] = {"type": "string", "const": event_type}
    properties["subject"] = text_schema(f"^{SUBJECT.pattern}$")
    properties["data"] = {"title": fact.__name__, **data}
    properties["datacontenttype"]["default"] = DEFAULT_MEDIA_TYPE
    return {
        "$schema": _DIALECT,
        "$id": f"urn:outcome-ledger:{event_type}",
        "$comment": _COMMENT,
        "title": event_type,
        "description": fact.__doc__,
        "type": "object",
        "properties": properties,
        "required": envelope["required"],
        "not": _WITHOUT_BASE64,
        "additionalProperties": True,
        **({"$defs": definitions} if definitions else {}),
    }


def _for_producers(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose choices have titles, without titles that repeat a member's name.

    A default of null, which only means absent, and what a docstring says of attributes go too.
    """
    members = {name: value for name, value in schema.items() if name not in ("title", "default")}
    if "enum" in members:
        members = {"title": _TITLES[tuple(members["enum"])], **members}
    if "description" in members:
        members["description"] = members["description"].split("\n\n")[0]
    if "properties" in members:
        members["properties"] = {
            name: _for_producers(value) for name, value in members["properties"].items()
        }
    if "$defs" in members:
        members["$defs"] = {
            name: {"title": name, **_for_producers(value)}
            for name, value in members["$defs"].items()
        }
    if "anyOf" in members:
        members["anyOf"] = [_for_producers(value) for value in members["anyOf"]]
    if "items" in members:
        members["items"] = _for_producers(members["items"])
    return members
