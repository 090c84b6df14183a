"""Dead letters and explanations of a log on Kafka, where workers share the partitions."""

from __future__ import annotations

import json

import pytest

from schemas.partition import partition_of
from tests.support.applications import APPLIED, changed
from tests.support.histories import story
from tests.support.producers import produce
from tests.support.server import serving
from tests.support.workers import Worker, run_outcomes, wait_until

pytestmark = pytest.mark.kafka

SUBJECT = APPLIED["subject"].encode()


@pytest.fixture
def url(kafka):
    made = kafka.url(kafka.name())
    assert 0 == run_outcomes("topic", "create", "--log", made, "--partitions", "2").returncode
    return made


def test_a_letter_in_a_wrong_partition_is_repaired_where_it_belongs(kafka, url, tmp_path):
    """The letter's worker and its repair's are different ones."""
    home = partition_of(SUBJECT, 2)
    topic = url.rpartition("/")[2]
    produce(kafka, topic, [(SUBJECT, changed()), (SUBJECT, changed(id="2"))], partition=1 - home)
    produce(
        kafka, topic, [(SUBJECT, changed(id="3", data=story("applied a9 2022-04-01")[0]["data"]))]
    )
    worker = Worker(url, tmp_path / "worker.db")
    try:
        with serving(url, "--insecure-dev") as server:
            report = server.wait_for_figures()
            assert 2 == report["records"]["quarantined"]["partition_must_follow_key"]
            both = {"partition_must_follow_key": 2}
            wait_until(
                lambda: server.ask("/v1/dead-letters").json()["counts"]["open"] == both,
                "the letters",
            )
            path = "/v1/dead-letters?rule=partition_must_follow_key"
            done = server.ask(path, method="POST").json()["resubmissions"]

            assert [f"{1 - home}:0", f"{1 - home}:1"] == [row["letter"] for row in done]
            assert {str(home)} == {row["event"].partition(":")[0] for row in done}
            counts = server.ask("/v1/dead-letters").json()["counts"]
            assert {"open": {}, "repaired": both} == counts
            wait_until(
                lambda: counts == server.ask("/v1/kpis?year=2022").json()["dead_letters"],
                "the same of the key figures",
            )
            body = server.ask("/v1/explain?year=2022&measure=applicants").json()
            assert 1 == body["figure"], json.dumps(body)
            again = server.post([changed(time="2024-01-15T11:00:00Z")])
            assert {"acknowledged", "events"} == again.json().keys()
            wait_until(
                lambda: server.ask("/v1/kpis?year=2022").json()["records"]["conflicts"] == 1,
                "the conflict, which no broker has seen",
            )
    finally:
        worker.kill()
