"""How long an explanation and a trace take in a large log and its archive; see README.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from replay import OUTCOMES, SEED, batches, machine

from ledger.audit.explain import ExplainQuery, Totals, explain_figure
from ledger.audit.trace import event_traces, student_trace
from ledger.columns.build import build_columns
from ledger.log import Log, NewRecord, open_log
from ledger.log.archive import archive_log
from outcomes.synthetic import generate
from projections.policy import DEFAULT_POLICY, built_in_policies

PARTITIONS = 12
YEAR, MEASURE = 2022, "career_outcomes"
PAGE = 40
POLICY = built_in_policies()[DEFAULT_POLICY]


def timed(name: str, run: Callable[[], object]) -> None:
    """Run something once, and print how long it took by the clock and of CPU, of children too."""
    wall, cpu = perf_counter(), sum(os.times()[:4])
    result = run()
    wall, cpu = perf_counter() - wall, sum(os.times()[:4]) - cpu
    print(f"{name:44} {wall:8.2f} s {cpu:8.2f} CPU s  {result}")


def explained(log: Log) -> Iterator[object]:
    """The candidates of one figure."""
    query = ExplainQuery(log.end(), POLICY, YEAR, MEASURE, "all")
    return explain_figure(log, query, Totals())


def subjects_of(log: Log) -> list[str]:
    """One student of each partition, who has a record in the middle of it."""
    middles = [({number: end // 2}, {number: end // 2 + 1}) for number, end in log.end().items()]
    records = (record for middle in middles for record in log.read(*middle))
    return [record.key.decode() for record in records if record.key]


def command(url: str, *words: str, lines: int | None = None) -> str:
    """Wait for the first lines of a command, or for its end; what it printed."""
    with subprocess.Popen(  # noqa: S603 - ours
        [*OUTCOMES, *words, "--log", url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        count = sum(1 for _ in islice(process.stdout, lines))
        process.kill()
    return f"{count} lines"


def measure(url: str) -> None:
    """Every question once, the baseline first: reading every record and no more."""
    timed("open", lambda: open_log(url).close())
    with closing(open_log(url)) as log:
        end, subjects = log.end(), subjects_of(log)
        for subject in subjects:
            timed("outcomes trace --student", partial(command, url, "trace", "--student", subject))
        figure = ("explain", "--year", str(YEAR), "--measure", MEASURE, "--jsonl")
        timed(
            f"outcomes explain, the first {PAGE} rows", partial(command, url, *figure, lines=PAGE)
        )
        timed("read every record, the baseline", lambda: sum(1 for _ in log.read({}, end)))
        traced = partial(student_trace, log, end, subjects[0], POLICY)
        timed("trace --student", lambda: f"{len(traced().records)} records")
        glimpse = traced().records[0].judged.glimpse
        name = (glimpse.source or "", glimpse.id or "")
        timed("trace --event", lambda: f"{len(list(event_traces(log, end, name, POLICY)))} records")
        timed(f"explain, the first {PAGE} rows", lambda: len(list(islice(explained(log), PAGE))))
        timed("explain, all rows", lambda: sum(1 for _ in explained(log)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a log of twelve partitions and its archive, and ask both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200_000)
    parser.add_argument("--archive", type=Path, help="ask this one, of any partitions, instead")
    options = parser.parse_args(arguments)
    print(machine())
    if options.archive:
        with closing(open_log(f"archive:{options.archive}")) as log:
            print(f"{sum(log.end().values()):,} records in {log.partitions} partitions")
        measure(f"archive:{options.archive}")
        return 0
    with TemporaryDirectory(prefix="outcomes-audit-") as name:
        folder = Path(name)
        url, sealed = f"sqlite:{folder / 'log.db'}", folder / "sealed"
        with closing(open_log(f"{url}?partitions={PARTITIONS}", create=True)) as log:
            for batch in batches(generate(options.students, SEED)):
                log.append(NewRecord(each.key, each.value, each.recorded_at) for each in batch)
            archive_log(log, sealed)
            build_columns(sealed)
            print(f"{sum(log.end().values()):,} records in {PARTITIONS} partitions")
        for address in (url, f"archive:{sealed}"):
            print(address.partition(":")[0])
            measure(address)
    return 0


if __name__ == "__main__":
    sys.exit(main())
