"""Faults of workers, a broker and a topic; each scenario ends with the same promise.

The promise (`Stage.finish`): the published figures at the end, and at twenty moments in mid load,
have the digests of a replay at their own cut, under every policy and for every year; every
acknowledged event is counted, and none twice.
"""

from __future__ import annotations

import resource
import signal
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial

from confluent_kafka import Producer

from schemas.partition import partition_of
from tests.faults.stage import PARTITIONS
from tests.support.workers import wait_until

REMADE = ("another log", "partition count never changes", "breaks a promise", "has no topic")
"""What is said of a topic that was recreated, by its first record or its settings."""

AFTER_A_BURST = 4_500
"""The number of records sent at a rate after a burst of any size."""

FLOOD_RECORDS = 20_000
"""Records under one subject; a soak sends ten times as many."""


def kill_one_of_two(stage):
    """kill -9 of one of two workers in mid load, and its return."""
    _, second = stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.1, 0.5)
    second.kill()
    stage.faults += 1
    stage.wait_for_share(0.5, 0.8)
    stage.worker("second")
    stage.finish()


def kill_both(stage):
    """kill -9 of both workers."""
    workers = stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.1, 0.5)
    for worker in workers:
        worker.kill()
        stage.faults += 1
    stage.wait_for_share(0.5, 0.7)
    stage.worker("first")
    stage.worker("second")
    stage.finish()


def freeze_one(stage):
    """SIGSTOP for 15 s, then SIGCONT: by then its partitions are another's."""
    first, _ = stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.1, 0.3)
    first.pause()
    stage.faults += 1
    time.sleep(15)  # the fault itself
    first.resume()
    stage.finish()


