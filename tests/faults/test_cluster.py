"""A cluster with one broker away is a cluster that works: a seeded sample, the rest in a soak."""

from __future__ import annotations

import os
import random

import pytest

from deploy.broker import NoKafkaError, kafka_jars
from tests.faults.cluster_scenarios import CLUSTER_SCENARIOS
from tests.faults.stage import STUDENTS, Stage, seed_of_run
from tests.support.cluster import Cluster

pytestmark = pytest.mark.kafka

SHORT = ("kill_brokers", "freeze_brokers", "restart_brokers")
FENCING_SECONDS = 3


@pytest.fixture
def cluster(tmp_path):
    if os.environ.get("OUTCOMES_TEST_KAFKA"):
        pytest.skip("OUTCOMES_TEST_KAFKA names a broker that the tests did not start")
    try:
        jars = kafka_jars()
    except NoKafkaError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
    cluster = Cluster(tmp_path, jars, fencing_seconds=FENCING_SECONDS)
    yield cluster
    cluster.stop()


def chosen():
    """By the seed; `OUTCOMES_TEST_FAULTS=all` takes every one."""
    if os.environ.get("OUTCOMES_TEST_FAULTS") == "all":
        return sorted(CLUSTER_SCENARIOS)
    return [random.Random(seed_of_run()).choice(SHORT)]


@pytest.mark.parametrize("name", chosen())
def test_nothing_is_lost_and_every_command_succeeds_through(name, cluster, tmp_path):
    print(f"seed {seed_of_run()}")  # noqa: T201 - shown when the test fails
    stage = Stage(cluster, tmp_path, f"{seed_of_run()} {name}", students=STUDENTS)
    try:
        CLUSTER_SCENARIOS[name](stage)
    finally:
        stage.end()
