"""The fault-injection soak test: `make soak`, or `python -m tests.faults.soak --minutes 60`.

First every scenario once, then storms. The seed is printed; the same one draws the same faults.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage, seed_of_run
from tests.support.broker import Broker, Kafka, kafka_jars

SIZES = {
    "storm": {"students": 10_000, "rate": 1_000},
    "burst_while_another_joins": {"students": 41_000},
}
"""Larger than in a short run: about 50 and 205 thousand records."""


def rounds(only_storms):
    if not only_storms:
        yield from sorted(SCENARIOS)
    yield from itertools.repeat("storm")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=seed_of_run())
    parser.add_argument("--storms", action="store_true", help="storms alone")
    request = parser.parse_args()
    ends = time.monotonic() + request.minutes * 60
    faults = acknowledged = 0
    print(f"seed {request.seed}", flush=True)
    for number, name in enumerate(rounds(request.storms)):
        if time.monotonic() > ends:
            break
        with tempfile.TemporaryDirectory() as folder:
            made, sent, took = run(name, f"{request.seed} {number} {name}", Path(folder))
        faults += made
        acknowledged += sent
        print(
            f"{name}: {made} faults, {sent:,} records in {took:.0f} s;"
            f" in all {faults} faults, {acknowledged:,} acknowledged",
            flush=True,
        )
    print(f"{faults} faults, {acknowledged:,} acknowledged records: 0 lost, 0 counted twice")


def run(name, seed, folder):
    """One scenario on a broker of its own; raises where the promise does not hold."""
    begun = time.monotonic()
    broker = Broker(folder, kafka_jars())
    broker.start()
    stage = Stage(
        Kafka(broker.bootstrap, broker), folder, seed, is_soak=True, **SIZES.get(name, {})
    )
    try:
        SCENARIOS[name](stage)
    except BaseException:
        print(f"{name} with seed {seed!r} does not hold", file=sys.stderr, flush=True)
        raise
    finally:
        stage.end()
        broker.kill()
    return stage.faults, len(stage.sent), time.monotonic() - begun


if __name__ == "__main__":
    main()
