"""The description of the HTTP API is what the server does.

A few requests to each address are drawn in a test; `OUTCOMES_TEST_REQUESTS=1000` draws more.
Streams do not end, so they are tested apart.
"""

from __future__ import annotations

import json
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.server import serving

REQUESTS = int(os.environ.get("OUTCOMES_TEST_REQUESTS", "12"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    log = tmp_path_factory.mktemp("openapi") / "ledger.db"
    with serving(f"sqlite:{log}", "--insecure-dev") as server:
        server.wait_for_figures()
        yield server


@pytest.fixture(scope="module")
def document(server):
    return server.ask("/v1/openapi.json").json()


@pytest.fixture(scope="module")
def api(server):
    return schemathesis.openapi.from_url(f"{server.origin}/v1/openapi.json").exclude(
        path="/v1/stream"
    )


def test_no_request_gets_an_answer_that_is_not_described(api):
    operations = [operation.ok() for operation in api.get_all_operations()]
    for operation in operations:

        @settings(
            max_examples=REQUESTS,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            case.call_and_validate(checks=CHECKS)

        ask()
    assert {"/v1/events", "/v1/kpis", "/metrics"} <= {each.path for each in operations}


class TestExamples:
    """An example in the description is one that works."""

    def test_events(self, server, document):
        post = document["paths"]["/v1/events"]["post"]
        headers = {each["name"]: each["example"] for each in post["parameters"]
                   if each["in"] == "header"}  # fmt: skip
        for kind, media in post["requestBody"]["content"].items():
            binary = headers if kind == "application/json" else {}
            answer = server.ask(
                "/v1/events", method="POST", body=json.dumps(media["example"]).encode(),
                **{"Content-Type": kind}, **binary,
            )  # fmt: skip

            assert 200 == answer.status, answer
            described = post["responses"]["200"]["content"]["application/json"]
            Draft202012Validator(described["schema"]).validate(answer.json())
            Draft202012Validator(described["schema"]).validate(described["example"])

    @pytest.mark.parametrize(
        "path", ["/v1/reports/{year}", "/v1/kpis", "/v1/stream", "/v1/health", "/v1/ready"]
    )
    def test_answers_have_examples(self, document, path):
        (media,) = document["paths"][path]["get"]["responses"]["200"]["content"].values()

        assert media["example"]

    def test_it_is_openapi_3_1(self, document):
        assert document["openapi"].startswith("3.1.")
