"""Metrics count what happened, under labels from closed lists."""

from __future__ import annotations

import pytest

from outcomes.serve.metrics import Metrics
from tests.support.applications import APPLIED, changed
from tests.support.metrics import value_of
from tests.support.server import serving
from tests.support.workers import wait_until


def test_a_type_that_is_not_known_is_other():
    metrics = Metrics()
    metrics.count_events(["s-1", None, ["x"], APPLIED["type"]], "refused")

    text = metrics.exposition(0).decode()

    assert "s-1" not in text
    assert 3 == value_of(text, 'outcomes_gateway_events_total{result="refused",type="other"}')
    known = f'outcomes_gateway_events_total{{result="refused",type="{APPLIED["type"]}"}}'
    assert 1 == value_of(text, known)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    log = tmp_path_factory.mktemp("metrics") / "ledger.db"
    with serving(f"sqlite:{log}", "--insecure-dev") as server:
        yield server


def folded(server):
    sample = 'outcomes_folded_records_total{state="events"}'
    text = server.ask("/metrics").body.decode()
    return value_of(text, sample) if sample in text else 0


def test_a_server_counts_events_commits_and_answers(server):
    at_first = server.ask("/metrics").body.decode()
    server.post([changed(), changed(id="2")])
    server.post(b"no event")
    server.post(changed(id="3", data={}))
    server.wait_for_figures()

    text = server.ask("/metrics").body.decode()

    acknowledged = (
        f'outcomes_gateway_events_total{{result="acknowledged",type="{APPLIED["type"]}"}}'
    )
    assert 2 == value_of(text, acknowledged)
    assert 1 == value_of(text, 'outcomes_gateway_events_total{result="refused",type="other"}')
    refused = f'outcomes_gateway_events_total{{result="refused",type="{APPLIED["type"]}"}}'
    assert 1 == value_of(text, refused)
    assert 1 == value_of(text, "outcomes_log_commit_seconds_count")
    assert 1 == value_of(text, "outcomes_log_available")
    assert "outcomes_figures_available" in at_first
    wait_until(lambda: folded(server) == 2, "the worker's own metrics")
    answered = 'outcomes_http_request_seconds_count{route="/v1/events",status="422"}'
    assert 2 == value_of(text, answered)


def test_a_path_that_does_not_exist_makes_no_label(server):
    server.ask("/v1/s-secret")

    assert "s-secret" not in server.ask("/metrics").body.decode()
