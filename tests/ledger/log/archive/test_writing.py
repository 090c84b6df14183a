"""Archiving and merging: what is sealed stays, and the next run continues after it."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.log import open_log
from ledger.log.archive import archive_log, merge_segments
from ledger.log.archive import files as archive_files
from ledger.log.record_lines import format_record
from schemas.canonical import canonical, sha256_hex
from tests.ledger.log.archive.folders import (
    MemoryLog,
    files,
    lines,
    records,
    sealed,
    segments,
)
from tests.ledger.log.contract import everything
from tests.support.stopping import FULL, Stop, stop_after


class TestSegments:
    def test_a_segment_is_the_lines_of_tail_and_named_by_its_range(self, tmp_path):
        held = [*records(4, step=2), *records(3, partition=2)]
        folder = sealed(tmp_path / "a", held, partitions=3)

        assert [
            "p0000-000000000000-000000000007.jsonl.gz",
            "p0002-000000000000-000000000003.jsonl.gz",
        ] == [path.name for path in segments(folder)]
        unpacked = b"".join(gzip.decompress(path.read_bytes()) for path in segments(folder))
        assert b"".join(map(format_record, held)) == unpacked

    def test_the_ranges_of_a_partition_leave_no_offset_out(self, tmp_path):
        folder = sealed(tmp_path / "a", records(40, step=3, first=5), segment_bytes=500)

        listed = json.loads((folder / "manifest.json").read_bytes())["segments"]
        starts, ends = [name["start"] for name in listed], [name["end"] for name in listed]
        assert len(listed) > 5
        assert [0, *ends[:-1]] == starts
        assert [lines(path)[-1]["offset"] + 1 for path in segments(folder)] == ends
        assert [len(lines(path)) for path in segments(folder)] == [
            name["records"] for name in listed
        ]

    def test_the_same_log_gives_the_same_bytes(self, tmp_path):
        first = sealed(tmp_path / "a", records(50), segment_bytes=700)
        second = sealed(tmp_path / "b", records(50), segment_bytes=700)

        assert files(first) == files(second)

    def test_a_gzip_file_tells_no_time_and_no_name(self, tmp_path):
        (path,) = segments(sealed(tmp_path / "a", records(3)))

        assert b"\x1f\x8b\x08\x00\x00\x00\x00\x00" == path.read_bytes()[:8]

    def test_an_empty_log_gives_an_archive_of_nothing(self, tmp_path):
        folder = sealed(tmp_path / "a", [], partitions=3)

        log = open_log(f"archive:{folder}")
        assert ({0: 0, 1: 0, 2: 0}, [], {}) == (log.end(), everything(log), log.first_records())


class TestManifest:
    @pytest.mark.parametrize(
        "name", ["student-lifecycle", "".join(map(chr, range(300))), "é😀\u2028"]
    )
    def test_it_is_canonical_json_with_its_own_digest(self, tmp_path, name):
        log = MemoryLog([*records(3), *records(2, partition=11)], partitions=12)
        log.name = name
        added = archive_log(log, tmp_path / "a")

        data = (tmp_path / "a" / "manifest.json").read_bytes()
        members = json.loads(data)
        assert canonical(members) + b"\n" == data
        digest = members.pop("digest")
        assert f"sha256:{sha256_hex(canonical(members))}" == digest == added.digest
        assert name == open_log(f"archive:{tmp_path / 'a'}").name

    def test_it_lists_what_each_file_holds(self, tmp_path):
        folder = sealed(tmp_path / "a", records(5, step=2))

        members = json.loads((folder / "manifest.json").read_bytes())
        (path,) = segments(folder)
        plain = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        first, last = (sha256_hex(plain[index]) for index in (0, -1))
        assert [
            {
                "file": f"records/{path.name}",
                "partition": 0,
                "start": 0,
                "end": 9,
                "records": 5,
                "compressed_bytes": path.stat().st_size,
                "plain_bytes": sum(map(len, plain)),
                "sha256": sha256_hex(path.read_bytes()),
                "first_recorded_at": "2024-01-15T10:00:00.000Z",
                "last_recorded_at": "2024-01-15T10:00:04.000Z",
                "first_record": first,
                "last_record": last,
            }
        ] == members["segments"]
        assert {"name": "in-memory", "partitions": 1, "identity": {"0": first}} == members["log"]
        assert ({"0": 9}, []) == (members["cut"], members["unsealed"])


class TestContinuing:
    def test_a_second_run_adds_what_came_and_rewrites_nothing(self, tmp_path):
        held = [*records(20), *records(6, partition=1)]
        folder = sealed(tmp_path / "a", held, partitions=3)
        before = {path: path.stat().st_ino for path in segments(folder)}
        more = [*records(9, first=20), *records(4, partition=2)]

        added = archive_log(MemoryLog(held + more, partitions=3), folder)

        assert (13, 2, {0: 29, 1: 6, 2: 4}) == (added.records, added.segments, added.end)
        assert before.items() <= {path: path.stat().st_ino for path in segments(folder)}.items()
        assert sorted(held + more) == sorted(everything(open_log(f"archive:{folder}")))

    def test_a_run_with_nothing_new_changes_no_byte(self, tmp_path):
        folder = sealed(tmp_path / "a", records(9))
        before = files(folder)

        added = archive_log(MemoryLog(records(9)), folder)

        assert (0, 0) == (added.records, added.segments)
        assert before == files(folder)
        assert json.loads(before["manifest.json"])["digest"] == added.digest

    @pytest.mark.parametrize(
        ("held", "partitions"),
        [
            (records(9, value=b"other"), 1),
            (records(9)[:8] + records(1, first=8, value=b"other"), 1),
            (records(8), 1),
            ([], 1),
            (records(9), 2),
            (records(12, step=2), 1),
        ],
        ids=["first record", "last record", "shorter", "empty", "partitions", "offsets"],
    )
    def test_another_log_is_refused_and_nothing_written(self, tmp_path, held, partitions):
        folder = sealed(tmp_path / "a", records(9))
        before = files(folder)

        with pytest.raises(StoreError, match="is not an archive of the log") as raised:
            archive_log(MemoryLog(held, partitions=partitions), folder)

        assert str(folder) in str(raised.value)
        assert str(raised.value).isprintable()
        assert 69 == raised.value.exit_code
        assert before == files(folder)

    def test_what_a_run_cut_short_has_left_is_removed(self, tmp_path):
        folder = sealed(tmp_path / "a", records(9))
        expected = files(folder)
        for name in ("p0000-000000000009.partial", "p0000-000000000009-000000000012.jsonl.gz"):
            (folder / "records" / name).write_bytes(b"half")
        (folder / "manifest.json.partial").write_bytes(b"{")

        assert records(9) == everything(open_log(f"archive:{folder}"))
        archive_log(MemoryLog(records(9)), folder)

        assert expected == files(folder)

    def test_two_runs_at_once_are_refused(self, tmp_path):
        class Reentrant(MemoryLog):
            def read(self, start, end):
                with pytest.raises(StoreError, match="another run is writing"):
                    archive_log(MemoryLog(records(9)), tmp_path / "a")
                yield from super().read(start, end)

        archive_log(Reentrant(records(9)), tmp_path / "a")

        assert records(9) == everything(open_log(f"archive:{tmp_path / 'a'}"))

    def test_a_log_that_fails_midway_leaves_what_was_sealed(self, tmp_path):
        class Failing(MemoryLog):
            def read(self, start, end):
                for count, item in enumerate(super().read(start, end)):
                    if count == 30:
                        raise StoreError("the broker is gone")
                    yield item

        with pytest.raises(StoreError, match="the broker is gone"):
            archive_log(Failing(records(50)), tmp_path / "a", segment_bytes=500)

        log = open_log(f"archive:{tmp_path / 'a'}")
        assert records(50)[: log.end()[0]] == everything(log)
        assert 20 < log.end()[0] <= 30
        assert [] == list((tmp_path / "a").rglob("*.partial"))


class TestFolder:
    def test_a_folder_that_holds_something_else_is_refused_and_left_alone(self, tmp_path):
        (tmp_path / "notes.txt").write_bytes(b"mine")

        with pytest.raises(StoreError, match=r"holds notes\.txt and no archive"):
            archive_log(MemoryLog(records(3)), tmp_path)

        assert {"notes.txt": b"mine"} == files(tmp_path)

    def test_a_file_and_a_missing_parent_folder_are_refused(self, tmp_path):
        (tmp_path / "file").write_bytes(b"mine")

        with pytest.raises(StoreError, match=r"file.* cannot be used .*: name a folder"):
            archive_log(MemoryLog(records(3)), tmp_path / "file")
        with pytest.raises(StoreError, match="create it first"):
            archive_log(MemoryLog(records(3)), tmp_path / "none" / "a")

    @pytest.mark.parametrize("partial", [False, True])
    def test_a_run_interrupted_before_the_first_manifest_is_repaired_by_the_next(
        self, tmp_path, partial
    ):
        folder = tmp_path / "a"
        folder.mkdir()
        (folder / "archive.lock").touch()
        if partial:
            (folder / "manifest.json.partial").write_bytes(b'{"cut"')

        with pytest.raises(StoreError, match="no archive at"):
            open_log(f"archive:{folder}")
        archive_log(MemoryLog(records(3)), folder)

        assert records(3) == everything(open_log(f"archive:{folder}"))
        assert not (folder / "manifest.json.partial").exists()

    def test_what_is_derived_lies_beside_the_evidence_and_is_left_alone(self, tmp_path):
        folder = sealed(tmp_path / "a", records(9))
        (folder / "typed").mkdir()
        (folder / "typed" / "p0000.parquet").write_bytes(b"derived")

        archive_log(MemoryLog(records(12)), folder)
        merge_segments(folder)

        assert records(12) == everything(open_log(f"archive:{folder}"))
        assert b"derived" == files(folder)["typed/p0000.parquet"]

    def test_a_full_disk_is_reported_with_advice(self, tmp_path, monkeypatch):
        monkeypatch.setattr(archive_files.os, "fsync", self.full)

        with pytest.raises(
            StoreError, match=r"No space left.*make room and run it again"
        ) as raised:
            sealed(tmp_path / "a", records(3))
        assert str(raised.value).isprintable()

    def full(self, number):
        raise OSError(errno.ENOSPC, "No space left on device")


class TestMerging:
    def test_small_neighbours_become_one_with_the_same_lines(self, tmp_path):
        held = [*records(40, step=2), *records(3, partition=1), *records(30, partition=2)]
        folder = sealed(tmp_path / "a", held, partitions=4, segment_bytes=500)
        whole = sealed(tmp_path / "b", held, partitions=4)
        before = len(segments(folder))

        merged = merge_segments(folder)

        assert (before, 3) == (merged.before, merged.after)
        assert files(whole) == files(folder)
        assert held == everything(open_log(f"archive:{folder}"))

    def test_no_merged_segment_is_larger_than_asked_for(self, tmp_path):
        folder = sealed(tmp_path / "a", records(60), segment_bytes=200)
        sizes = [len(gzip.decompress(path.read_bytes())) for path in segments(folder)]

        merge_segments(folder, segment_bytes=3 * max(sizes))

        unpacked = [len(gzip.decompress(path.read_bytes())) for path in segments(folder)]
        assert max(unpacked) <= 3 * max(sizes)
        assert len(unpacked) < len(sizes) / 2
        assert records(60) == everything(open_log(f"archive:{folder}"))

    def test_what_fits_into_nothing_stays_as_it_is(self, tmp_path):
        folder = sealed(tmp_path / "a", records(60), segment_bytes=500)
        before = files(folder)

        merged = merge_segments(folder, segment_bytes=1)

        assert merged.before == merged.after
        assert before == files(folder)

    def test_a_merged_archive_is_continued(self, tmp_path):
        folder = sealed(tmp_path / "a", records(30), segment_bytes=200)
        merge_segments(folder)

        archive_log(MemoryLog(records(40)), folder)

        assert records(40) == everything(open_log(f"archive:{folder}"))

    def test_merging_a_missing_archive_creates_nothing(self, tmp_path):
        with pytest.raises(StoreError, match="no archive at"):
            merge_segments(tmp_path / "none")

        assert [] == list(tmp_path.iterdir())


class TestEveryStep:
    """Whatever a run does last before the machine stops, what is there is a valid archive.

    So it is where the disk is full from some step on.
    """

    def runs(self, tmp_path, work, expected, trouble):
        """Do the work, stopped at each of its steps in turn, and again without being stopped."""
        for after in range(1_000):
            folder = tmp_path / str(after)
            with pytest.MonkeyPatch.context() as patch:
                left = stop_after(patch, after, trouble)
                with suppress(Stop, StoreError):
                    work(folder)
                done = left[0] >= 0
            if (folder / "manifest.json").exists():
                log = open_log(f"archive:{folder}")
                held = everything(log)
                assert held == [
                    item for item in expected if item.offset < log.end()[item.partition]
                ]
            work(folder)
            assert expected == everything(open_log(f"archive:{folder}"))
            yield folder
            if done:
                return
        pytest.fail("never done")

    @pytest.mark.parametrize("trouble", [Stop(), FULL], ids=["stop", "full"])
    def test_archiving(self, tmp_path, trouble):
        held = [*records(12), *records(5, partition=1)]
        whole = files(sealed(tmp_path / "whole", held, partitions=2, segment_bytes=500))

        def work(folder):
            sealed(folder, held, partitions=2, segment_bytes=500)

        ends = list(self.runs(tmp_path, work, held, trouble))
        assert len(ends) > 20
        assert all(whole == files(folder) for folder in ends)

    @pytest.mark.parametrize("trouble", [Stop(), FULL], ids=["stop", "full"])
    def test_merging(self, tmp_path, trouble):
        held = [*records(12), *records(9, partition=1)]
        whole = files(sealed(tmp_path / "whole", held, partitions=2))
        small = sealed(tmp_path / "small", held, partitions=2, segment_bytes=300)

        def work(folder):
            if not folder.exists():
                shutil.copytree(small, folder)
            merge_segments(folder)

        ends = list(self.runs(tmp_path, work, held, trouble))
        assert len(ends) > 20
        assert all(whole == files(folder) for folder in ends)


class TestDurability:
    def test_every_file_is_on_disk_before_its_name_and_the_name_before_the_next_step(
        self, tmp_path, monkeypatch
    ):
        calls = []

        def noted(name, original):
            def call(first, *rest, **options):
                path = Path(f"/proc/self/fd/{first}").readlink() if name == "fsync" else first
                calls.append((name, path.relative_to(tmp_path).as_posix()))
                return original(first, *rest, **options)

            return call

        monkeypatch.setattr(archive_files.os, "fsync", noted("fsync", os.fsync))
        monkeypatch.setattr(Path, "replace", noted("replace", Path.replace))
        sealed(tmp_path / "a", records(9), segment_bytes=400)
        merge_segments(tmp_path / "a")

        renamed = [index for index, (name, _) in enumerate(calls) if name == "replace"]
        assert len(renamed) > 8
        for index in renamed:
            partial = calls[index][1]
            assert ("fsync", partial) == calls[index - 1]
            assert ("fsync", str(Path(partial).parent)) == calls[index + 1]
