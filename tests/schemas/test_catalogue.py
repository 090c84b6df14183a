"""The JSON Schemas that producers in any language are given."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from schemas.catalogue import event_schemas
from schemas.events import FACTS

FOLDER = Path(__file__).parents[2] / "schemas"
CASES = json.loads((Path(__file__).parents[1] / "cases" / "admission.json").read_text())["cases"]


@pytest.mark.parametrize("event_type", FACTS)
class TestCommittedSchemas:
    def test_the_file_is_the_one_that_the_classes_give(self, event_type):
        """`make schemas` rewrites them."""
        committed = json.loads((FOLDER / f"{event_type}.json").read_text())

        assert event_schemas()[event_type] == committed

    def test_it_is_a_schema_of_2020_12(self, event_type):
        jsonschema.Draft202012Validator.check_schema(event_schemas()[event_type])

    def test_every_property_can_have_a_value_so_that_generated_types_have_no_other(
        self, event_type
    ):
        """A generator makes a member of whatever is listed, and writes null or "" into it."""
        for schema in _schemas_within(event_schemas()[event_type]):
            for name, member in schema.get("properties", {}).items():
                assert {"type", "anyOf", "$ref"} & set(member) if member is not True else name
        assert "data_base64" not in event_schemas()[event_type]["properties"]

    def test_generators_are_given_a_name_for_every_object_and_every_choice(self, event_type):
        titles = {}
        for schema in _schemas_within(event_schemas()[event_type]):
            if "enum" in schema or schema.get("type") == "object":
                titles.setdefault(schema["title"], schema)
                assert titles[schema["title"]] == schema

    def test_an_absent_media_type_has_a_default_that_is_admitted(self, event_type):
        """Generated classes write it where they would write null, which is refused."""
        member = event_schemas()[event_type]["properties"]["datacontenttype"]
        assert "application/json" == member["default"]


def _schemas_within(value) -> Iterator[dict]:
    """Every object of a JSON Schema, itself included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            yield from _schemas_within(child)


def test_no_schema_file_is_left_over():
    assert sorted(FACTS) == sorted(path.stem for path in FOLDER.glob("*.json"))


SEEN_BY_A_SCHEMA = {
    None,
    "envelope_must_be_a_cloud_event",
    "subject_must_be_a_pseudonym",
    "data_must_match_its_type",
    "date_must_be_plausible",
}
BEYOND_A_SCHEMA = {"time in 1899 by its UTC date"}


def _judged_by_schema() -> list[dict]:
    judged = []
    for case in CASES:
        if case["rule"] not in SEEN_BY_A_SCHEMA or case["name"] in BEYOND_A_SCHEMA:
            continue
        raw = case.get("value")
        text = raw.encode() if raw is not None else base64.b64decode(case["value_base64"])
        value = json.loads(text)
        if isinstance(value, dict) and value.get("type") in FACTS:
            judged.append({"name": case["name"], "value": value, "event": case["rule"] is None})
    return judged


@pytest.mark.parametrize("case", _judged_by_schema(), ids=lambda case: case["name"])
def test_a_schema_accepts_what_admission_accepts(case):
    """But for an instant that is outside of the years that count in UTC alone."""
    schema = event_schemas()[case["value"]["type"]]

    assert case["event"] == jsonschema.Draft202012Validator(schema).is_valid(case["value"])
