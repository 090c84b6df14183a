"""What `outcomes serve` takes and gives, beside a bare route that only parses; see README.md.

Servers are processes of their own, stopped by their own process ids; this process is the load
generator, and its CPU is shown beside theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple, Self

from replay import MEBIBYTE, OUTCOMES, batches, machine, tell
from serve_client import Connection, batch_request, get_request, percentile
from stream_processes import Process

from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from outcomes.synthetic import generate

SEED = 2022
YEAR = 2022
EVENTS_A_STUDENT = 4  # at least; it is about five
CLIENTS = 4
BATCH = 500
READERS = 50
BARE = (sys.executable, str(Path(__file__).with_name("serve_bare.py")))
_START_SECONDS = 60
_PATIENCE_SECONDS = 600


class Serving(NamedTuple):
    """A server that runs."""

    process: Process
    port: int


class Cost(NamedTuple):
    """What a step took: by the clock, and of CPU, the server's and ours."""

    seconds: float
    server_cpu: float
    client_cpu: float


async def _until(holds: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> None:
    deadline = perf_counter() + seconds
    while not holds():
        assert perf_counter() < deadline, "not in time"
        await asyncio.sleep(0.02)


class Watch:
    """Measures what runs within it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.cost = Cost(0, 0, 0)

    def __enter__(self) -> Self:
        self._start = (perf_counter(), self._process.cpu(), process_time())
        return self

    def __exit__(self, *_: object) -> None:
        now = (perf_counter(), self._process.cpu(), process_time())
        self.cost = Cost(*(after - before for after, before in zip(now, self._start, strict=True)))


@contextmanager
def serving(line: Sequence[str], folder: Path, port: int) -> Iterator[Serving]:
    """A server, once it answers."""
    process = Process(line, folder)
    try:
        deadline = perf_counter() + _START_SECONDS
        while True:
            process.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert perf_counter() < deadline, "the server does not answer"
        yield Serving(process, port)
    finally:
        process.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def ingest(server: Serving, values: Sequence[bytes], size: int) -> Cost:
    """Send all values in batches, by some connections side by side."""
    requests = iter([batch_request(server.port, batch) for batch in batches(values, size)])

    async def client() -> None:
        connection = Connection(server.port)
        for request in requests:
            status, body = await connection.ask(request)
            assert status == 200, body[:300]  # noqa: PLR2004 - HTTP
        connection.close()

    with Watch(server.process) as watch:
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return watch.cost


async def caught_up(server: Serving) -> float:
    """Seconds until the figures have no lag."""
    connection, started = Connection(server.port), perf_counter()
    while True:
        status, body = await connection.ask(kpis(server))
        if status == 200 and not json.loads(body)["lag"]["records"]:  # noqa: PLR2004 - HTTP
            connection.close()
            return perf_counter() - started
        assert perf_counter() - started < _PATIENCE_SECONDS, "the figures stay behind"
        await asyncio.sleep(0.05)


def kpis(server: Serving) -> bytes:
    """A request for the key figures."""
    return get_request(server.port, f"/v1/kpis?year={YEAR}")


async def ticks(rate: float, seconds: float) -> AsyncIterator[None]:
    """A turn so many times a second, on time whatever a turn takes."""
    started = perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - perf_counter()))
        yield


async def send(server: Serving, batches: Iterator[bytes], rate: float, seconds: float) -> list[Any]:
    """Send requests at a rate; (offset after the last event, moment of the answer) of each."""
    connection, answers = Connection(server.port), []
    async for _ in ticks(rate, seconds):
        status, body = await connection.ask(next(batches))
        assert status == 200, body[:300]  # noqa: PLR2004 - HTTP
        end = json.loads(body)["events"][-1]["offset"] + 1
        answers.append((end, perf_counter()))
    connection.close()
    return answers


async def latencies(server: Serving, seconds: float) -> list[float]:
    """Seconds of each of twenty requests a second for the key figures."""
    connection, took = Connection(server.port), []
    async for _ in ticks(20, seconds):
        started = perf_counter()
        status, body = await connection.ask(kpis(server))
        took.append(perf_counter() - started)
        assert status == 200, body[:300]  # noqa: PLR2004 - HTTP
    connection.close()
    return took


class Streams:
    """Open streams, each with the end that it has seen last and when it saw which."""

    def __init__(self, server: Serving) -> None:
        self._server = server
        self.seen: list[list[tuple[int, float]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, count: int) -> None:
        """Open so many, and wait for the first event of each."""
        for _ in range(count):
            seen: list[tuple[int, float]] = []
            self.seen.append(seen)
            self._tasks.append(asyncio.create_task(self._follow(seen)))
            if len(self.seen) % CLIENTS == 0:
                await _until(lambda: bool(self.seen[-1]))
        await _until(lambda: all(self.seen))

    async def reached(self, end: int) -> None:
        """Wait until every stream has seen an end."""
        await _until(lambda: all(seen[-1][0] >= end for seen in self.seen))

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, seen: list[tuple[int, float]]) -> None:
        connection = Connection(self._server.port)
        request = get_request(self._server.port, f"/v1/stream?year={YEAR}")
        try:
            async for cut, moment in connection.events(request):
                seen.append((int(cut.partition(":")[2]), moment))
        finally:
            connection.close()


def delays(answers: Sequence[tuple[int, float]], seen: Sequence[tuple[int, float]]) -> list[float]:
    """From each answer until a stream has reached its end; 0 where it was there before."""
    result, place = [], 0
    for end, answered in answers:
        while seen[place][0] < end:
            place += 1
        result.append(max(0.0, seen[place][1] - answered))
    return result


class Bench:
    """A server, and events that it has not had yet."""

    def __init__(self, server: Serving, later: Sequence[bytes]) -> None:
        self._server = server
        self._later = iter(later)

    def _batches(self, size: int) -> Iterator[bytes]:
        for batch in batches(self._later, size):
            yield batch_request(self._server.port, batch)

    async def visible(self, seconds: float) -> dict[str, float]:
        """From the acknowledgement until a stream shows it, at 500 events a second."""
        streams = Streams(self._server)
        await streams.open(1)
        with Watch(self._server.process) as watch:
            answers = await send(self._server, self._batches(5), 100, seconds)
            await streams.reached(answers[-1][0])
        waited = delays(answers, streams.seen[0])
        await streams.close()
        return {
            "p50_seconds": percentile(waited, 0.5),
            "p99_seconds": percentile(waited, 0.99),
            "server_cpu_share": watch.cost.server_cpu / watch.cost.seconds,
        }

    async def reading(self, seconds: float, streams_open: int) -> dict[str, float]:
        """Key figures at 1,000 events a second, with streams open."""
        streams = Streams(self._server)
        await streams.open(streams_open)
        with Watch(self._server.process) as watch:
            sending = asyncio.create_task(send(self._server, self._batches(50), 20, seconds))
            took = await latencies(self._server, seconds)
            await sending
        await streams.close()
        return {
            "p50_ms": percentile(took, 0.5) * 1_000,
            "p99_ms": percentile(took, 0.99) * 1_000,
            "server_cpu_share": watch.cost.server_cpu / watch.cost.seconds,
            "client_cpu_share": watch.cost.client_cpu / watch.cost.seconds,
        }

    async def crowd(self, seconds: float, count: int) -> dict[str, float]:
        """So many streams, first idle and then at two changes a second."""
        streams = Streams(self._server)
        await streams.open(count)
        with Watch(self._server.process) as idle:
            await asyncio.sleep(seconds)
        idle_bytes = self._server.process.memory_in_all()
        with Watch(self._server.process) as busy:
            answers = await send(self._server, self._batches(1), 2, seconds)
            await streams.reached(answers[-1][0])
        busy_bytes = self._server.process.memory_in_all()
        await streams.close()
        return {
            "idle_mib": idle_bytes / MEBIBYTE,
            "idle_cpu_share": idle.cost.server_cpu / idle.cost.seconds,
            "busy_mib": busy_bytes / MEBIBYTE,
            "busy_cpu_share": busy.cost.server_cpu / busy.cost.seconds,
        }


def events_of(count: int) -> list[bytes]:
    """So many events that the gateway takes."""
    values = (record.value for record in generate(count // EVENTS_A_STUDENT + 200, SEED))
    valid = (each for each in values if each and EVENTS.judge(Line(1, each))[0] is not None)
    return list(islice(valid, count))


def costs(name: str, events: int, cost: Cost) -> dict[str, Any]:
    """A row of the ingest."""
    return {"name": name, "events": events, **cost._asdict()}


async def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """All steps, one after the other."""
    later = int((500 + 1_000 + 2) * chosen.seconds) + BATCH
    values = events_of(chosen.events + later)
    first, rest = values[: chosen.events], values[chosen.events :]
    result: dict[str, Any] = {"machine": machine(), "load": os.getloadavg()[0]}
    tell("a bare route that only parses")
    with serving([*BARE, str(port := free_port())], folder, port) as bare:
        rows = [costs("a bare route, orjson", len(first), await ingest(bare, first, BATCH))]
        took = await latencies(bare, chosen.seconds)
        result["bare_p99_ms"] = percentile(took, 0.99) * 1_000
    log = f"sqlite:{folder / 'ledger.db'}"
    line = [*OUTCOMES, "serve", "--log", log, "--insecure-dev", "--port", str(port := free_port())]
    with serving(line, folder, port) as server:
        tell("ingest")
        rows.append(costs("outcomes serve", len(first), await ingest(server, first, BATCH)))
        result["caught_up_seconds"] = await caught_up(server)
        result["ingest"] = rows
        bench = Bench(server, rest)
        tell("append to visible on a stream")
        result["visible"] = await bench.visible(chosen.seconds)
        tell("key figures under load")
        result["reading"] = await bench.reading(chosen.seconds, READERS)
        tell(f"{chosen.streams} streams")
        result["streams"] = await bench.crowd(chosen.seconds, chosen.streams)
    return result


def show(result: dict[str, Any]) -> None:
    """The figures, beside what is wanted."""
    print(f"load average {result['load']:.1f} at the start; {result['machine']['cpu']}\n")
    print(f"{'ingest':26}{'events/s':>10}{'per CPU s':>11}{'server CPU':>12}{'client CPU':>12}")
    for row in result["ingest"]:
        print(
            f"{row['name']:26}{row['events'] / row['seconds']:>10,.0f}"
            f"{row['events'] / row['server_cpu']:>11,.0f}{row['server_cpu']:>12.2f}"
            f"{row['client_cpu']:>12.2f}"
        )
    ours = result["ingest"][-1]
    visible, reading, streams = result["visible"], result["reading"], result["streams"]
    print(f"\nfigures current after {result['caught_up_seconds']:.1f} s more\n")
    judged = (
        ("ingest, events/s", ours["events"] / ours["seconds"], "≥", 5_000),
        ("append to visible, p50 s", visible["p50_seconds"], "", 0),
        ("append to visible, p99 s", visible["p99_seconds"], "≤", 0.5),
        ("a bare route, p99 ms", result["bare_p99_ms"], "", 0),
        ("key figures, p50 ms", reading["p50_ms"], "", 0),
        ("key figures, p99 ms", reading["p99_ms"], "≤", 20),
        ("streams idle, MiB", streams["idle_mib"], "≤", 286),
        ("streams idle, cores", streams["idle_cpu_share"], "", 0),
        ("streams busy, MiB", streams["busy_mib"], "≤", 286),
        ("streams busy, cores", streams["busy_cpu_share"], "", 0),
    )
    for name, value, sign, wanted in judged:
        reached = value >= wanted if sign == "≥" else value <= wanted
        verdict = f"{sign} {wanted:,}: {'reached' if reached else 'missed'}" if sign else ""
        print(f"{name:26}{value:>10,.2f}   {verdict}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the HTTP server on an embedded log.")
    parser.add_argument("--events", type=int, default=100_000, help="of the ingest")
    parser.add_argument("--seconds", type=float, default=30, help="of each step at a rate")
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args(argv)
    with TemporaryDirectory(prefix="bench-serve-") as folder:
        result = asyncio.run(measure(Path(folder), chosen))
    show(result)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