def stop_in_mid_catch_up(stage):
    """SIGTERM in mid catch-up: exit 0, and nothing is folded twice afterwards."""
    stage.preload(len(stage.records) * 3 // 4)
    first = stage.worker("first").wait_for("backlog.folded")
    assert first.stop() == 0
    stage.faults += 1
    stage.ready("first")
    stage.load()
    stage.finish()


def crash_in_build(stage):
    """The process ends while it folds a backlog by student; the next one folds it again."""
    stage.preload(len(stage.records) // 2)
    assert stage.crashing("first", "before_row").ended()[0] == 137
    stage.faults += 1
    stage.crashing("second", "building").wait_for("backlog.folded")
    stage.load()
    stage.finish()


def kill_broker(stage):
    """The broker is killed and comes back in mid load."""
    stage.ready("first", "second")
    stage.load()
    for low in (0.1, 0.5):
        stage.wait_for_share(low, low + 0.3)
        stage.kafka.own().kill()
        stage.faults += 1
        stage.kafka.own().start()
    stage.finish()


def kill_broker_in_mid_catch_up(stage):
    """The broker is killed and comes back while a worker catches up."""
    stage.preload(len(stage.records) * 3 // 4)
    stage.worker("first").wait_for("backlog.folded")
    stage.kafka.own().kill()
    stage.faults += 1
    stage.kafka.own().start()
    stage.worker("second")
    stage.load()
    stage.finish()


def broker_away_for_a_minute(stage):
    """No broker for 60 s: workers and emitter wait for it."""
    stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.1, 0.5)
    stage.kafka.own().kill()
    stage.faults += 1
    time.sleep(60)  # the fault itself
    stage.kafka.own().start()
    stage.finish()


def _crash(stage, mode):
    crashing = stage.crashing("first", mode).wait_for("partitions.assigned")
    stage.load(len(stage.records) // 3)
    assert crashing.ended()[0] == 137
    stage.faults += 1
    stage.settle_load()
    stage.ready("first", "second")
    stage.load()
    stage.finish()


def crash_before_ack(stage):
    """The process ends between the commit in SQLite and the acknowledgement to Kafka."""
    _crash(stage, "before_ack")


def crash_before_publish(stage):
    """The process ends between the commit and the publication; the next owner publishes."""
    _crash(stage, "before_publish")


def crash_before_publish_at_rest(stage):
    """As before, and no record comes afterwards: a worker publishes what it has when it starts."""
    crashing = stage.crashing("first", "before_publish")
    stage.load(len(stage.records) // 2)
    assert crashing.ended()[0] == 137
    stage.faults += 1
    stage.settle_load()
    stage.ready("first")
    stage.check.wait_until_current()
    stage.load()
    stage.finish()


def lose_read_models(stage):
    """A read model is deleted, one is truncated, and rows are gone from one."""
    first, second = stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.2, 0.4)
    for worker in (first, second):
        worker.kill()
    first.state.unlink()
    for beside in ("-wal", "-shm"):
        second.state.with_name(f"{second.state.name}{beside}").unlink(missing_ok=True)
    whole = second.state.read_bytes()
    second.state.write_bytes(whole[: max(4_096, len(whole) // 2)])
    stage.faults += 2
    _, second = stage.ready("first", "second")
    stage.wait_for_share(0.5, 0.7)
    second.kill()
    with closing(sqlite3.connect(second.state)) as rows, rows:
        rows.execute("delete from students where rowid % 3 = 0")
    stage.faults += 1
    stage.ready("second")
    stage.finish()


def read_model_of_another_version(stage):
    """A read model that another version of the fold has left is folded again."""
    (first,) = stage.ready("first")
    stage.load()
    stage.wait_for_share(0.2, 0.5)
    first.kill()
    with closing(sqlite3.connect(first.state)) as rows, rows:
        rows.execute("update about set value = '1.0' where name = 'fold'")
        rows.execute("update figures set count = count + 1")
    stage.faults += 1
    stage.ready("first")
    stage.finish()


def join_a_long_catch_up(stage):
    """A third worker joins while two catch up."""
    stage.preload(len(stage.records) * 3 // 4)
    first, second = stage.worker("first"), stage.worker("second")
    wait_until(
        lambda: any(
            message["event"] == "backlog.folded" for message in first.messages() + second.messages()
        ),
        "a worker has begun to catch up",
    )
    stage.worker("third")
    stage.faults += 1
    stage.load()
    stage.finish()


def remake_the_topic(stage):
    """The topic is deleted and recreated under a running worker, which refuses to go on."""
    (first,) = stage.ready("first")
    stage.preload(500)
    stage.check.wait_until_current()
    # Nobody reads what is published any more: a reader of the topic that is gone gives up slowly.
    stage.published.close()
    stage.remake_topic()
    stage.faults += 1
    stage.preload(100)
    code, last = first.ended()
    assert code == 69
    # Faust may be the first to fail on it; whoever starts the worker again learns the reason.
    assert any(reason in last["message"] for reason in (*REMADE, "start the worker again"))
    code, last = stage.worker("first").ended()
    assert code == 69
    assert any(reason in last["message"] for reason in REMADE)


def one_subject_floods(stage):
    """One broken emitter sends very many records under one subject; the others' go on."""
    stage.ready("first")
    stage.load()
    stage.wait_for_share(0.1, 0.2)
    stage.flood(FLOOD_RECORDS * (10 if stage.is_soak else 1))
    stage.faults += 1
    stage.finish()


def move_the_group_offset(stage):
    """The group's committed offset is moved back and forth by hand: it is a hint, no more."""
    (first,) = stage.ready("first")
    stage.load()
    for move in (-400, 300):
        stage.wait_for_share(0.2 if move < 0 else 0.5, 0.4 if move < 0 else 0.7)
        assert first.stop() == 0
        stage.move_group(move)
        stage.faults += 1
        (first,) = stage.ready("first")
    stage.finish()


def burst_while_another_joins(stage):
    """A burst falls onto a live worker while another joins."""
    stage.ready("first")
    size = max(len(stage.records) // 2, len(stage.records) - AFTER_A_BURST)
    burst = threading.Thread(target=stage.preload, args=(size,))
    burst.start()
    stage.worker("second")
    stage.faults += 1
    burst.join()
    stage.load()
    stage.finish()


def foreign_producers(stage):
    """Records by librdkafka under both partitioners, without a key, tombstones, junk, holes."""
    stage.ready("first", "second")
    stage.load()
    stage.wait_for_share(0.2, 0.5)
    placed, misplaced = _librdkafka(stage)
    stage.sent += placed
    stage.run_transactions()
    stage.quarantined = misplaced + 3
    stage.faults += 1
    stage.finish()


def _note(partitions, number, _, message):
    partitions[number] = message.partition()


def _librdkafka(stage):
    """Events of other students under both partitioners, and junk: what counts, how many do not."""
    theirs = stage.world(60)
    placed, misplaced = [], 0
    for partitioner in ("murmur2_random", "consistent_random"):
        producer = Producer(
            {
                "bootstrap.servers": stage.kafka.bootstrap,
                "partitioner": partitioner,
                "enable.idempotence": True,
            }
        )
        results = {}
        for number, (key, value) in enumerate(theirs):
            producer.produce(
                stage.topic,
                value,
                key,
                on_delivery=partial(_note, results, number),
            )
        for key, value in ((None, b"{}"), (b"s-1", None), (b"s-1", b"\xff junk")):
            if partitioner == "murmur2_random":
                producer.produce(stage.topic, value, key)
        assert producer.flush(30) == 0
        for number, item in enumerate(theirs):
            if results[number] == partition_of(item[0], PARTITIONS):
                placed.append(item)
            else:
                misplaced += 1
    return placed, misplaced


def full_disk(stage):
    """The disk is full: the worker stops with the reason, and resumes when there is room."""

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))

    small = stage.worker("first", before=no_room)
    stage.load(len(stage.records) // 2)
    code, last = small.ended()
    stage.faults += 1
    assert code == 69
    assert "make room" in last["message"]
    stage.settle_load()
    stage.ready("first")
    stage.load()
    stage.finish()


def storm(stage):
    """Fault after fault on three workers and the broker, drawn at random, while events arrive."""
    workers = {name: stage.worker(name) for name in ("first", "second", "third")}
    workers["first"].wait_for("partitions.assigned")
    stage.load()
    while stage.is_loading():
        name = stage.chance.choice(sorted(workers))
        stage.chance.choice(STORM)(stage, workers[name])
        stage.faults += 1
        start_again(stage, workers)
        time.sleep(stage.chance.uniform(0.5, 3))  # the time between two faults
    start_again(stage, workers)
    stage.finish()


def start_again(stage, workers):
    """Start stopped workers again, as a supervisor does, and those that gave up on a broker."""
    for name, worker in workers.items():
        code = worker.process.poll()
        if code == 69:
            message = worker.messages()[-1]["message"]
            assert "again, it resumes where it stopped" in message, worker.messages()[-3:]
        elif code is not None:
            assert code in (0, -signal.SIGKILL, -signal.SIGTERM), worker.messages()[-3:]
        if code is not None:
            workers[name] = stage.worker(name)


def _killed(_, worker):
    worker.kill()


def _stopped(_, worker):
    worker.stop()


def _frozen(stage, worker):
    worker.pause()
    time.sleep(stage.chance.uniform(0.5, 9))  # the fault itself
    worker.resume()


def _without_read_model(_, worker):
    worker.kill()
    for beside in ("", "-wal", "-shm"):
        worker.state.with_name(f"{worker.state.name}{beside}").unlink(missing_ok=True)


def _half_a_read_model(_, worker):
    worker.kill()
    if worker.state.exists():
        whole = worker.state.read_bytes()
        worker.state.write_bytes(whole[: len(whole) // 2])


def _without_broker(stage, _):
    stage.kafka.own().kill()
    time.sleep(stage.chance.uniform(0, 4))  # the fault itself
    stage.kafka.own().start()


STORM = (
    _killed,
    _killed,
    _killed,
    _stopped,
    _frozen,
    _without_read_model,
    _half_a_read_model,
    _without_broker,
)

SCENARIOS = {
    item.__name__: item
    for item in (
        kill_one_of_two,
        kill_both,
        freeze_one,
        stop_in_mid_catch_up,
        crash_in_build,
        kill_broker,
        kill_broker_in_mid_catch_up,
        broker_away_for_a_minute,
        crash_before_ack,
        crash_before_publish,
        crash_before_publish_at_rest,
        lose_read_models,
        read_model_of_another_version,
        join_a_long_catch_up,
        remake_the_topic,
        one_subject_floods,
        move_the_group_offset,
        burst_while_another_joins,
        foreign_producers,
        full_disk,
        storm,
    )
}
