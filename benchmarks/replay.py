"""How fast events are taken in and replayed, and how much memory that takes; see README.md.

Every step handles the same synthetic events in one process. Before each step a plain `json.loads`
loop goes over the same bytes, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from os import cpu_count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple, TypeVar

from ledger.log import NewRecord, open_log
from ledger.replay import replay
from ledger.report import build_report, encode_report
from outcomes.synthetic import generate
from projections.policy import DEFAULT_POLICY, built_in_policies
from schemas.admission import Quarantined, admit
from schemas.record import Record

SEED, YEAR = 2022, 2022
BATCH = 10_000
FILES_MAX = 5
RATE_WANTED = 30_000
MEBIBYTE = 1_048_576
PEAK_WANTED = 300 * MEBIBYTE
PEAK_UNIT = 1 if sys.platform == "darwin" else 1_024
# A process inherits its parent's peak, so it is taken below a parent that is small.
PEAK_OF_CHILD = (
    "import resource, subprocess, sys;"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
OUTCOMES = (sys.executable, "-m", "outcomes")
_Item = TypeVar("_Item")


class Watch:
    """Adds up the seconds of what runs within it, by the clock and of CPU, children included."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self.wall -= perf_counter()
        self.cpu -= _cpu_seconds()

    def __exit__(self, *_: object) -> None:
        self.wall += perf_counter()
        self.cpu += _cpu_seconds()


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


class Step(NamedTuple):
    """One thing to measure, by the watch that it is handed."""

    name: str
    events: int
    run: Callable[[Watch], None]
    wanted: int | None = None


class Bench:
    """One synthetic world, in a log and in files of its first events, and the steps over it."""

    def __init__(self, folder: str, students: int) -> None:
        self.students = students
        self.events = self.value_bytes = self.broken = 0
        self.log = url_in(folder)
        sound: list[bytes] = []
        with closing(open_log(self.log, create=True)) as log:
            for batch in batches(generate(students, SEED)):
                log.append(
                    NewRecord(record.key, record.value, record.recorded_at) for record in batch
                )
                self.events += len(batch)
                self.value_bytes += sum(len(record.value) for record in batch)
                self.broken += sum(record.broken for record in batch)
                if len(sound) < FILES_MAX * BATCH:
                    sound += [record.value + b"\n" for record in batch if not record.broken]
        whole = len(sound) - len(sound) % BATCH if len(sound) > BATCH else len(sound)
        parts = list(batches(sound[: min(whole, FILES_MAX * BATCH)]))
        self.file_events = len(parts[0])
        self.files = [Path(folder, f"{number}.jsonl") for number in range(len(parts))]
        for file, part in zip(self.files, parts, strict=True):
            file.write_bytes(b"".join(part))
        self.empty_file = Path(folder, "empty.jsonl")
        self.empty_file.touch()

    def steps(self) -> Iterator[Step]:
        """What is measured, in the order of the table."""
        events, in_files = self.events, self.file_events * len(self.files)
        files = f"{len(self.files)} x {self.file_events:,}"
        yield Step("json.loads, the baseline", events, self.baseline)
        yield Step("admission", events, self.admission)
        yield Step("append, batches of 10,000", events, self.append, RATE_WANTED)
        yield Step(
            f"outcomes append, {files}",
            in_files,
            lambda watch: self.append_files(watch, self.files),
            RATE_WANTED,
        )
        yield Step("read by key", events, self.read_by_key)
        yield Step("replay to a report", events, lambda watch: self.replay(watch, 1), RATE_WANTED)
        yield Step("replay to two reports", events, lambda watch: self.replay(watch, 2))

    def baseline(self, watch: Watch) -> None:
        """Decode every value."""
        self.each_batch(watch, decode)

    def admission(self, watch: Watch) -> None:
        """Every record through the rules, nothing kept."""
        quarantined = self.each_batch(
            watch, lambda batch: sum(type(admit(record, 1)) is Quarantined for record in batch)
        )
        assert quarantined == self.broken, quarantined

    def append(self, watch: Watch) -> None:
        """Each batch one transaction, on disk when it ends."""
        with TemporaryDirectory() as folder, closing(open_log(url_in(folder), create=True)) as log:
            self.each_batch(
                watch,
                lambda batch: log.append(
                    NewRecord(*record[3:], record.recorded_at) for record in batch
                )[0],
            )
            assert sum(log.end().values()) == self.events, log.end()

    def append_files(self, watch: Watch, files: Sequence[Path]) -> None:
        """The whole command a file: start, admission, append."""
        with TemporaryDirectory() as folder:
            for file in files:
                line = [*OUTCOMES, "append", str(file), "--log", url_in(folder)]
                with watch:
                    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours

    def read_by_key(self, watch: Watch) -> None:
        """A replay's reading without its work."""
        with closing(open_log(self.log)) as log, watch:
            read = sum(1 for _ in log.read_by_key(log.end()))
        assert read == self.events, read

    def replay(self, watch: Watch, policies: int) -> None:
        """From opening the log to the bytes of a report a policy."""
        known = built_in_policies()
        chosen = [known[name] for name in sorted(known, key=DEFAULT_POLICY.__ne__)][:policies]
        with watch, closing(open_log(self.log)) as log:
            replayed = replay(log, log.end(), chosen)
            for policy in chosen:
                encode_report(build_report(replayed, log_name=log.name, policy=policy, year=YEAR))
        assert replayed.records.records == self.events, replayed.records

    def each_batch(self, watch: Watch, work: Callable[[list[Record]], int]) -> int:
        """The sum of the work on all records; their reading is left out."""
        total = 0
        with closing(open_log(self.log)) as log:
            end = log.end()
            for batch in batches(log.read(dict.fromkeys(end, 0), end)):
                with watch:
                    total += work(batch)
        return total

    def peak(self) -> dict[str, int]:
        """The peak of resident bytes of `outcomes report` in a process of its own."""
        tell(f"peak memory of {self.events:,} events")
        words = f"report --year {YEAR} --policy {DEFAULT_POLICY} --json --log".split()
        line = [sys.executable, "-c", PEAK_OF_CHILD, *OUTCOMES, *words, self.log]
        peak = subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - ours
        return {"events": self.events, "peak_bytes": int(peak) * PEAK_UNIT}


