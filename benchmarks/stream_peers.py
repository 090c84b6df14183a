"""What `stream.py` runs beside `outcomes worker`, each in a process of its own.

    python benchmarks/stream_peers.py worker|faust-alone|tables|plain URL [--state FILE]

`worker` and `faust-alone` go on until they are stopped; the other two end with the log's end and
print one line of JSON: seconds, seconds of CPU, peak of resident bytes, and what they have counted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from tempfile import gettempdir
from time import perf_counter, process_time
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition

import processors.live_fold
from ledger.log.kafka.address import TopicAddress, parse_topic_address
from ledger.log.kafka.log import KafkaLog
from outcomes.__main__ import main as outcomes
from processors.kafka.partitions import CATCH_UP_RECORDS, KafkaFold
from processors.live_fold import LiveFold
from processors.read_model.store import Store
from projections.policy import built_in_policies
from schemas.admission import Event, admit
from schemas.events import Applied, CategoriesDeclared, Enrolled, OutcomeDeclared, Retracted
from schemas.moments import instant, months_after
from schemas.record import Record

Cells = Counter[tuple[str, int, str]]


class Meter:
    """Seconds, CPU and memory of this process from the first record on."""

    def __init__(self) -> None:
        self.events = 0
        self._wall, self._cpu = perf_counter(), process_time()

    def take(self, events: int) -> None:
        """Count records; the clock starts with the first."""
        if not self.events:
            self._wall, self._cpu = perf_counter(), process_time()
        self.events += events

    def report(self, **more: object) -> None:
        """Print what was measured."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1_024
        seconds, cpu = perf_counter() - self._wall, process_time() - self._cpu
        results = {"events": self.events, "seconds": seconds, "cpu": cpu, "peak_bytes": peak}
        print(json.dumps({**results, **more}), flush=True)


def without_catch_up() -> None:
    """Leave all to Faust's delivery: no bulk reading at assignment, none in a burst."""

    def only_publish(fold: KafkaFold, _: Callable[[], bool]) -> dict[int, int]:
        fold.publish()
        return {}

    for name, ours in (("catch_up", only_publish), ("behind", lambda _: 0)):
        setattr(KafkaFold, name, ours)


