"""Archives for tests: made of a log in memory, and damaged on purpose."""

from __future__ import annotations

import gzip
import json

import orjson

from ledger.log.archive import MANIFEST, archive_log
from schemas.canonical import canonical, sha256_hex
from schemas.record import Record
from tests.ledger.log.contract import NOON


class MemoryLog:
    """A log with whatever offsets a test wants; only what archiving asks of one."""

    name = "in-memory"

    def __init__(self, records, *, partitions=1):
        self.partitions = partitions
        self.records = sorted(records, key=lambda item: item[:2])

    def read(self, start, end):
        for record in self.records:
            if start.get(record.partition, 0) <= record.offset < end.get(record.partition, 0):
                yield record

    def first_records(self):
        return {record.partition: record for record in reversed(self.records)}

    def end(self):
        return {
            partition: max(
                (record.offset + 1 for record in self.records if record.partition == partition),
                default=0,
            )
            for partition in range(self.partitions)
        }  # fmt: skip


def records(count, *, partition=0, step=1, first=0, value=b"{}"):
    """So many records of a partition, a hole between each two where step is more than 1."""
    return [
        Record(partition, first + n * step, NOON + n * 1_000, b"s-%d" % (n % 5), value)
        for n in range(count)
    ]


def sealed(folder, held, *, partitions=1, segment_bytes=1_000_000):
    """An archive of some records; the folder."""
    archive_log(MemoryLog(held, partitions=partitions), folder, segment_bytes=segment_bytes)
    return folder


def segments(folder):
    """The paths of the sealed files, in order."""
    return sorted((folder / "records").glob("*.jsonl.gz"))


def files(folder):
    """Every file of an archive with its bytes, but for the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "archive.lock"
    }


def lines(path):
    """What an auditor sees in a segment."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def forge(folder, change):
    """Change a manifest and give it a digest that fits, as no accident does."""
    path = folder / MANIFEST
    members = orjson.loads(path.read_bytes())
    del members["digest"]
    change(members)
    digest = f"sha256:{sha256_hex(canonical(members))}"
    path.write_bytes(canonical({**members, "digest": digest}) + b"\n")


def reseal(folder, path, data):
    """Give a segment other bytes, and the manifest the hash that fits them."""
    path.write_bytes(data)

    def change(members):
        for segment in members["segments"]:
            if segment["file"].endswith(path.name):
                segment.update(sha256=sha256_hex(data), compressed_bytes=len(data))

    forge(folder, change)
