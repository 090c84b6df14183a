"""A year's report from the same made-up log by column, by hand in SQL, by student, and by Polars.

Every step runs in a process of its own, which prints its seconds and its peak of resident memory;
the steps take turns, so that a slow moment of the machine hits all of them. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import duckdb

from ledger.log import Log, NewRecord, open_log
from ledger.replay import replay
from ledger.replay.columnar import replay_typed
from ledger.replay.typed import typed_files
from ledger.report import build_report
from ledger.world import generate
from projections.policy import Policy, built_in_policies

SEED, YEAR, PARTITIONS = 2022, 2022, 4
BATCH = 10_000
PEAK_UNIT = 1 if sys.platform == "darwin" else 1_024
MEBIBYTE = 1_048_576
WANTED_RATE, WANTED_TO_HAND, WANTED_TO_FOLD = 1_000_000, 3, 10
BY_HAND = Path(__file__).with_name("sql") / "by_hand.sql"
Found = dict[str, Any]


def world(folder: Path, students: int) -> Found:
    """Make up the log; not measured for its own sake."""
    events = value_bytes = 0
    made = iter(generate(students, SEED))
    with closing(open_log(f"{_url(folder)}?partitions={PARTITIONS}", create=True)) as log:
        while batch := list(islice(made, BATCH)):
            log.append(NewRecord(one.key, one.value, one.recorded_at) for one in batch)
            events += len(batch)
            value_bytes += sum(len(one.value) for one in batch)
    return {"events": events, "value_bytes": value_bytes}


def typed(folder: Path, _: int) -> Found:
    """From the log to Parquet: reading, admission, sorting, writing."""
    with closing(open_log(_url(folder))) as log:
        end = log.end()
        files = typed_files(log.read(dict.fromkeys(end, 0), end), log.partitions, folder)
    return {"bytes": sum(file.stat().st_size for file in files)}


def columnar(folder: Path, policies: int) -> Found:
    """The whole report: every measure, every group, this year and the one before."""
    chosen = list(built_in_policies().values())[:policies]
    with closing(open_log(_url(folder))) as log:
        replayed = replay_typed(_files(folder), log.end(), chosen)
        return {"reports": _digests(log, replayed, chosen)}


def fold(folder: Path, policies: int) -> Found:
    """The same report, student by student from the log itself, admission included."""
    chosen = list(built_in_policies().values())[:policies]
    with closing(open_log(_url(folder))) as log:
        return {"reports": _digests(log, replay(log, log.end(), chosen), chosen)}


def by_hand(folder: Path, _: int) -> Found:
    """Five figures in plain SQL, see sql/by_hand.sql."""
    statements = BY_HAND.read_text(encoding="utf-8").replace("FILES", f"{folder}/*.parquet")
    with closing(duckdb.connect()) as connection:
        connection.execute("set preserve_insertion_order = false")
        rows = [
            row
            for statement in duckdb.extract_statements(statements)
            for row in connection.execute(statement).fetchall()
        ]
    return {"figures": {name: count for name, count in rows if name != "Count"}}


def polars_rule(folder: Path, _: int) -> Found:
    """The 12-month rule alone, in Polars: a round for each counted outcome of a student."""
    import polars as pl  # noqa: PLC0415 - a benchmark's own dependency

    subject, on = pl.col("subject"), pl.col("outcome_on")
    left = (
        pl.scan_parquet(f"{folder}/*.parquet")
        .filter(
            pl.col("rule").is_null()
            & (pl.col("type") == "ledger.outcome.declared.v1")
            & pl.col("credited")
        )
        .select(subject, on)
        .unique()
        .collect()
    )
    count = 0
    while not left.is_empty():
        counted = left.group_by("subject").agg(on.min().alias("anchor"))
        count += counted.filter(pl.col("anchor").dt.year() == YEAR).height
        later = pl.col("anchor").dt.offset_by("12mo")
        left = left.join(counted, on="subject").filter(on >= later).select(subject, on)
    return {"figures": {"career_outcomes": count}}


STEPS: dict[str, tuple[Callable[[Path, int], Found], int]] = {
    "columnar, whole report": (columnar, 1),
    "columnar, two policies": (columnar, 2),
    "DuckDB by hand, five figures": (by_hand, 0),
    "fold, whole report": (fold, 1),
    "Polars, 12-month rule alone": (polars_rule, 0),
}


def _url(folder: Path) -> str:
    return f"sqlite:{folder / 'log.db'}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _digests(log: Log, replayed: Any, policies: Iterable[Policy]) -> list[str]:  # noqa: ANN401
    made = (
        build_report(replayed, log_name=log.name, policy=policy, year=YEAR) for policy in policies
    )
    return [str(report["digest"]) for report in made]


def run_step(step: Callable[[Path, int], Found], folder: Path, number: int) -> Found:
    """Take one step in a process of its own."""
    words = [sys.executable, __file__, "--step", step.__name__, str(folder), str(number)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    found: Found = json.loads(done.stdout)
    return found


def take_step(name: str, folder: Path, number: int) -> None:
    """What the process of a step does; imports are left out of its seconds."""
    step = globals()[name]
    started, cpu = perf_counter(), process_time()
    found = step(folder, number)
    found |= {"seconds": perf_counter() - started, "cpu_seconds": process_time() - cpu}
    found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
    print(json.dumps(found))


def measure(folder: Path, students: int, runs: int, *, with_fold: bool) -> Found:
    """Every step so often, in turns."""
    tell(f"making up {students:,} students")
    made = run_step(world, folder, students)
    tell(f"writing typed columns of {made['events']:,} events")
    written = run_step(typed, folder, 0)
    left_out = {"Polars, 12-month rule alone"} if find_spec("polars") is None else set()
    if not with_fold:
        left_out.add("fold, whole report")
    samples: dict[str, list[Found]] = {name: [] for name in STEPS if name not in left_out}
    for turn in range(1, runs + 1):
        for name, taken in samples.items():
            tell(f"run {turn} of {runs}: {name}")
            step, number = STEPS[name]
            taken.append(run_step(step, folder, number))
    by_column = {one["reports"][0] for one in samples["columnar, whole report"]}
    by_student = {one["reports"][0] for one in samples.get("fold, whole report", [])}
    assert len(by_column | by_student) == 1, (by_column, by_student)
    return {
        "schema": "ledger/year-report-benchmark/v1",
        **made,
        "students": students,
        "seed": SEED,
        "runs": runs,
        "cores": os.cpu_count(),
        "digest": by_column.pop(),
        "typed": written,
        "steps": {name: summary(taken) for name, taken in samples.items()},
    }


def summary(taken: Sequence[Found]) -> Found:
    """Medians, and the largest peak."""
    return {
        "seconds": median(one["seconds"] for one in taken),
        "seconds_min": min(one["seconds"] for one in taken),
        "cpu_seconds": median(one["cpu_seconds"] for one in taken),
        "peak_bytes": max(one["peak_bytes"] for one in taken),
        "figures": taken[0].get("figures"),
    }


def table(found: Found) -> Iterable[str]:
    """The figures as lines of at most 100 columns."""
    events, steps, files = found["events"], found["steps"], found["typed"]
    yield (
        f"{events:,} events of {found['students']:,} students, {found['cores']} cores,"
        f" runs: {found['runs']}; {found['digest'][:19]}…"
    )
    yield (
        f"bytes an event: {found['value_bytes'] / events:.0f} as JSON,"
        f" {files['bytes'] / events:.0f} as typed Parquet,"
        f" written at {events / files['seconds']:,.0f} events/s"
    )
    yield f"\n{'':30}{'seconds':>9}{'CPU s':>9}{'events/s':>12}{'per CPU s':>12}{'peak MiB':>10}"
    for name, step in steps.items():
        yield (
            f"{name:30}{step['seconds']:>9.2f}{step['cpu_seconds']:>9.2f}"
            f"{events / step['seconds']:>12,.0f}{events / step['cpu_seconds']:>12,.0f}"
            f"{step['peak_bytes'] / MEBIBYTE:>10.0f}"
        )
    whole, hand = steps["columnar, whole report"], steps["DuckDB by hand, five figures"]
    yield ""
    yield verdict("events/s, columnar", events / whole["seconds"], WANTED_RATE, at_least=True)
    ratios = {kind: whole[kind] / hand[kind] for kind in ("seconds", "cpu_seconds")}
    yield verdict("x by hand, by the clock", ratios["seconds"], WANTED_TO_HAND, at_least=False)
    yield verdict("x by hand, in CPU", ratios["cpu_seconds"], WANTED_TO_HAND, at_least=False)
    if "fold, whole report" in steps:
        faster = steps["fold, whole report"]["seconds"] / whole["seconds"]
        yield verdict("x faster than the fold", faster, WANTED_TO_FOLD, at_least=True)


def verdict(what: str, value: float, wanted: float, *, at_least: bool) -> str:
    """One wish and whether it came true."""
    reached = value >= wanted if at_least else value <= wanted
    bound = f"{'at least' if at_least else 'at most'} {wanted:,}"
    return f"{what:30}{value:>14,.1f}   {bound}: {'reached' if reached else 'missed'}"


def tell(step: str) -> None:
    """A line of progress."""
    print(f"... {step}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A year's report, by several ways.")
    parser.add_argument("--students", type=int, default=200_000, help="about five events each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-fold", action="store_true", help="leave the slow one out")
    parser.add_argument("--folder", type=Path, help="for the log and its files; a temporary one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.step:
        name, folder, number = chosen.step
        take_step(name, Path(folder), int(number))
        return 0
    with TemporaryDirectory(prefix="outcomes-bench-", dir=chosen.folder) as folder:
        found = measure(Path(folder), chosen.students, chosen.runs, with_fold=not chosen.no_fold)
    print("\n".join(table(found)))
    if chosen.json:
        chosen.json.write_text(f"{json.dumps(found, indent=2)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
