"""Leaf hashes beside an archive: derived, computed once, never trusted beyond their records."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.errors import DamagedArchiveError, InterruptError, StoreError
from ledger.evidence import leaf_files
from ledger.evidence.heads import heads_of_records, kept_heads
from ledger.evidence.leaf_files import build_leaves, check_leaves, segments_with_first_leaf
from ledger.log import open_log
from ledger.log.archive import archive_log, merge_segments, workers
from tests.ledger.log.archive.folders import MemoryLog, files, records, sealed, segments

HELD = [*records(40, step=3, first=5), *records(30, partition=2), *records(1, partition=1)]


def cuts_of(log):
    """Cuts before, within and at the end of segments."""
    end = log.end()
    zero = dict.fromkeys(end, 0)
    halves = {partition: stop // 2 for partition, stop in end.items()}
    return [log.normalise(cut) for cut in (zero, halves, {**end, 0: 6}, {**end, 2: 29}, end)]


def leaf_paths(folder):
    return sorted((folder / "leaves").glob("*.leaves"))


@pytest.fixture
def folder(tmp_path):
    folder = sealed(tmp_path / "a", HELD, partitions=3, segment_bytes=700)
    assert len(segments(folder)) > 6
    build_leaves(folder)
    return folder


@pytest.fixture
def archive(folder):
    with closing(open_log(f"archive:{folder}")) as log:
        yield log


class TestBuild:
    def test_the_trees_are_those_of_the_records_at_every_cut(self, archive):
        cuts = cuts_of(archive)
        assert kept_heads(archive, cuts) == heads_of_records(archive, cuts)

    def test_only_what_is_new_is_hashed(self, folder, monkeypatch):
        before = {path: path.stat().st_mtime_ns for path in leaf_paths(folder)}
        more = [*HELD, *records(9, first=500)]
        archive_log(MemoryLog(more, partitions=3), folder)
        hashed = []
        real = leaf_files.leaf_of
        monkeypatch.setattr(
            leaf_files, "leaf_of", lambda record: hashed.append(record) or real(record)
        )
        assert build_leaves(folder).built == 1
        assert hashed == records(9, first=500)
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert build_leaves(folder).built == 0
        with closing(open_log(f"archive:{folder}")) as log:
            assert kept_heads(log, [log.end()]) == heads_of_records(log, [log.end()])

    def test_two_builds_give_the_same_bytes_and_touch_no_record(self, folder):
        before = files(folder)
        assert build_leaves(folder, rebuild=True).built == len(segments(folder))
        assert files(folder) == before

    def test_after_a_merge_the_old_files_are_gone_and_the_roots_are_the_same(self, folder):
        with closing(open_log(f"archive:{folder}")) as log:
            roots = kept_heads(log, [log.end()])
        merge_segments(folder)
        build_leaves(folder)
        assert len(leaf_paths(folder)) == len(segments(folder)) == 3
        with closing(open_log(f"archive:{folder}")) as log:
            assert kept_heads(log, [log.end()]) == roots

    def test_an_archive_that_keeps_some_or_none_has_the_same_trees_and_says_so(
        self, folder, archive
    ):
        cuts, messages = cuts_of(archive), list[str]()
        kept = kept_heads(archive, cuts, notify=messages.append)
        assert messages == []
        paths = leaf_paths(folder)
        paths[0].unlink()
        assert kept_heads(archive, cuts, notify=messages.append) == kept
        for path in paths[1:]:
            path.unlink()
        assert kept_heads(archive, cuts, notify=messages.append) == kept
        count = len(paths)
        assert [sentence.partition(" segments ")[0] for sentence in messages] == [
            f"leaf hashes of {missing} of {count}" for missing in (1, count)
        ]

    def test_several_processes_make_the_same_files(self, folder, monkeypatch):
        whole, reported = files(folder), list[int]()
        monkeypatch.setattr(workers, "SINGLE_PROCESS_BYTES", 0)
        monkeypatch.setattr(workers.os, "cpu_count", lambda: 2)
        build_leaves(folder, rebuild=True, progress=reported.append)
        assert files(folder) == whole
        assert reported[-1] == len(HELD)

    @pytest.mark.parametrize("stop_after", [0, 1, 3])
    def test_an_interrupted_run_keeps_what_is_finished(self, folder, monkeypatch, stop_after):
        whole = files(folder)
        for path in leaf_paths(folder):
            path.unlink()
        real, written = leaf_files.write_atomically, []

        def stopping(path, data):
            if len(written) == stop_after:
                raise KeyboardInterrupt
            written.append(path)
            real(path, data)

        monkeypatch.setattr(leaf_files, "write_atomically", stopping)
        with pytest.raises(InterruptError, match="computes the others"):
            build_leaves(folder)
        assert leaf_paths(folder) == sorted(written)
        monkeypatch.undo()
        assert build_leaves(folder).built == len(segments(folder)) - stop_after
        assert files(folder) == whole

    def test_what_a_killed_run_has_left_is_removed(self, folder):
        left = folder / "leaves" / "p0009-000000000000-000000000001.leaves.partial"
        other = folder / "leaves" / "notes.txt"
        left.write_bytes(b"half")
        other.write_bytes(b"mine")
        build_leaves(folder)
        assert not left.exists()
        assert other.exists()

    def test_a_damaged_record_is_never_hashed(self, folder):
        (folder / "leaves" / leaf_paths(folder)[0].name).unlink()
        data = bytearray(segments(folder)[0].read_bytes())
        data[30] ^= 1
        segments(folder)[0].write_bytes(data)
        with pytest.raises(DamagedArchiveError, match="not what was sealed"):
            build_leaves(folder)

    def test_without_an_archive_there_is_one_line(self, tmp_path):
        with pytest.raises(StoreError, match="no archive at"):
            build_leaves(tmp_path)


class TestNeverTrusted:
    def damage(self, path, how):
        data = path.read_bytes()
        head, _, hashes = data.partition(b"\n")
        path.write_bytes(
            {
                "a hash changed": head + b"\n" + bytes([hashes[0] ^ 1]) + hashes[1:],
                "a hash dropped": data[:-32],
                "the line changed": data.replace(b'"begin":0', b'"begin":1'),
                "a node changed": data.replace(b'"nodes":["', b'"nodes":["00', 1),
                "cut off": data[:20],
                "empty": b"",
                "not JSON": b"x" + data,
                "an array": b"[]\n" + hashes,
            }[how]
        )

    @pytest.mark.parametrize(
        "how",
        [
            "a hash changed",
            "a hash dropped",
            "the line changed",
            "a node changed",
            "cut off",
            "empty",
            "not JSON",
            "an array",
        ],
    )
    def test_a_file_that_is_not_as_written_is_not_used(self, folder, archive, how):
        expected = heads_of_records(archive, [archive.end()])
        self.damage(leaf_paths(folder)[0], how)
        (file, *_) = check_leaves(folder, list(segments_with_first_leaf(archive.manifest)))
        assert file.nodes is None
        assert "was changed" in file.fault
        assert kept_heads(archive, [archive.end()]) == expected
        assert leaf_files.examine_leaves(archive).severity == "warning"

    def test_the_file_of_another_archive_is_not_used(self, folder, tmp_path, archive):
        other = sealed(tmp_path / "b", records(40, step=3, first=5, value=b"[]"), segment_bytes=700)
        build_leaves(other)
        path = leaf_paths(folder)[0]
        path.write_bytes((other / "leaves" / path.name).read_bytes())
        (file, *_) = check_leaves(folder, list(segments_with_first_leaf(archive.manifest)))
        assert "of other records" in file.fault

    def test_a_file_that_changes_between_check_and_use_stops_the_command(self, folder, archive):
        (file, *_) = check_leaves(folder, list(segments_with_first_leaf(archive.manifest)))
        self.damage(file.path, "a hash changed")
        with pytest.raises(StoreError, match="run the command again"):
            leaf_files.read_hashes(file)

    def test_all_of_them_are_fine_in_the_doctor(self, archive):
        check = leaf_files.examine_leaves(archive)
        assert check.severity == "fine"
        assert check.detail.startswith("leaf hashes for ")
