"""`ledger.columns.segments`: columns of exactly the records that were sealed."""

from __future__ import annotations

import gzip
import shutil
from contextlib import closing
from itertools import pairwise

import duckdb
import pytest

from ledger.columns import segments, writing
from ledger.columns.database import Database
from ledger.columns.segments import Means, Source, write_segment_columns
from ledger.errors import DamagedArchiveError
from ledger.log.archive import archive_log
from ledger.log.progress import no_progress
from schemas.canonical import sha256_hex
from schemas.partition import partition_of
from tests.ledger.columns.archives import open_archive
from tests.ledger.columns.mutants import PARTITIONS, records
from tests.ledger.log.archive.folders import MemoryLog

MUTANTS = 5_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of events changed at random, a segment in each partition."""
    folder = tmp_path_factory.mktemp("mutants") / "a"
    made = [
        record._replace(recorded_at=record.offset)
        for record in records(MUTANTS, seed=7)
        if record.partition == partition_of(record.key or b"", PARTITIONS)
    ]
    archive_log(MemoryLog(sorted(made), partitions=PARTITIONS), folder)
    return folder


@pytest.fixture(autouse=True)
def all_are_many(monkeypatch):
    monkeypatch.setattr(segments, "FEW_BYTES", 0)
    monkeypatch.setattr(writing, "FEW_RECORDS", 0)


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "a")


def columns(folder, segment, target):
    with closing(Database(target.parent)) as database:
        means = Means(database)
        write_segment_columns(Source(folder, PARTITIONS), segment, target, no_progress, means)
    return duckdb.sql(f"from '{target}' order by \"offset\"").fetchall()


def resealed(folder, segment, lines):
    """A segment of other lines, with the hash that fits."""
    data = gzip.compress(b"".join(lines))
    (folder / segment.file).write_bytes(data)
    return segment.model_copy(update={"sha256": sha256_hex(data)})


def lines_of(folder, segment):
    return gzip.decompress((folder / segment.file).read_bytes()).splitlines(keepends=True)


class TestEquality:
    def test_packed_lines_give_the_columns_that_the_rules_give(self, whole, tmp_path, monkeypatch):
        for number, segment in enumerate(open_archive(whole).manifest.segments):
            by_columns = columns(whole, segment, tmp_path / f"{number}.parquet")
            with monkeypatch.context() as patch:
                for module in (segments, writing):
                    patch.setattr(module, "admission_stamp", lambda: None)
                by_rules = columns(whole, segment, tmp_path / f"{number}-rules.parquet")

            assert segment.records == len(by_columns)
            assert by_rules == by_columns

    def test_the_lines_are_not_read_a_second_time(self, whole, tmp_path, monkeypatch):
        monkeypatch.setattr(segments, "records_of", None)
        for number, segment in enumerate(open_archive(whole).manifest.segments):
            columns(whole, segment, tmp_path / f"{number}.parquet")


def left_out(lines):
    return [*lines[:5], *lines[6:]]


def doubled(lines):
    return [*lines[:5], lines[5], *lines[5:]]


def swapped(lines):
    return [lines[1], lines[0], *lines[2:]]


def of_another_partition(lines):
    return [lines[0].replace(b'"partition":', b'"partition":1'), *lines[1:]]


def beyond_its_end(lines):
    return [*lines[:-1], lines[-1].replace(b'"offset":', b'"offset":1')]


def no_json(lines):
    return [*lines[:5], b"{\n", *lines[6:]]


def no_utf8(lines):
    return [*lines[:5], lines[5].replace(b'"key":"', b'"key":"\xff'), *lines[6:]]


def a_member_twice(lines):
    return [*lines[:5], lines[5].replace(b'"key":', b'"offset":999999,"key":'), *lines[6:]]


def redacted(lines):
    head, _, _ = lines[5].partition(b',"value')
    return [*lines[:5], head + b',"leaf_sha256":"00"}\n', *lines[6:]]


FORGERIES = (
    left_out, doubled, swapped, of_another_partition, beyond_its_end, no_json, no_utf8,
    a_member_twice, redacted,
)  # fmt: skip


class TestDamage:
    """Lines whose hash fits but which are not what the manifest says are damage, as in any read."""

    @pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
    def test_a_segment_is_damaged_that_has_a_line(self, folder, tmp_path, forgery):
        segment = open_archive(folder).manifest.segments[0]
        forged = resealed(folder, segment, forgery(lines_of(folder, segment)))

        with pytest.raises(DamagedArchiveError):
            columns(folder, forged, tmp_path / "a.parquet")

    def test_a_packed_file_that_is_cut_short_is_damaged(self, folder, tmp_path):
        segment = open_archive(folder).manifest.segments[0]
        data = (folder / segment.file).read_bytes()[:-20]
        (folder / segment.file).write_bytes(data)
        cut = segment.model_copy(update={"sha256": sha256_hex(data)})

        with pytest.raises(DamagedArchiveError, match="cannot be unpacked"):
            columns(folder, cut, tmp_path / "a.parquet")

    def test_offsets_ascend_in_the_archive_of_these_tests(self, whole):
        log = open_archive(whole)
        for segment in log.manifest.segments:
            read = list(log.records_of(segment))
            assert len(read) > 10
            assert all(record.offset < following.offset for record, following in pairwise(read))