async def plain(place: TopicAddress, state: Path, partitions: int) -> None:
    """The same fold with nothing but aiokafka before it: one process, no group, no publication."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(place.servers),
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="none",
        max_partition_fetch_bytes=4_194_304,
    )
    policies = list(built_in_policies().values())
    fold = LiveFold(Store(state), policies, log_name=place.topic, partitions=partitions)
    meter = Meter()
    await consumer.start()
    try:
        for item in (TopicPartition(place.topic, number) for number in range(partitions)):
            consumer.assign([item])
            consumer.seek(item, 0)
            end = (await consumer.end_offsets([item]))[item]
            fold.open_partition(item.partition)
            batch: list[Record] = []
            while fold.states[item.partition].next_offset < end:
                fetched = await consumer.getmany(item, timeout_ms=1_000, max_records=10_000)
                batch += map(_record, fetched.get(item, ()))
                meter.take(len(fetched.get(item, ())))
                if batch and (len(batch) >= CATCH_UP_RECORDS or batch[-1].offset + 1 >= end):
                    fold.apply(item.partition, batch)
                    batch = []
    finally:
        await consumer.stop()
    meter.report(records=sum(item.records.records for item in fold.states.values()))
    fold.store.close()


def _record(message: Any) -> Record:  # noqa: ANN401 - aiokafka and Faust have one form each
    place = (message.partition, message.offset, int(message.timestamp))
    return Record(*place, message.key, message.value)


def tables(place: TopicAddress, events: int, partitions: int) -> None:
    """The 12-month rule, outcomes and applicants per year and category, in Faust's tables.

    They are in memory with changelogs in Kafka, which are not written together with the offset: a
    crash may count twice.
    """
    app: Any = faust.App(
        f"{place.topic}-tables",
        broker=[f"kafka://{server}" for server in place.servers],
        store="memory://",
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        datadir=Path(gettempdir()) / "outcomes-faust",
    )
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw"}
    topic = app.topic(place.topic, **raw, value_serializer="raw", allow_empty=True)
    students = app.Table("students", default=list, partitions=partitions)
    figures = app.Table("figures", default=int, partitions=partitions)
    meter = Meter()

    async def follow(stream: Any) -> None:  # noqa: ANN401 - Faust
        async for event in stream.events():
            meter.take(1)
            admitted = admit(_record(event.message), partitions)
            if isinstance(admitted, Event):
                _take(admitted, students, figures)
            if meter.events == events:
                meter.report(figures=dict(figures))

    app.agent(topic, name="follow")(follow)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def _take(event: Event, students: Any, figures: Any) -> None:  # noqa: ANN401 - Faust's tables
    known = students[event.subject]
    if any((event.source, event.id) == (item[0], item[1]) for item in known):
        return
    grown = [*known, _kept(event)]
    students[event.subject] = grown
    change = counted(grown)
    change.subtract(counted(known))
    for (measure, year, group), count in change.items():
        if count:
            figures[f"{measure}/{year}/{group}"] += count


def _kept(event: Event) -> list[Any]:
    """What is needed of a fact, as JSON."""
    fact = event.fact
    about: tuple[Any, Any, Any] = (None, None, None)
    match fact:
        case Applied():
            about = (fact.application_id, str(fact.applied_on), _sorted(fact.categories))
        case Enrolled():
            about = (fact.enrollment_id, str(fact.enrolled_on), _sorted(fact.categories))
        case CategoriesDeclared():
            about = (None, str(fact.declared_on), _sorted(fact.categories))
        case OutcomeDeclared() if fact.credited:
            about = (None, str(fact.outcome_on), None)
        case Retracted():
            about = ([fact.retracts.source, fact.retracts.id], None, None)
        case _:
            pass
    return [event.source, event.id, event.time, type(fact).__name__, *about]


def _sorted(categories: frozenset[str] | None) -> list[str] | None:
    return None if categories is None else sorted(categories)


def counted(kept: list[list[Any]]) -> Cells:
    """What one student adds to outcomes and applicants, from scratch."""
    applied: dict[int, str] = {}
    declared: list[tuple[str, list[str]]] = []
    outcomes_declared: list[tuple[str, Any, str, str]] = []
    for source, event_id, time, kind, _, on, categories in _in_force(kept):
        if categories is not None:
            declared.append((on, categories))
        if kind == "Applied":
            year = int(on[:4])
            applied[year] = min(on, applied.get(year, on))
        elif kind == "OutcomeDeclared":
            outcomes_declared.append((on, instant(time), source, event_id))
    declared.sort(key=lambda item: item[0])
    cells: Cells = Counter()
    for year, on in applied.items():
        cells.update(("applicants", year, group) for group in _groups(declared, on))
    free_from = date.min
    for on, *_ in sorted(outcomes_declared):
        if date.fromisoformat(on) >= free_from:
            free_from = months_after(date.fromisoformat(on), 12)
            groups = _groups(declared, on)
            cells.update(("career_outcomes", int(on[:4]), group) for group in groups)
    return cells


def _in_force(kept: list[list[Any]]) -> Iterator[list[Any]]:
    kinds = {(item[0], item[1]): item[3] for item in kept}
    named = {tuple(item[4]) for item in kept if item[3] == "Retracted"}
    removed = {item for item in named if kinds.get(item) != "Retracted"}
    stated: set[tuple[str, str]] = set()
    for item in kept:
        if (item[0], item[1]) in removed or item[5] is None:
            continue
        if item[3] in ("Applied", "Enrolled"):
            if (item[3], item[4]) in stated:
                continue
            stated.add((item[3], item[4]))
        yield item


def _groups(declared: list[tuple[str, list[str]]], on: str) -> list[str]:
    known = [categories for declared_on, categories in declared if declared_on <= on]
    return ["all", *known[-1]] if known else ["all"]


def main() -> int:
    """Run one peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["worker", "faust-alone", "tables", "plain"])
    parser.add_argument("url")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--events", type=int, default=0, help="of the topic, for tables")
    parser.add_argument("--collector", choices=["batch", "on", "off"], default="batch")
    chosen = parser.parse_args()
    if chosen.collector == "on":
        vars(processors.live_fold)["_garbage_collection_paused"] = nullcontext
    elif chosen.collector == "off":
        gc.disable()
    place = parse_topic_address(chosen.url)
    if chosen.peer in ("worker", "faust-alone"):
        if chosen.peer == "faust-alone":
            without_catch_up()
        sys.argv = ["outcomes", "worker", "--log", chosen.url, "--state", str(chosen.state)]
        return outcomes()
    partitions = KafkaLog.open(place).partitions
    if chosen.peer == "tables":
        tables(place, chosen.events, partitions)
    else:
        asyncio.run(plain(place, chosen.state, partitions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
