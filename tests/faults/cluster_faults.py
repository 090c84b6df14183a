"""Faults of one broker of three: it is away inside a block, and comes back."""

from __future__ import annotations

import time
from contextlib import contextmanager

__all__ = ["FENCING_SECONDS", "away", "broker_fault", "pause_between", "worker_fault"]

FENCING_SECONDS = 9
"""After which a cluster replaces a silent broker, Kafka's default."""

_STRIKES = {
    "killed": lambda kafka, number: kafka.nodes[number].kill(),
    "frozen": lambda kafka, number: kafka.nodes[number].pause(),
    "restarted": lambda kafka, number: kafka.nodes[number].stop(),
    "out of reach": lambda kafka, number: kafka.gates[number].close(),
}
_MENDS = {
    "killed": lambda kafka, number: kafka.nodes[number].launch(),
    "frozen": lambda kafka, number: kafka.nodes[number].resume(),
    "restarted": lambda kafka, number: kafka.nodes[number].launch(),
    "out of reach": lambda kafka, number: kafka.gates[number].open(),
}


@contextmanager
def away(stage, number, kind, *, role="broker"):
    """One broker is away inside."""
    _STRIKES[kind](stage.kafka, number)
    stage.count_fault(f"{role} {kind}")
    try:
        yield
    finally:
        _MENDS[kind](stage.kafka, number)
        stage.note(f"broker {number} is back")


def broker_fault(stage):
    """One broker is away for a moment, or until it is replaced."""
    number = stage.chance.choice(sorted(stage.kafka.nodes))
    kind = stage.chance.choice(("killed", "frozen", "restarted"))
    role = "controller" if stage.kafka.controller() == number else "broker"
    with away(stage, number, kind, role=role):
        hold(stage, kind)
    for _ in range(stage.chance.randint(0, 3)):
        # It hesitates before it is well again.
        with away(stage, number, "frozen"):
            time.sleep(stage.chance.uniform(0.1, 1))  # the fault itself
    if kind != "frozen":
        # It leads nothing after this, so no client needs it.
        stage.kafka.wait_for_leaders(besides=number)
        with away(stage, number, "out of reach"):
            hold(stage, "out of reach")


def hold(stage, kind):
    """Let a fault last: mostly a moment, at times longer than until the broker is replaced."""
    longest = 3 if kind == "restarted" or stage.chance.random() < 0.7 else FENCING_SECONDS + 4
    time.sleep(stage.chance.uniform(0, longest))  # the fault itself


def worker_fault(stage, workers):
    """One worker is killed, or frozen for a moment."""
    worker = workers[stage.chance.choice(sorted(workers))]
    if stage.chance.random() < 0.6:
        worker.kill()
        stage.count_fault("worker killed")
    else:
        worker.pause()
        stage.count_fault("worker frozen")
        time.sleep(stage.chance.uniform(0.2, 2))  # the fault itself
        worker.resume()


def pause_between(stage):
    """The time between two faults."""
    time.sleep(stage.chance.uniform(0, 1))
