"""The fault-injection soak test: `make soak`, or `python -m tests.faults.soak --minutes 60`.

First every scenario once, then storms. The seed is printed; the same one draws the same faults.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cluster_scenarios import CLUSTER_SCENARIOS
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage, seed_of_run
from tests.support.broker import Broker, Kafka, kafka_jars
from tests.support.cluster import Cluster

ALL = SCENARIOS | CLUSTER_SCENARIOS

SIZES = {
    "storm": {"students": 10_000, "rate": 1_000},
    "storm_on_a_cluster": {"students": 10_000, "rate": 500},
    "kill_brokers": {"students": 3_000},
    "freeze_brokers": {"students": 4_000},
    "restart_brokers": {"students": 3_000},
    "two_brokers_down": {"students": 2_000},
    "burst_while_another_joins": {"students": 41_000},
}
"""Larger than in a short run: about 50 and 205 thousand records."""


def rounds(only_storms, only_cluster):
    scenarios = sorted(CLUSTER_SCENARIOS if only_cluster else ALL)
    storms = [name for name in scenarios if name.startswith("storm")]
    if not only_storms:
        yield from scenarios
    yield from itertools.cycle(storms)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=seed_of_run())
    parser.add_argument("--storms", action="store_true", help="storms only")
    parser.add_argument("--cluster", action="store_true", help="three brokers only")
    request = parser.parse_args()
    ends = time.monotonic() + request.minutes * 60
    total = Counter()
    print(f"seed {request.seed}", flush=True)
    for number, name in enumerate(rounds(request.storms, request.cluster)):
        if time.monotonic() > ends:
            break
        with tempfile.TemporaryDirectory() as folder:
            figures, seconds = run(name, f"{request.seed} {number} {name}", Path(folder))
        total += figures
        print(
            f"{name}: {describe(figures)} in {seconds:.0f} s; in all {describe(total)}", flush=True
        )
    print(f"{describe(total)}: 0 lost, 0 counted twice")


def describe(figures):
    commands = f"{figures['commands']} commands, {figures['failed']} failed"
    return f"{figures['faults']} faults, {figures['records']:,} records acknowledged, {commands}"


def run(name, seed, folder):
    """One scenario on brokers of its own; raises if the promise does not hold."""
    started = time.monotonic()
    with brokers(name, folder) as kafka:
        stage = Stage(kafka, folder, seed, is_soak=True, **SIZES.get(name, {}))
        try:
            ALL[name](stage)
        except BaseException:
            print(f"{name} with seed {seed!r} does not hold", file=sys.stderr, flush=True)
            raise
        finally:
            stage.end()
    for seconds, command in sorted(stage.durations, reverse=True)[:3]:
        print(f"  slowest: {seconds:.0f} s, {command}", flush=True)
    figures = Counter(
        faults=stage.faults,
        records=len(stage.sent),
        commands=stage.commands,
        failed=stage.failed_commands,
    )
    return figures, time.monotonic() - started


@contextmanager
def brokers(name, folder):
    """One broker, or three for the scenarios of a cluster."""
    if name in CLUSTER_SCENARIOS:
        cluster = Cluster(folder, kafka_jars())
        try:
            yield cluster
        finally:
            cluster.stop()
        return
    broker = Broker(folder, kafka_jars())
    broker.start()
    try:
        yield Kafka(broker.bootstrap, broker)
    finally:
        broker.kill()


if __name__ == "__main__":
    main()
