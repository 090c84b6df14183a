"""The description of the log on Kafka has every type of event, as its schema says it."""

from __future__ import annotations

import json

from schemas.asyncapi import asyncapi_document
from schemas.catalogue import event_schemas
from schemas.events import FACTS

DOCUMENT = asyncapi_document()


def references(value):
    """Every reference within the document; those of a schema are relative to the schema."""
    if isinstance(value, dict):
        if "schemaFormat" in value:
            return
        if "$ref" in value:
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def resolve(reference):
    value = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        value = value[name]
    return value


def test_every_reference_leads_somewhere():
    links = list(references(DOCUMENT))

    assert len(links) == 2 * len(FACTS) + 1
    assert all(map(resolve, links))


def test_every_type_is_a_message_with_its_schema_and_its_key():
    messages = DOCUMENT["components"]["messages"].values()

    assert event_schemas() == {each["name"]: each["payload"]["schema"] for each in messages}
    for message in messages:
        key = message["bindings"]["kafka"]["key"]
        assert message["payload"]["schema"]["properties"]["subject"].items() <= key.items()


def test_it_is_json():
    assert DOCUMENT == json.loads(json.dumps(DOCUMENT))
