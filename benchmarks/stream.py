"""How fast a worker on Kafka is, beside what a user would write instead; see README.md.

One real broker, one run, the same synthetic events for all. Every contender is a process of its
own; whatever is started here is stopped by its own process id.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from replay import MEBIBYTE, OUTCOMES, batches, machine, tell
from stream_processes import PATIENCE_SECONDS, WATCH_SECONDS, Process, Published

from ledger.log import NewRecord, open_log
from ledger.log.kafka.address import parse_topic_address
from ledger.replay import replay
from outcomes.synthetic import generate
from processors.kafka.published import partition_owners
from projections.policy import DEFAULT_POLICY, built_in_policies

SEED = 2022
PARTITIONS = 4
EVENTS_A_STUDENT = 4  # at least; it is about five
DELIVERED_MAX = 200_000
TABLES_MAX = 50_000
MOVED = 100_000
RATE = 500
CATEGORIES = ("job_seeker", "low_qualification", "disadvantaged_area", "refugee", "disability")
PEERS = (sys.executable, str(Path(__file__).with_name("stream_peers.py")))


class Measurement(NamedTuple):
    """What one contender came to.

    Attributes:
        seconds: From the first record on; for a worker from its start, without that of an idle one.
        cpu: Seconds of CPU in that time.
    """

    name: str
    events: int
    seconds: float
    cpu: float
    peak_bytes: int


class Bench:
    """A broker with the same events in several topics, and what runs on them."""

    def __init__(self, bootstrap: str, folder: Path, events: int, live_seconds: int) -> None:
        self.folder = folder
        self.events = events
        self._bootstrap = bootstrap
        self._states = 0
        later = RATE * live_seconds
        world = generate((events + later) // EVENTS_A_STUDENT, SEED)
        records = (NewRecord(record.key, record.value) for record in world)
        self._first = list(islice(records, min(events, DELIVERED_MAX)))
        self.whole = self.topic("whole", PARTITIONS)
        self.value_bytes = self.fill(self.whole, self._first)
        self.value_bytes += self.fill(self.whole, islice(records, events - len(self._first)))
        self.later = list(islice(records, later))
        self.idle_seconds, self.idle_cpu = self.idle()

    def topic(self, name: str, partitions: int) -> str:
        """A fresh topic with those beside it."""
        url = f"kafka://{self._bootstrap}/{name}"
        line = [*OUTCOMES, "topic", "create", "--log", url, "--partitions", str(partitions)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
        return url

    def fill(self, url: str, records: Iterable[NewRecord]) -> int:
        """Append records; the bytes of their values."""
        size = 0
        with closing(open_log(url, create=True)) as log:
            for batch in batches(records):
                log.append(batch)
                size += sum(len(record.value or b"") for record in batch)
        return size

    def part(self, name: str, events: int, partitions: int = PARTITIONS) -> tuple[str, int]:
        """A topic of the first events only, and their number."""
        url = self.topic(name, partitions)
        self.fill(url, self._first[:events])
        return url, len(self._first[:events])

    @contextmanager
    def running(self, *line: str, state: bool = True) -> Iterator[Process]:
        """A process with a read model of its own."""
        self._states += 1
        file = ["--state", str(self.folder / f"{self._states}.db")] if state else []
        process = Process([*line, *file], self.folder)
        try:
            yield process
        finally:
            process.stop()

    def idle(self) -> tuple[float, float]:
        """Seconds and CPU of a worker until it has published that it has nothing."""
        url = self.topic("nothing", PARTITIONS)
        with (
            closing(Published(url)) as published,
            self.running(*OUTCOMES, "worker", "--log", url) as worker,
        ):
            published.wait(dict.fromkeys(range(PARTITIONS), 0), [worker])
            return perf_counter() - worker.started, worker.cpu()

    def followed(
        self, name: str, url: str, events: int, published: Published, workers: Sequence[Process]
    ) -> Measurement:
        """Wait until workers that have just been started are current."""
        with closing(open_log(url)) as log:
            published.wait(log.end(), workers)
        seconds = perf_counter() - workers[0].started - self.idle_seconds
        cpu = sum(worker.cpu() - self.idle_cpu for worker in workers)
        return Measurement(
            name, events, seconds, cpu, max(item.memory("VmHWM") for item in workers)
        )

    def worker(self, result: dict[str, Any]) -> Measurement:
        """One worker on all events, and its latency afterwards."""
        line = (*OUTCOMES, "worker", "--log", self.whole)
        with closing(Published(self.whole)) as published, self.running(*line) as worker:
            measurement = self.followed(
                "outcomes worker", self.whole, self.events, published, [worker]
            )
            result["resident_bytes"] = [worker.memory("VmRSS")]
            tell(f"append to visible at {RATE} events/s")
            result["visible_seconds"] = asyncio.run(self.latencies(published))
            result["resident_bytes"].append(worker.memory("VmRSS"))
        return measurement

    def two_workers(self) -> Measurement:
        """Two under one command."""
        line = (*OUTCOMES, "worker", "--log", self.whole, "--processes", "2")
        with closing(Published(self.whole)) as published, self.running(*line) as both:
            return self.followed("  --processes 2", self.whole, self.events, published, [both])

    def without_catch_up(self) -> Measurement:
        """The same fold on what Faust delivers."""
        url, events = self.part("delivered", DELIVERED_MAX)
        line = (*PEERS, "faust-alone", url)
        with closing(Published(url)) as published, self.running(*line) as worker:
            return self.followed("worker without catch-up", url, events, published, [worker])

    def tables(self) -> Measurement:
        """A plain Faust app; its figures must be those of a replay."""
        url, events = self.part("tables", TABLES_MAX)
        policy = built_in_policies()[DEFAULT_POLICY]
        with self.running(*PEERS, "tables", url, "--events", str(events), state=False) as app:
            message = app.line()
        with closing(open_log(url)) as log:
            cells = replay(log, log.end(), [policy]).figures[policy.sha256].cells
        theirs = {name: count for name, count in message["figures"].items() if count}
        ours = {
            f"{measure}/{year}/{group}": count for (year, measure, group), count in cells.items()
        }
        assert theirs == {name: count for name, count in ours.items() if _compared(name)}
        return _measurement("plain Faust tables, in memory", message)

    def plain(self, collector: str) -> Measurement:
        """The fold with aiokafka alone."""
        name = {"batch": "aiokafka + the fold", "on": "  collector on", "off": "  collector off"}
        line = (*PEERS, "plain", self.whole, "--collector", collector)
        with self.running(*line) as process:
            message = process.line()
        assert message["events"] == message["records"], message
        return _measurement(name[collector], message)

    async def latencies(self, published: Published) -> list[float]:
        """Seconds from the append of each later record until its figures are visible."""
        sent: dict[tuple[int, int], float] = {}
        seen: list[float] = []
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        await producer.start()
        topic = parse_topic_address(self.whole).topic

        async def send(record: NewRecord) -> None:
            called = perf_counter()
            kept = await producer.send_and_wait(topic, record.value, key=record.key)
            sent[kept.partition, kept.offset] = called

        def look() -> None:
            published.refresh()
            now, end = perf_counter(), published.next_offsets
            visible = [item for item in sent if item[1] < end.get(item[0], 0)]
            seen.extend(now - sent.pop(item) for item in visible)

        async def watch() -> None:
            deadline = perf_counter() + PATIENCE_SECONDS
            while len(seen) < len(self.later):
                assert perf_counter() < deadline, (len(seen), len(self.later))
                await asyncio.to_thread(look)
                await asyncio.sleep(WATCH_SECONDS)

        try:
            watching = asyncio.create_task(watch())
            start, sending = perf_counter(), set()
            for number, record in enumerate(self.later):
                await asyncio.sleep(max(0.0, start + number / RATE - perf_counter()))
                sending.add(asyncio.create_task(send(record)))
            await asyncio.gather(*sending)
            await watching
        finally:
            await producer.stop()
        return sorted(seen)

    def recovery(self) -> tuple[int, float]:
        """A partition's events, and seconds from its worker's kill -9 until it is current again."""
        url, _ = self.part("moved", MOVED * 2, partitions=2)
        line = (*OUTCOMES, "worker", "--log", url)
        with (
            closing(open_log(url, create=True)) as log,
            closing(Published(url)) as published,
            self.running(*line) as first,
        ):
            published.wait(log.end(), [first])
            with self.running(*line) as second:
                partition = self._share(url, first, second)
                published.wait(log.end(), [first, second])
                first.kill()
                killed = perf_counter()
                log.append(self.later[:RATE])
                published.wait({partition: log.end()[partition]}, [second])
                return log.end()[partition], perf_counter() - killed

    def _share(self, url: str, first: Process, second: Process) -> int:
        """Wait until two workers have a partition each; that of the first."""
        deadline = perf_counter() + PATIENCE_SECONDS
        while True:
            owners = partition_owners(parse_topic_address(url))
            of_first = [part for part, who in owners.items() if f"-{first.pid}@" in who]
            of_second = [part for part, who in owners.items() if f"-{second.pid}@" in who]
            if of_first and of_second:
                return of_first[0]
            assert perf_counter() < deadline, owners
            sleep(WATCH_SECONDS)


def _measurement(name: str, message: Mapping[str, Any]) -> Measurement:
    return Measurement(
        name, *(message[item] for item in ("events", "seconds", "cpu", "peak_bytes"))
    )


def _compared(name: str) -> bool:
    measure, _, group = name.split("/")
    return measure in ("career_outcomes", "applicants") and group in ("all", *CATEGORIES)


def measure(bench: Bench) -> dict[str, Any]:
    """Everything, one after the other; the figures as `--json` writes them."""
    result: dict[str, Any] = {
        "schema": "ledger/benchmark-stream/v1",
        "machine": machine(),
        "seed": SEED,
        "events": bench.events,
        "value_bytes": bench.value_bytes,
        "partitions": PARTITIONS,
        "start_seconds": bench.idle_seconds,
        "start_cpu": bench.idle_cpu,
    }
    steps: dict[str, Callable[[], Measurement]] = {
        "two workers": bench.two_workers,
        "aiokafka + the fold": lambda: bench.plain("batch"),
        "the same, collector on": lambda: bench.plain("on"),
        "the same, collector off": lambda: bench.plain("off"),
        "worker without catch-up": bench.without_catch_up,
        "plain Faust tables": bench.tables,
        # Last, since its latency is measured with events that are appended to those of all.
        "outcomes worker": lambda: bench.worker(result),
    }
    contenders = []
    for name, step in steps.items():
        tell(name)
        contenders.append(step()._asdict())
    result["contenders"] = [contenders[-1], *contenders[:-1]]
    tell("kill -9 of one of two workers")
    result["moved_events"], result["recovery_seconds"] = bench.recovery()
    return result


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """The figures as lines of at most 100 columns."""
    host = result["machine"]
    yield f"{host['cpu']}, {host['cores']} cores, {host['system']}; Python {host['python']}"
    yield (
        f"{result['events']:,} events, {result['value_bytes']:,} bytes, {result['partitions']}"
        f" partitions; an idle worker's start, left out: {result['start_seconds']:.1f} s,"
        f" {result['start_cpu']:.1f} s of CPU"
    )
    first = result["contenders"][0]
    base, base_cpu = first["events"] / first["seconds"], first["events"] / first["cpu"]
    yield f"\n{'':37}events   events/s      x  per CPU s      x  peak MiB"
    for row in result["contenders"]:
        rate, per_cpu = (
            row["events"] / row["seconds"],
            row["events"] / row["cpu"],
        )
        yield (
            f"{row['name']:30}{row['events']:>11,}{rate:>11,.0f}{rate / base:>7.2f}"
            f"{per_cpu:>11,.0f}{per_cpu / base_cpu:>7.2f}{row['peak_bytes'] / MEBIBYTE:>10.0f}"
        )
    seen = result["visible_seconds"]
    before, after = (size / MEBIBYTE for size in result["resident_bytes"])
    yield (
        f"\nAppend to visible, {len(seen):,} events at {RATE}/s:"
        f" p50 {seen[len(seen) // 2]:.2f} s, p99 {seen[len(seen) * 99 // 100]:.2f} s"
    )
    yield f"Resident after the catch-up {before:.0f} MiB, after those events {after:.0f} MiB"
    yield (
        f"kill -9 of one of two workers: its partition of {result['moved_events']:,} events was"
        f" current again after {result['recovery_seconds']:.1f} s"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure a worker on Kafka beside its peers.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live-seconds", type=int, default=60, help="of 500 events/s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args(argv)
    if chosen.events < RATE or chosen.live_seconds < 1:
        parser.error(f"--events is at least {RATE}, --live-seconds at least 1")
    sys.path.insert(0, str(Path(__file__).parents[1]))
    # The broker of the tests, which are not part of any package.
    real = importlib.import_module("tests.support.broker")
    with TemporaryDirectory(prefix="outcomes-bench-") as folder:
        broker = real.Broker(Path(folder), real.kafka_jars())
        broker.start()
        try:
            tell(f"{chosen.events:,} events into {broker.bootstrap}")
            bench = Bench(broker.bootstrap, Path(folder), chosen.events, chosen.live_seconds)
            result = measure(bench)
        finally:
            broker.stop()
    print("\n".join(table(result)))
    if chosen.json:
        chosen.json.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