def url_in(folder: str) -> str:
    """The URL of the log in a folder."""
    return f"sqlite:{Path(folder) / 'log.db'}"


def decode(batch: list[Record]) -> int:
    """The baseline; a value that is no JSON costs it an exception."""
    for record in batch:
        try:
            json.loads(record.value or b"")
        except ValueError:
            continue
    return len(batch)


def batches(items: Iterable[_Item], size: int = BATCH) -> Iterator[list[_Item]]:
    """Lists of at most so many."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def measure(bench: Bench, runs: int) -> dict[str, Any]:
    """Take every step so often, the baseline before each; the figures as `--json` writes them."""
    baseline, *steps = bench.steps()
    samples: list[tuple[Step, list[Watch], list[float]]] = [(step, [], []) for step in steps]
    decoding = []
    for run in range(1, runs + 1):
        for step, watches, ratios in samples:
            tell(f"run {run} of {runs}: {step.name}")
            before, watch = Watch(), Watch()
            baseline.run(before)
            step.run(watch)
            decoding.append(before)
            watches.append(watch)
            ratios.append(step.events / watch.cpu * before.cpu / baseline.events)
    starting = [Watch() for _ in range(runs)]
    for watch in starting:
        bench.append_files(watch, [bench.empty_file])
    return {
        "schema": "ledger/benchmark/v1",
        "machine": machine(),
        "students": bench.students,
        "seed": SEED,
        "events": bench.events,
        "value_bytes": bench.value_bytes,
        "runs": runs,
        "start_seconds": spread([watch.wall for watch in starting]),
        "start_cpu_seconds": spread([watch.cpu for watch in starting]),
        "steps": [
            {
                "name": step.name,
                "events": step.events,
                "wanted": step.wanted,
                "events_per_second": spread([step.events / watch.wall for watch in watches]),
                "events_per_cpu_second": spread([step.events / watch.cpu for watch in watches]),
                "cpu_ratio_to_baseline": spread(ratios),
            }
            for step, watches, ratios in [(baseline, decoding, [1.0]), *samples]
        ],
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def table(result: dict[str, Any]) -> Iterator[str]:
    """The figures as lines of at most 100 columns."""
    host = result["machine"]
    yield f"{host['cpu']}, {host['cores']} cores, {host['system']}"
    yield (
        f"Python {host['python']}, SQLite {host['sqlite']}; {result['events']:,} events of"
        f" {result['students']:,} students, {result['value_bytes']:,} bytes; runs: {result['runs']}"
    )
    yield f"\n{'':29}events/s  {'least to most':18}  per CPU s  x baseline  wanted"
    for step in result["steps"]:
        rate, wanted = step["events_per_second"], step["wanted"]
        between = f"{rate['min']:,.0f} to {rate['max']:,.0f}"
        verdict = "reached" if rate["median"] >= (wanted or 0) else "missed"
        yield (
            f"{step['name']:27}{rate['median']:>10,.0f}  {between:18}"
            f"  {step['events_per_cpu_second']['median']:>9,.0f}"
            f"  {step['cpu_ratio_to_baseline']['median']:>10.3f}"
            f"  {f'{wanted:,} {verdict}' if wanted else ''}"
        ).rstrip()
    start, cpu = result["start_seconds"]["median"], result["start_cpu_seconds"]["median"]
    yield f"\nStart of outcomes append, once a file: {start:.2f} s, {cpu:.2f} s of CPU"
    for item in result["memory"]:
        peak = item["peak_bytes"]
        verdict = "reached" if peak <= PEAK_WANTED else "missed"
        yield (
            f"Peak memory, replay of {item['events']:,} events: {peak / MEBIBYTE:.0f} MiB"
            f"  ({PEAK_WANTED // MEBIBYTE} MiB {verdict})"
        )


def tell(step: str) -> None:
    """A line of progress."""
    print(f"... {step}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure append and replay, side by side.")
    parser.add_argument("--students", type=int, default=200_000, help="about five events each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="also peaks, at one and three worlds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args(argv)
    if min(chosen.students, chosen.runs) < 1:
        parser.error("--students and --runs are at least 1")
    tell(f"{chosen.students:,} students")
    with TemporaryDirectory(prefix="outcomes-bench-") as folder:
        bench = Bench(folder, chosen.students)
        result = measure(bench, chosen.runs)
        result["memory"] = [bench.peak()] if chosen.memory else []
    if chosen.memory:
        with TemporaryDirectory(prefix="outcomes-bench-") as folder:
            tell(f"{chosen.students * 3:,} students")
            result["memory"].append(Bench(folder, chosen.students * 3).peak())
    print("\n".join(table(result)))
    if chosen.json:
        chosen.json.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
