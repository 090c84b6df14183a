"""A worker that ends by itself at a chosen place, as in a power cut; the place is named first.

`before_ack`: between a commit in SQLite and its acknowledgement to Kafka. `before_publish`: between
a commit and the publication of its figures. `before_mark`: between sending dead letters and noting
that they were sent.

`before_row`: while a backlog is folded by student. `building` does not end: a short backlog is
folded by student too.

`no_answer`: it ends as Faust does when the broker is silent while partitions move.

Two do not end. `deaf`: Faust delivers nothing. `early_fetch`: records are fetched after partitions
were taken over a second time and before they flow again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from faust.transport.consumer import Consumer

from ledger.diagnostics import logger
from outcomes.__main__ import main
from processors import build
from processors.build import _Folding
from processors.kafka.agents import Agents
from processors.kafka.partitions import KafkaFold
from processors.read_model.store import Store

FETCH_SECONDS = 30
"""How long a fetch waits for records: long enough for a test to send some."""

COUNT = 5
"""How often it goes well before."""


def ending(work, *, after):
    """The work, and at the `COUNT`th time that it has something to do the end: before or after."""
    times = itertools.count()

    def wrapped(self, *arguments, **named):
        if not after and next(times) >= COUNT:
            os._exit(137)
        done = work(self, *arguments, **named)
        if after and next(times) >= COUNT:
            os._exit(137)
        return done

    return wrapped


async def no_answer(_):
    """What asking the broker comes to when it is silent."""
    raise TimeoutError


def building():
    """Fold a backlog by student that is as short as those of the tests."""
    build.BUILD_RECORDS_MIN = 50


def before_row():
    """End after some students, with others of the same partition to come."""
    building()
    _Folding.fold_key = ending(_Folding.fold_key, after=False)


def early_fetch():
    """Wait at the second assignment until a fetch from before it has got records."""
    fetched, assignments = asyncio.Event(), itertools.count(1)
    fetch, commit = Consumer._wait_next_records, Agents._commit

    async def wait_next_records(self, _):
        records, partitions = await fetch(self, FETCH_SECONDS)
        if records:
            fetched.set()
        return records, partitions

    async def commit_second(self, offsets):
        if next(assignments) == 2:
            logger().info("assignment.waits")
            await fetched.wait()
        await commit(self, offsets)

    Consumer._wait_next_records, Agents._commit = wait_next_records, commit_second


MODES = {
    "building": building,
    "before_row": before_row,
    "before_ack": lambda: setattr(KafkaFold, "follow", ending(KafkaFold.follow, after=True)),
    "before_publish": lambda: setattr(
        KafkaFold, "_partial", ending(KafkaFold._partial, after=False)
    ),
    "before_mark": lambda: setattr(
        Store, "mark_dead_letters_sent", ending(Store.mark_dead_letters_sent, after=False)
    ),
    "no_answer": lambda: setattr(Consumer, "perform_seek", no_answer),
    "deaf": lambda: setattr(Consumer, "resume_partitions", lambda *_: None),
    "early_fetch": early_fetch,
}

if __name__ == "__main__":
    MODES[sys.argv.pop(1)]()
    main()
