"""The log on Kafka as AsyncAPI 3: which topic, which key, which events; made from the classes.

Source: SPEC section 1.
"""

from __future__ import annotations

from typing import Any

from schemas.catalogue import event_schema
from schemas.envelope import SUBJECT
from schemas.events import FACTS
from schemas.patterns import text_schema
from schemas.version import RULES_VERSION

__all__ = ["asyncapi_document"]

_MEDIA_TYPE = "application/cloudevents+json"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_BINDING_VERSION = "0.5.0"


def asyncapi_document() -> dict[str, Any]:
    """What emitters may send to the topic of a log, from the ledger's side, which receives it."""
    names = {event_type: event_type.replace(".", "_") for event_type in FACTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Outcome ledger",
            "version": str(RULES_VERSION),
            "description": "Student lifecycle events on Kafka. The version is that of the rules.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _MEDIA_TYPE,
        "channels": {
            "log": {
                "address": "{topic}",
                "description": (
                    "The log. Its partition count never changes, and the partition is that of the"
                    " key: (murmur2(key) & 0x7fffffff) mod partitions."
                ),
                "parameters": {
                    "topic": {"default": "student-lifecycle", "description": "Of the log."}
                },
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in names.values()
                },
            }
        },
        "operations": {
            "receiveEvent": {
                "action": "receive",
                "channel": {"$ref": "#/channels/log"},
                "summary": "An event becomes a record of the log, or a dead letter.",
                "messages": [
                    {"$ref": f"#/channels/log/messages/{name}"} for name in names.values()
                ],
            }
        },
        "components": {
            "messages": {name: _message(event_type) for event_type, name in names.items()}
        },
    }


def _message(event_type: str) -> dict[str, Any]:
    return {
        "name": event_type,
        "title": event_type,
        "summary": FACTS[event_type].__doc__,
        "contentType": _MEDIA_TYPE,
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": event_schema(event_type)},
        "bindings": {
            "kafka": {
                "key": {
                    **text_schema(f"^{SUBJECT.pattern}$"),
                    "description": "The subject of the event, as UTF-8.",
                },
                "bindingVersion": _BINDING_VERSION,
            }
        },
    }
