"""Archives with typed columns for tests, and what both engines say of them."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import chain

from ledger.columns.build import build_columns
from ledger.columns.cache import check_columns, column_path, stamp, stamp_path
from ledger.log import NewRecord, open_log
from ledger.log.archive import archive_log
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from schemas.canonical import canonical, sha256_hex
from tests.support.engines import figures_by
from tests.support.histories import log_of

PARTITIONS = 3
POLICY = next(iter(built_in_policies().values()))
JUNK = (b"\xff\x00", b"{", None, b'{"a":1,"a":2}')
"""Values that are no events."""


def history(students, seed=7):
    """A synthetic history, broken records among it, as records to append."""
    made = [
        NewRecord(record.key, record.value, record.recorded_at)
        for record in generate(students, seed)
    ]
    broken = (made[len(made) // 5 * n]._replace(value=value) for n, value in enumerate(JUNK))
    return [*made, *broken]


def archive_of(folder, records, *, segment_bytes=40_000, partitions=PARTITIONS, typed=True):
    """An archive of a log of these records; the folder `a`."""
    folder.mkdir(exist_ok=True)
    with log_of(folder, records, partitions=partitions) as log:
        archive_log(log, folder / "a", segment_bytes=segment_bytes)
    if typed:
        build_columns(folder / "a")
    return folder / "a"


def open_archive(folder):
    return open_log(f"archive:{folder}")


def figures(folder, cut=None, engine="columnar"):
    """What an engine finds."""
    with closing(open_archive(folder)) as log:
        return figures_by(engine, log, [POLICY], cut)


def check_all(folder):
    """What is found in the place of each segment's typed columns."""
    with closing(open_archive(folder)) as log:
        return check_columns(folder, log.manifest.segments)


def faults(folder):
    """Why typed columns cannot be used, by segment."""
    return [check.fault for check in check_all(folder)]


def snapshot(folder):
    """Every file and folder but the lock, with all that a write would change."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)
        for path in chain([folder], folder.rglob("*"))
        if path.name != "archive.lock"
    }


def column_file(folder, number=0):
    """The path of a segment's typed columns, and the segment."""
    with closing(open_archive(folder)) as log:
        segment = log.manifest.segments[number]
    return column_path(folder, segment), segment


def flip_bit(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


def restamp(path, **changes):
    """Change a stamp and give it a digest that fits."""
    members = json.loads(stamp_path(path).read_bytes()) | changes
    del members["digest"]
    digest = f"sha256:{sha256_hex(canonical(members))}"
    stamp_path(path).write_bytes(canonical({**members, "digest": digest}) + b"\n")


def forge(path, segment):
    """Give a file a stamp that says that it is of a segment, as no accident does."""
    size, sha256 = path.stat().st_size, sha256_hex(path.read_bytes())
    stamp_path(path).write_bytes(stamp(segment, sha256, size))


def leftovers(folder):
    """What no finished run leaves."""
    return [
        path for path in folder.rglob("*") if ".partial" in str(path) or "outcomes-" in str(path)
    ]


def random_cuts(end, chance, count):
    """Random cuts, most of them within segments."""
    return [{item: chance.randint(0, result) for item, result in end.items()} for _ in range(count)]
