"""Faults of a cluster of three brokers; each scenario ends with the promise of all scenarios.

In addition: while as many brokers answer as the topic needs, two of three, every command issued at
any moment succeeds.
"""

from __future__ import annotations

import time

from tests.faults.commands import Commands, Followers
from tests.faults.scenarios import start_again
from tests.support.workers import wait_until

FROZEN_SECONDS = 14
"""Longer than the cluster takes to replace a silent broker."""


def _begin(stage):
    """Two workers that have published figures, a load, and commands at random moments."""
    workers = {name: stage.worker(name) for name in ("first", "second")}
    workers["first"].wait_for("partitions.assigned")
    stage.preload(200)
    stage.check.wait_until_current()
    stage.followers = Followers(stage.url)
    stage.load()
    return workers, Commands(stage.url, stage.chance)


def _end(stage, workers, commands, *, down=()):
    """Everything is back: nothing is lost, and only commands of the time `down` have failed."""
    stage.kafka.heal()
    start_again(stage, workers)
    failed = commands.finish()
    stage.commands += len(commands.done)
    stage.failed_commands += len(failed)
    stage.durations += [
        (item.ended - item.started, " ".join(item.command)) for item in commands.done
    ]
    unexpected = [
        item
        for item in failed
        if not any(item.started < end and start < item.ended for start, end in down)
    ]
    assert not unexpected, unexpected
    assert [] == stage.followers.finish()
    stage.finish_with(lambda: start_again(stage, workers))


def _victims(stage):
    """All brokers in any order in a soak, one of them in a short run."""
    nodes = stage.chance.sample(sorted(stage.kafka.nodes), 3)
    return nodes if stage.is_soak else nodes[:1]


def kill_brokers(stage):
    """kill -9 of one broker after another: partition leader, group coordinator, controller."""
    workers, commands = _begin(stage)
    for number in _victims(stage):
        time.sleep(stage.chance.uniform(0.5, 2))  # the time between two faults
        node = stage.kafka.nodes[number]
        node.kill()
        stage.faults += 1
        stage.kafka.wait_for_leaders(stage.topic)
        time.sleep(stage.chance.uniform(0, 3))  # the fault itself
        node.launch()
        stage.kafka.wait_for_replicas(stage.topic)
        start_again(stage, workers)
    _end(stage, workers, commands)


def freeze_brokers(stage):
    """SIGSTOP of one broker after another, for longer than the cluster waits for it."""
    workers, commands = _begin(stage)
    for number in _victims(stage):
        node = stage.kafka.nodes[number]
        node.pause()
        stage.faults += 1
        time.sleep(FROZEN_SECONDS if stage.is_soak else 6)  # the fault itself
        node.resume()
        stage.kafka.wait_for_replicas(stage.topic)
        start_again(stage, workers)
    _end(stage, workers, commands)


def restart_brokers(stage):
    """A rolling restart: each broker is stopped gracefully and started again."""
    workers, commands = _begin(stage)
    for number in _victims(stage):
        node = stage.kafka.nodes[number]
        node.stop()
        stage.faults += 1
        node.launch()
        stage.kafka.wait_for_replicas(stage.topic)
        start_again(stage, workers)
    _end(stage, workers, commands)


def two_brokers_down(stage):
    """Two of three are killed: nothing is lost, and everything continues when they are back."""
    workers, commands = _begin(stage)
    stage.wait_for_share(0.1, 0.4)
    victims = stage.chance.sample(sorted(stage.kafka.nodes), 2)
    started = time.monotonic()
    for number in victims:
        stage.kafka.nodes[number].kill()
        stage.faults += 1
    time.sleep(stage.chance.uniform(3, 10))  # the fault itself
    for number in victims:
        stage.kafka.nodes[number].launch()
    stage.kafka.wait_for_replicas(stage.topic)
    _end(stage, workers, commands, down=[(started, time.monotonic())])


def broker_out_of_reach(stage):
    """Clients cannot reach one broker, which leads nothing that they need: every command works."""
    cluster = stage.kafka
    cluster.move_leaders(3, stage.topic)
    workers = {"first": stage.worker("first")}
    workers["first"].wait_for("partitions.assigned")
    stage.preload(200)
    stage.check.wait_until_current()
    stage.followers = Followers(stage.url)
    cluster.gate.close()
    stage.faults += 1
    workers["second"] = stage.worker("second").wait_for("partitions.assigned")
    stage.load()
    commands = Commands(stage.url, stage.chance)
    wait_until(lambda: len(commands.done) >= (24 if stage.is_soak else 6), "commands", 300)
    _end(stage, workers, commands)


def storm_on_a_cluster(stage):
    """Fault after fault on brokers and workers, drawn at random; one broker away at a time."""
    workers, commands = _begin(stage)
    while stage.is_loading():
        fault = stage.chance.choice((_kill, _freeze, _restart, _kill_worker))
        fault(stage, workers)
        stage.faults += 1
        start_again(stage, workers)
        time.sleep(stage.chance.uniform(0, 2))  # the time between two faults
    _end(stage, workers, commands)


def _kill(stage, _):
    node = stage.kafka.nodes[stage.chance.choice(sorted(stage.kafka.nodes))]
    node.kill()
    time.sleep(stage.chance.uniform(0, 12))  # the fault itself
    node.launch()
    stage.kafka.wait_for_replicas(stage.topic)


def _freeze(stage, _):
    node = stage.kafka.nodes[stage.chance.choice(sorted(stage.kafka.nodes))]
    node.pause()
    time.sleep(stage.chance.uniform(0.5, FROZEN_SECONDS))  # the fault itself
    node.resume()
    stage.kafka.wait_for_replicas(stage.topic)


def _restart(stage, _):
    node = stage.kafka.nodes[stage.chance.choice(sorted(stage.kafka.nodes))]
    node.stop()
    node.launch()
    stage.kafka.wait_for_replicas(stage.topic)


def _kill_worker(stage, workers):
    workers[stage.chance.choice(sorted(workers))].kill()


CLUSTER_SCENARIOS = {
    item.__name__: item
    for item in (
        kill_brokers,
        freeze_brokers,
        restart_brokers,
        two_brokers_down,
        broker_out_of_reach,
        storm_on_a_cluster,
    )
}
