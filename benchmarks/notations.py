"""Column admission of the same events as several emitters write them, each beside the plain form.

What is measured is a table of records to typed columns, in seconds of CPU of one thread; the forms
take turns. See README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from ledger.columns.database import Database
from ledger.columns.members import MEMBERS
from ledger.columns.writing import admit_columns, read_lines, stage
from outcomes.synthetic import generate
from schemas.admission import Event as Admitted
from schemas.admission import admit
from schemas.partition import partition_of
from schemas.record import Record

PARTITIONS, SEED = 4, 7
WANTED = 2 / 3
Event = dict[str, Any]


def plain(event: Event) -> str:
    """Nothing but what has to be written."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def python(event: Event) -> str:
    """`json.dumps` as it is: blanks, and every letter beyond ASCII escaped."""
    return json.dumps(event)


def php(event: Event) -> str:
    """`json_encode`: letters beyond ASCII and each slash escaped."""
    return json.dumps(event, separators=(",", ":")).replace("/", r"\/")


def dotnet(event: Event) -> str:
    """`System.Text.Json`: what HTML could misread is escaped too, in capital letters."""
    return "".join(_escaped(letter) for letter in plain(event))


def jackson(event: Event) -> str:
    """Jackson: every member of the class, null where there is nothing."""
    members = {member.name: None for member in MEMBERS[event["type"]]}
    return plain({**event, "data": members | event["data"]})


def _escaped(letter: str) -> str:
    if letter.isascii() and letter not in "+&<>'`":
        return letter
    units = letter.encode("utf-16-be").hex().upper()
    return "".join(rf"\u{units[start : start + 4]}" for start in range(0, len(units), 4))


NOTATIONS: Mapping[str, Callable[[Event], str]] = {
    "plain": plain,
    "Python": python,
    "PHP": php,
    ".NET": dotnet,
    "Jackson": jackson,
}


def events(count: int) -> Iterator[tuple[bytes, Event]]:
    """Ordinary events of the synthetic world with their keys, an accent and a plus in each."""
    for made in generate(count, SEED):
        record = Record(0, 0, made.recorded_at, made.key, made.value)
        if record.key and record.value and isinstance(admit(record, 1), Admitted):
            event = json.loads(record.value)
            yield record.key, {**event, "source": f"/école+{event['source']}"}


def seconds(records: Sequence[Record]) -> float:
    """The CPU that it takes to make columns of some records, all of them in SQL."""
    with TemporaryDirectory("-outcomes-bench") as folder:
        staged = stage(records, PARTITIONS, Path(folder))
        with closing(Database(staged.folder, beside=1)) as database:
            before = process_time()
            read_lines(database, staged)
            admit_columns(database, PARTITIONS)
            taken = process_time() - before
            ((admitted,),) = database.rows("select count(*) from typed")
    assert admitted > 0.99 * len(records), admitted
    return taken


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Columns of events as emitters write them.")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args(argv)
    made = list(islice(events(chosen.events), chosen.events))
    written = {
        name: [
            Record(partition_of(key, PARTITIONS), offset, 0, key, notation(event).encode())
            for offset, (key, event) in enumerate(made)
        ]
        for name, notation in NOTATIONS.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in written}
    for _ in range(chosen.runs):
        for name, records in written.items():
            taken[name].append(seconds(records))
    print(f"{len(made):,} events\n{'':12}{'bytes':>8}{'µs of CPU':>12}{'x plain':>10}")
    for name, records in written.items():
        size = sum(len(record.value or b"") for record in records) / len(made)
        least, share = min(taken[name]), min(taken["plain"]) / min(taken[name])
        verdict = "" if share >= WANTED else f"   at least {WANTED:.2f}: missed"
        print(f"{name:12}{size:>8.0f}{least / len(made) * 1e6:>12.1f}{share:>10.2f}{verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
