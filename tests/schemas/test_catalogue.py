"""The JSON Schemas that producers in any language are given."""

from __future__ import annotations

import base64
import json
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


def test_no_schema_file_is_left_over():
    assert sorted(FACTS) == sorted(path.stem for path in FOLDER.glob("*.json"))


SEEN_BY_A_SCHEMA = {
    None,
    "envelope_must_be_a_cloud_event",
    "subject_must_be_a_pseudonym",
    "data_must_match_its_type",
}
BEYOND_A_PATTERN = {
    "30 February",
    "29 February of a common year",
    "year 0",
    "time in year 0",
    "time: a month 13",
    "a subject with a trailing newline",
    "a type in capitals",
}


def _judged_by_schema() -> list[dict]:
    judged = []
    for case in CASES:
        if case["rule"] not in SEEN_BY_A_SCHEMA or case["name"] in BEYOND_A_PATTERN:
            continue
        raw = case.get("value")
        text = raw.encode() if raw is not None else base64.b64decode(case["value_base64"])
        value = json.loads(text)
        if isinstance(value, dict) and value.get("type") in FACTS:
            judged.append({"name": case["name"], "value": value, "event": case["rule"] is None})
    return judged


@pytest.mark.parametrize("case", _judged_by_schema(), ids=lambda case: case["name"])
def test_a_schema_accepts_what_admission_accepts(case):
    """But for what no pattern can say: which days a month has, for example."""
    schema = event_schemas()[case["value"]["type"]]

    assert case["event"] == jsonschema.Draft202012Validator(schema).is_valid(case["value"])
