"""How fast a log is archived, and an archive opened and read; see README.md."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from replay import MEBIBYTE, OUTCOMES, PEAK_OF_CHILD, PEAK_UNIT, SEED, Watch, batches, machine

from ledger.columns.build import build_columns
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log
from outcomes.synthetic import generate

RATE_WANTED = 40_000
PARTITIONS = 12


class Bench:
    """One synthetic world in a log of twelve partitions, and its archive."""

    def __init__(self, folder: Path, students: int) -> None:
        self.folder = folder / "archive"
        self.log = f"sqlite:{folder / 'log.db'}"
        with closing(open_log(f"{self.log}?partitions={PARTITIONS}", create=True)) as log:
            for batch in batches(generate(students, SEED)):
                log.append(
                    NewRecord(record.key, record.value, record.recorded_at) for record in batch
                )
            self.events = sum(log.end().values())

    def archive(self, watch: Watch) -> None:
        """Read, write as lines, pack, hash, put on disk."""
        with closing(open_log(self.log)) as log, watch:
            assert archive_log(log, self.folder).records == self.events

    def open(self, watch: Watch) -> None:
        """Hash every file."""
        with watch:
            open_log(f"archive:{self.folder}")

    def read(self, watch: Watch) -> None:
        """Hash, unpack and decode every record."""
        log = open_log(f"archive:{self.folder}")
        with watch:
            assert sum(1 for _ in log.read({}, log.end())) == self.events

    def read_by_key(self, watch: Watch) -> None:
        """The same, sorted by key as the fold reads it."""
        log = open_log(f"archive:{self.folder}")
        with watch:
            assert sum(1 for _ in log.read_by_key(log.end())) == self.events

    def build(self, watch: Watch) -> None:
        """Read, admit, write as columns, hash, put on disk; one process a core."""
        with watch:
            assert build_columns(self.folder).built

    def peak(self) -> int:
        """The peak of resident bytes of the command that archives."""
        words = ("archive", str(self.folder.with_name("again")), "--log", self.log)
        line = [sys.executable, "-c", PEAK_OF_CHILD, *OUTCOMES, *words]
        peak = subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - ours
        return int(peak) * PEAK_UNIT


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure archiving and reading an archive.")
    parser.add_argument("--students", type=int, default=200_000, help="about five events each")
    with TemporaryDirectory(prefix="outcomes-bench-") as folder:
        bench = Bench(Path(folder), parser.parse_args(argv).students)
        host = machine()
        print(f"{host['cpu']}, {host['cores']} cores; {bench.events:,} events")
        print(f"\n{'':14}events/s  per CPU s")
        for step in (bench.archive, bench.open, bench.read, bench.read_by_key, bench.build):
            watch = Watch()
            step(watch)
            rates = f"{bench.events / watch.wall:>10,.0f} {bench.events / watch.cpu:>10,.0f}"
            wanted = f"  {RATE_WANTED:,} wanted" if step == bench.archive else ""
            print(f"{step.__name__:12}{rates}{wanted}")
        files = [path.stat().st_size for path in bench.folder.glob("records/*")]
        print(f"\n{len(files)} segments, {sum(files) / bench.events:.1f} bytes an event")
        print(f"Peak memory of outcomes archive: {bench.peak() / MEBIBYTE:.0f} MiB")


if __name__ == "__main__":
    main()
