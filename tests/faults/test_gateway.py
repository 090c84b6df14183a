"""A sample of what `tests.faults.gateway` and `tests.faults.ending` run at full size."""

from __future__ import annotations

import pytest

from tests.faults import ending
from tests.faults.gateway import run_on_a_file, run_on_kafka

EVENTS = 2_000
STREAMS = 40


def test_a_server_that_is_killed_loses_nothing_and_counts_nothing_twice(tmp_path):
    assert EVENTS <= run_on_a_file(tmp_path, EVENTS, seed=5)


@pytest.mark.kafka
def test_a_broker_that_is_restarted_loses_nothing_and_counts_nothing_twice(kafka, tmp_path):
    assert EVENTS <= run_on_kafka(kafka, tmp_path, EVENTS, seed=6)


def test_a_server_that_is_ended_finishes_what_it_has_accepted_and_ends_every_stream(tmp_path):
    ending.run(tmp_path, STREAMS)
