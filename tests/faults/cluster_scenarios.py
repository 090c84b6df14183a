"""Faults of a cluster of three brokers; each scenario ends with the promise of all scenarios.

In addition: while as many brokers answer as the topic needs, two of three, every command issued at
any moment succeeds, those that follow go on, and `tail --follow` shows every record once.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing

from ledger.log import open_log
from ledger.log.kafka.address import parse_topic_address
from processors.live_fold import consumer_group
from tests.faults.cluster_faults import (
    FENCING_SECONDS,
    away,
    broker_fault,
    pause_between,
    worker_fault,
)
from tests.faults.commands import Commands, Followers, run_command
from tests.faults.scenarios import start_again
from tests.support.workers import wait_until


class Run:
    """A scenario's two workers, its load, its followers, and commands at random moments.

    Attributes:
        workers: By name.
        commands: See `Commands`.
    """

    def __init__(self, stage, *names):
        self._stage = stage
        self.workers = {name: stage.worker(name) for name in names or ("first", "second")}
        self.workers["first"].wait_for("partitions.assigned")
        stage.preload(200)
        stage.wait_until_current(lambda: start_again(stage, self.workers))
        stage.followers = Followers(stage.url, stage.folder)
        stage.load()
        self.commands = Commands(stage.url, stage.chance, stage.folder)

    def recover(self):
        """Everything is back: every broker has every record, and every command went on.

        Two faults without a moment in between would be one that lasts longer than commands wait.
        """
        self._stage.kafka.wait_for_replicas()
        start_again(self._stage, self.workers)
        self.commands.wait_for_progress()
        self._stage.note("all is well")

    def end(self, *, down=()):
        """Everything is back: nothing is lost, and only commands of the time `down` have failed."""
        stage, commands = self._stage, self.commands
        stage.kafka.heal()
        start_again(stage, self.workers)
        stage.hurry_load()
        failed = commands.finish()
        stage.commands += len(commands.done)
        stage.failed_commands += len(failed)
        stage.durations += [(item.seconds, " ".join(item.command)) for item in commands.done]
        unexpected = [
            item
            for item in failed
            if not any(item.started < end and start < item.ended for start, end in down)
        ]
        assert not unexpected, (unexpected, stage.history)
        stage.finish_with(lambda: start_again(stage, self.workers))
        with closing(open_log(stage.url)) as log:
            records = sum(1 for _ in log.read(dict.fromkeys(log.end(), 0), log.end()))
        stage.followers.finish(records)


def _one_after_another(stage, kind, seconds):
    """A fault of each broker in a soak, of one in a short run; it lasts so many seconds."""
    run = Run(stage)
    victims = stage.chance.sample(sorted(stage.kafka.nodes), 3)
    for number in victims if stage.is_soak else victims[:1]:
        pause_between(stage)
        with away(stage, number, kind):
            if kind == "killed":
                stage.kafka.wait_for_leaders()
            time.sleep(seconds)  # the fault itself
        run.recover()
    run.end()


def kill_brokers(stage):
    """kill -9 of one broker after another: partition leader, group coordinator, controller."""
    _one_after_another(stage, "killed", stage.chance.uniform(0, 3))


def freeze_brokers(stage):
    """SIGSTOP of one broker after another, for longer than the cluster waits for it."""
    _one_after_another(stage, "frozen", FENCING_SECONDS + 5 if stage.is_soak else 6)


def restart_brokers(stage):
    """A rolling restart: each broker is stopped gracefully and started again."""
    _one_after_another(stage, "restarted", 0)


def controller_away(stage):
    """Whichever broker is the controller is killed, or frozen, until there is another one."""
    run = Run(stage)
    for kind in ("killed", "frozen", "killed", "frozen"):
        number = stage.kafka.controller()
        with away(stage, number, kind, role="controller"):
            stage.kafka.controller(besides=number)
        run.recover()
    run.end()


def coordinator_away(stage):
    """`live` shows its figures, and unknown workers, while only the coordinator is away."""
    for kind in ("out of reach", "killed", "frozen"):
        _lose_coordinator(stage, kind)
        stage.kafka.wait_for_replicas()


def _lose_coordinator(stage, kind):
    """Take the coordinator of a log of its own away, which other brokers lead."""
    kafka = stage.kafka
    url = kafka.url(kafka.name())
    address = parse_topic_address(url)
    group = consumer_group(address.topic)
    number = kafka.coordinator(group)
    kafka.make_log(address, last=number)
    stage.append(stage.world(20), url)
    worker = stage.worker(address.topic, url=url)
    live = ("live", "--year", "2022", "--json")

    def figures():
        done = run_command(live, url)
        return json.loads(done.output) if done.code == 0 else None

    def current():
        shown = figures()
        return shown if shown and not any(_waiting(shown)) and _owners(shown) != {None} else None

    before = wait_until(current, "live figures of a log of its own")
    assert kafka.coordinator(group) == number
    with away(stage, number, kind, role="coordinator"):
        shown = figures()
        assert shown, "no figures"
        assert shown["digest"] == before["digest"]
        # Otherwise, after 9 s, another one has taken over.
        assert kind != "out of reach" or _owners(shown) == {"unknown"}
    worker.kill()


def _waiting(shown):
    return [partition["records"] for partition in shown["live"]["partitions"]]


def _owners(shown):
    return {partition["owner"] for partition in shown["live"]["partitions"]}


def two_brokers_down(stage):
    """Two of three are killed: nothing is lost, and everything continues when they are back."""
    run = Run(stage)
    stage.wait_for_share(0.1, 0.4)
    started = time.monotonic()
    with ExitStack() as stack:
        for number in stage.chance.sample(sorted(stage.kafka.nodes), 2):
            stack.enter_context(away(stage, number, "killed", role="two brokers"))
        time.sleep(stage.chance.uniform(3, 10))  # the fault itself
    run.recover()
    run.end(down=[(started, time.monotonic())])


def broker_out_of_reach(stage):
    """Clients cannot reach one broker, which leads nothing that they need: every command works."""
    number = stage.chance.choice(sorted(stage.kafka.nodes))
    stage.kafka.move_leaders(number)
    run = Run(stage)
    with away(stage, number, "out of reach"):
        run.workers["third"] = stage.worker("third").wait_for("partitions.assigned")
        enough = 10 if stage.is_soak else 6
        wait_until(lambda: len(run.commands.done) >= enough, "commands", 300)
    run.end()


def start_with_one_broker_away(stage):
    """What follows the log is started while a broker is away, and does its work without it."""
    run = Run(stage, "first")
    for kind in ("out of reach", "killed", "frozen"):
        number = stage.chance.choice(sorted(stage.kafka.nodes))
        if kind == "out of reach":
            stage.kafka.move_leaders(number)
        with away(stage, number, kind), closing(Followers(stage.url, stage.folder)) as followers:
            worker = stage.worker(kind.replace(" ", "-"))
            followers.wait_for_output()
            worker.wait_for("partitions.assigned")
            assert "2 of 3 answer" in run_command(("doctor",), stage.url).output
            worker.kill()
        run.recover()
    run.end()


def storm_on_a_cluster(stage):
    """Fault after fault on brokers and workers, drawn at random; one broker away at a time."""
    run = Run(stage)
    while stage.is_loading():
        broker_fault(stage)
        for _ in range(stage.chance.randint(1, 3)):
            worker_fault(stage, run.workers)
        run.recover()
        pause_between(stage)
    run.end()


CLUSTER_SCENARIOS = {
    item.__name__: item
    for item in (
        kill_brokers,
        freeze_brokers,
        restart_brokers,
        controller_away,
        coordinator_away,
        two_brokers_down,
        broker_out_of_reach,
        start_with_one_broker_away,
        storm_on_a_cluster,
    )
}
