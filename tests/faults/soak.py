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
    "storm_on_a_cluster": {"students": 8_000, "rate": 160},
    "burst_while_another_joins": {"students": 41_000},
}
"""Larger than in a short run: about 50, 40 and 205 thousand records."""

ON_A_CLUSTER = {"students": 1_500, "rate": 80}
"""Of the other scenarios of a cluster: a load for a minute and a half."""


def rounds(only_storms, only_cluster):
    """The names of the scenarios to run, without end; those of a cluster follow one another."""
    names = sorted(CLUSTER_SCENARIOS) if only_cluster else [*SCENARIOS, *sorted(CLUSTER_SCENARIOS)]
    storms = [name for name in names if name.startswith("storm")]
    if not only_storms:
        yield from names
    yield from itertools.cycle(storms)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=seed_of_run())
    parser.add_argument("--storms", action="store_true", help="storms only")
    parser.add_argument("--cluster", action="store_true", help="three brokers only")
    request = parser.parse_args()
    ends = time.monotonic() + request.minutes * 60
    print(f"seed {request.seed}", flush=True)
    names = itertools.takewhile(
        lambda _: time.monotonic() < ends, rounds(request.storms, request.cluster)
    )
    total, kinds = Counter(), Counter()
    numbered = enumerate(names)
    for is_cluster, group in itertools.groupby(numbered, lambda item: item[1] in CLUSTER_SCENARIOS):
        with tempfile.TemporaryDirectory() as folder, brokers(is_cluster, Path(folder)) as kafka:
            for number, name in group:
                own = Path(folder) / f"{number}-{name}"
                own.mkdir()
                stage, seconds = run(name, kafka, f"{request.seed} {number} {name}", own)
                total += figures_of(stage)
                kinds += stage.kinds or Counter({name: stage.faults})
                report(name, stage, seconds, total)
    for kind, count in sorted(kinds.items()):
        print(f"  {count} {kind}")
    print(f"{describe(total)}: 0 lost, 0 counted twice")


def report(name, stage, seconds, total):
    """One scenario, its slowest commands, and the sum so far."""
    for lasted, command in sorted(stage.durations, reverse=True)[:3]:
        print(f"  slowest: {lasted:.0f} s, {command}")
    if stage.kinds:
        print(f"  {', '.join(f'{count} {kind}' for kind, count in sorted(stage.kinds.items()))}")
    figures = describe(figures_of(stage))
    print(f"{name}: {figures} in {seconds:.0f} s; in all {describe(total)}", flush=True)


def figures_of(stage):
    return Counter(
        faults=stage.faults,
        records=len(stage.sent),
        commands=stage.commands,
        failed=stage.failed_commands,
    )


def describe(figures):
    commands = f"{figures['commands']} commands, {figures['failed']} failed"
    return f"{figures['faults']} faults, {figures['records']:,} records acknowledged, {commands}"


def run(name, kafka, seed, folder):
    """One scenario: its stage, and how long it took; raises if the promise does not hold."""
    started = time.monotonic()
    size = SIZES.get(name, ON_A_CLUSTER if name in CLUSTER_SCENARIOS else {})
    stage = Stage(kafka, folder, seed, is_soak=True, **size)
    try:
        ALL[name](stage)
    except BaseException:
        print(f"{name} with seed {seed!r} does not hold", file=sys.stderr, flush=True)
        for line in stage.last_messages():
            print(f"  {line}", file=sys.stderr, flush=True)
        raise
    finally:
        stage.end()
    return stage, time.monotonic() - started


@contextmanager
def brokers(is_cluster, folder):
    """One broker, or three."""
    if is_cluster:
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
