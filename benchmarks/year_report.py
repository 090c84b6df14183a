"""A year's report from the same synthetic log by column, by hand in SQL, by student, and by Polars.

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
from contextlib import closing, nullcontext
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
from replay import MEBIBYTE, OUTCOMES, PEAK_UNIT, SEED, YEAR, Watch, batches, machine, tell

from ledger.columns.build import build_columns
from ledger.columns.cache import check_columns, column_path
from ledger.evidence.leaf_files import build_leaves
from ledger.log import Log, NewRecord, open_log
from ledger.log.archive import ArchiveLog, archive_log
from ledger.replay import Selection, replay
from ledger.replay.sql_engine import query_columns
from ledger.report import build_report, years_shown
from outcomes.synthetic import generate
from projections.policy import Policy, built_in_policies

PARTITIONS = 4
WANTED_RATE, WANTED_TO_HAND, WANTED_TO_FOLD, WANTED_PEAK = 1_000_000, 3, 10, 3 * 1_024
WANTED_COLUMNS, WANTED_UNPREPARED = 90_000, 2.5  # columns by CPU second; x faster than the fold
BY_HAND = Path(__file__).with_name("sql") / "by_hand.sql"
Sample = dict[str, Any]


class World(NamedTuple):
    """A folder with a synthetic log and its archive.

    Attributes:
        folder: Of both.
    """

    folder: Path

    @property
    def log(self) -> str:
        """The embedded log that the world was made in."""
        return f"sqlite:{self.folder / 'log.db'}"

    @property
    def archive(self) -> Path:
        """Its archive, with typed columns."""
        return self.folder / "sealed"


def make_up(world: World, watch: Watch, students: int) -> Sample:
    """Make up the log, and archive it; not measured for its own sake."""
    events = value_bytes = 0
    with closing(open_log(f"{world.log}?partitions={PARTITIONS}", create=True)) as log, watch:
        for batch in batches(generate(students, SEED)):
            log.append(NewRecord(record.key, record.value, record.recorded_at) for record in batch)
            events += len(batch)
            value_bytes += sum(len(record.value) for record in batch)
        archive_log(log, world.archive)
    return {"events": events, "value_bytes": value_bytes, "students": students}


def build(world: World, watch: Watch, _: int) -> Sample:
    """From sealed records to columns: reading, admission, writing, hashing."""
    build_leaves(world.archive)
    with watch:
        build_columns(world.archive)
    return {}


def hashing(world: World, watch: Watch, _: int) -> Sample:
    """What every report of an archive does first: hash all evidence, and all typed columns."""
    with watch:
        log = ArchiveLog(world.archive)
        sample = check_columns(world.archive, log.manifest.segments)
    assert all(item.fault is None for item in sample)
    return {}


def columnar(world: World, watch: Watch, policies: int) -> Sample:
    """Typed columns to the whole report: every measure and group, this year and the one before."""
    chosen = list(built_in_policies().values())[:policies]
    log = ArchiveLog(world.archive)
    files = [column_path(world.archive, segment) for segment in log.manifest.segments]
    with watch:
        selection = Selection(chosen, years_shown([YEAR]))
        reports = _digests(log, query_columns(files, log.end(), selection), chosen)
    return {"reports": reports}


def fold(world: World, watch: Watch, policies: int) -> Sample:
    """The same report, student by student from the embedded log, admission included."""
    chosen = list(built_in_policies().values())[:policies]
    with closing(open_log(world.log)) as log, watch:
        return {"reports": _digests(log, replay(log, log.end(), chosen), chosen)}


def command(world: World, watch: Watch, _: int) -> Sample:
    """`outcomes report` on the archive, as a person waits for it: start, hashing, replay, JSON."""
    return _command(watch, f"archive:{world.archive}")


def unprepared(world: World, watch: Watch, _: int) -> Sample:
    """`outcomes report` on the embedded log, which keeps no columns."""
    return _command(watch, world.log)


def stale(world: World, watch: Watch, _: int) -> Sample:
    """`outcomes report` on the archive without its columns."""
    kept, aside = world.archive / "typed", world.folder / "typed-aside"
    kept.rename(aside)
    try:
        return _command(watch, f"archive:{world.archive}")
    finally:
        aside.rename(kept)


def fold_command(world: World, watch: Watch, _: int) -> Sample:
    """`outcomes report` on the embedded log by the fold."""
    return _command(watch, world.log, "--engine", "fold")


def _command(watch: Watch, log: str, *more: str) -> Sample:
    words = ("report", "--log", log, "--year", str(YEAR), "--json", *more)
    with watch:
        done = subprocess.run(  # noqa: S603 - ours
            [*OUTCOMES, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return {"reports": [json.loads(done.stdout)["digest"]]}


def by_hand(world: World, watch: Watch, _: int) -> Sample:
    """Five figures in plain SQL, see sql/by_hand.sql."""
    files = f"{world.archive}/typed/*.parquet"
    statements = BY_HAND.read_text(encoding="utf-8").replace("FILES", files)
    with watch, closing(duckdb.connect()) as connection:
        connection.execute("set preserve_insertion_order = false")
        rows = [
            row
            for statement in duckdb.extract_statements(statements)
            for row in connection.execute(statement).fetchall()
        ]
    return {"figures": {name: count for name, count in rows if name != "Count"}}


def polars_rule(world: World, watch: Watch, _: int) -> Sample:
    """The 12-month rule alone, in Polars: a round for each counted outcome of a student."""
    import polars as pl  # noqa: PLC0415 - a benchmark's own dependency

    student, on = pl.col("student"), pl.col("outcome_on")
    count = 0
    with watch:
        left = (
            pl.scan_parquet(f"{world.archive}/typed/*.parquet")
            .filter(
                pl.col("rule").is_null()
                & (pl.col("type") == "ledger.outcome.declared.v1")
                & pl.col("credited")
            )
            .select(student, on)
            .unique()
            .collect()
        )
        while not left.is_empty():
            counted = left.group_by("student").agg(on.min().alias("anchor"))
            count += counted.filter(pl.col("anchor").dt.year() == YEAR).height
            later = pl.col("anchor").dt.offset_by("12mo")
            left = left.join(counted, on="student").filter(on >= later).select(student, on)
    return {"figures": {"career_outcomes": count}}


WHOLE, FOLD = "columnar, whole report", "fold, whole report"
HAND, POLARS = "DuckDB by hand, five figures", "Polars, 12-month rule alone"
COMMAND, UNPREPARED = "outcomes report, all of it", "outcomes report, embedded log"
STALE, FOLD_COMMAND = "outcomes report, no columns", "the same by the fold"
STEPS: dict[str, tuple[Callable[[World, Watch, int], Sample], int]] = {
    WHOLE: (columnar, 1),
    "columnar, two policies": (columnar, 2),
    "hashing, evidence and columns": (hashing, 0),
    COMMAND: (command, 0),
    UNPREPARED: (unprepared, 0),
    STALE: (stale, 0),
    FOLD_COMMAND: (fold_command, 0),
    HAND: (by_hand, 0),
    FOLD: (fold, 1),
    POLARS: (polars_rule, 0),
}


def _digests(log: Log, replayed: Any, policies: Iterable[Policy]) -> list[str]:  # noqa: ANN401
    made = (
        build_report(replayed, log_name=log.name, policy=policy, year=YEAR) for policy in policies
    )
    return [report.digest for report in made]


def run_step(step: Callable[[World, Watch, int], Sample], world: World, number: int) -> Sample:
    """Take one step in a process of its own."""
    words = [sys.executable, __file__, "--step", step.__name__, str(world.folder), str(number)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    sample: Sample = json.loads(done.stdout)
    return sample


def take_step(name: str, folder: Path, number: int) -> None:
    """What the process of a step does; imports are left out of its seconds."""
    watch = Watch()
    sample = globals()[name](World(folder), watch, number)
    sample |= {"seconds": watch.wall, "cpu_seconds": watch.cpu}
    of_child = name in {step.__name__ for step in (command, unprepared, stale, fold_command)}
    who = resource.RUSAGE_CHILDREN if of_child else resource.RUSAGE_SELF
    sample["peak_bytes"] = resource.getrusage(who).ru_maxrss * PEAK_UNIT
    print(json.dumps(sample))


def make_world(world: World, students: int) -> Sample:
    """Make up a world, unless an earlier run has left it in the folder; its figures."""
    file = world.folder / "made.json"
    if not file.exists():
        world.folder.mkdir(parents=True, exist_ok=True)
        tell(f"generating {students:,} students")
        made = run_step(make_up, world, students)
        tell(f"building typed columns of {made['events']:,} events")
        built = run_step(build, world, 0)
        made |= {"typed_seconds": built["seconds"], "typed_cpu_seconds": built["cpu_seconds"]}
        sizes = {"records": "*.gz", "typed": "*.parquet"}
        for name, ending in sizes.items():
            files = (world.archive / name).glob(ending)
            made[f"{name}_bytes"] = sum(file.stat().st_size for file in files)
        file.write_text(json.dumps(made), encoding="utf-8")
    sample: Sample = json.loads(file.read_text(encoding="utf-8"))
    return sample


def measure(world: World, students: int, runs: int, *, with_fold: bool) -> Sample:
    """Every step so often, in turns."""
    made = make_world(world, students)
    left_out = {POLARS} if find_spec("polars") is None else set()
    if not with_fold:
        left_out |= {FOLD, FOLD_COMMAND}
    samples: dict[str, list[Sample]] = {name: [] for name in STEPS if name not in left_out}
    for turn in range(1, runs + 1):
        for name, taken in samples.items():
            tell(f"{made['events']:,} events, run {turn} of {runs}: {name}")
            step, number = STEPS[name]
            taken.append(run_step(step, world, number))
    reports = {
        item["reports"][0]
        for name in (WHOLE, FOLD, COMMAND, UNPREPARED, STALE, FOLD_COMMAND)
        for item in samples.get(name, [])
    }
    assert len(reports) == 1, reports
    return {
        **made,
        "digest": reports.pop(),
        "steps": {name: summary(taken) for name, taken in samples.items()},
    }


def summary(taken: Sequence[Sample]) -> Sample:
    """Medians, and the largest peak."""
    return {
        "seconds": median(record["seconds"] for record in taken),
        "seconds_min": min(record["seconds"] for record in taken),
        "cpu_seconds": median(record["cpu_seconds"] for record in taken),
        "peak_bytes": max(record["peak_bytes"] for record in taken),
        "figures": taken[0].get("figures"),
    }


def table(sample: Sample) -> Iterable[str]:
    """The figures of one world as lines of at most 100 columns."""
    events, steps = sample["events"], sample["steps"]
    yield f"\n{events:,} events of {sample['students']:,} students; {sample['digest'][:19]}…"
    yield (
        f"bytes an event: {sample['value_bytes'] / events:.0f} as JSON,"
        f" {sample['records_bytes'] / events:.0f} as sealed records,"
        f" {sample['typed_bytes'] / events:.0f} as typed columns,"
        f" built at {events / sample['typed_seconds']:,.0f} events/s,"
        f" {events / sample['typed_cpu_seconds']:,.0f} per second of CPU"
    )
    yield f"\n{'':30}{'seconds':>9}{'CPU s':>9}{'events/s':>12}{'per CPU s':>12}{'peak MiB':>10}"
    for name, step in steps.items():
        yield (
            f"{name:30}{step['seconds']:>9.2f}{step['cpu_seconds']:>9.2f}"
            f"{events / step['seconds']:>12,.0f}{events / step['cpu_seconds']:>12,.0f}"
            f"{step['peak_bytes'] / MEBIBYTE:>10.0f}"
        )
    whole, hand = steps[WHOLE], steps[HAND]
    yield ""
    columns = events / sample["typed_cpu_seconds"]
    yield verdict("columns by CPU second", columns, WANTED_COLUMNS, at_least=True)
    yield verdict("events/s, columnar", events / whole["seconds"], WANTED_RATE, at_least=True)
    ratios = {kind: whole[kind] / hand[kind] for kind in ("seconds", "cpu_seconds")}
    yield verdict("x by hand, by the clock", ratios["seconds"], WANTED_TO_HAND, at_least=False)
    yield verdict("x by hand, in CPU", ratios["cpu_seconds"], WANTED_TO_HAND, at_least=False)
    peak = whole["peak_bytes"] / MEBIBYTE
    yield verdict("peak MiB, columnar", peak, WANTED_PEAK, at_least=False)
    if FOLD in steps:
        faster = steps[FOLD]["seconds"] / whole["seconds"]
        yield verdict("x faster than the fold", faster, WANTED_TO_FOLD, at_least=True)
        for what, name in (("embedded log", UNPREPARED), ("no columns", STALE)):
            faster = steps[FOLD_COMMAND]["seconds"] / steps[name]["seconds"]
            yield verdict(f"x the fold, {what}", faster, WANTED_UNPREPARED, at_least=True)


def verdict(what: str, value: float, wanted: float, *, at_least: bool) -> str:
    """One wish and whether it came true."""
    reached = value >= wanted if at_least else value <= wanted
    bound = f"{'at least' if at_least else 'at most'} {wanted:,}"
    return f"{what:30}{value:>14,.1f}   {bound}: {'reached' if reached else 'missed'}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A year's report, by several ways.")
    parser.add_argument("--students", type=int, nargs="+", default=[200_000], help="several worlds")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fold-students", type=int, default=200_000, help="the fold up to here")
    parser.add_argument("--folder", type=Path, help="for the worlds, kept for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw them")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.step:
        name, folder, number = chosen.step
        take_step(name, Path(folder), int(number))
        return 0
    kept = nullcontext(chosen.folder) if chosen.folder else TemporaryDirectory("-outcomes-bench")
    host = machine()
    print(f"{host['cpu']}, {host['cores']} cores; runs: {chosen.runs}")
    with kept as folder:
        worlds = []
        for students in chosen.students:
            world, with_fold = World(Path(folder, str(students))), students <= chosen.fold_students
            worlds.append(measure(world, students, chosen.runs, with_fold=with_fold))
            print("\n".join(table(worlds[-1])), flush=True)
    sample = {
        "schema": "ledger/year-report-benchmark/v2",
        "machine": host,
        "cores": os.cpu_count(),
        "seed": SEED,
        "runs": chosen.runs,
        "worlds": worlds,
    }
    if chosen.json:
        chosen.json.write_text(f"{json.dumps(sample, indent=2)}\n", encoding="utf-8")
    if chosen.picture:
        from picture import draw  # noqa: PLC0415 - a benchmark's own dependency

        draw(sample, chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
