"""`ledger.columns.build`: typed columns are made beside the evidence, whatever stops a run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.columns import jobs
from ledger.columns import segments as columns
from ledger.columns.build import build_columns
from ledger.errors import DamagedArchiveError, InterruptError, StoreError
from ledger.log.archive import archive_log, merge_segments, workers
from ledger.log.archive import files as archive_files
from ledger.log.archive.files import lock_archive
from ledger.numbers import pluralise
from tests.ledger.columns.archives import (
    archive_of,
    column_file,
    faults,
    figures,
    flip_bit,
    history,
    leftovers,
    open_archive,
    snapshot,
)
from tests.ledger.log.archive.folders import MemoryLog, files, segments
from tests.ledger.log.archive.folders import records as plain_records
from tests.ledger.log.contract import everything
from tests.support.stopping import FULL, Stop, stop_after


@pytest.fixture(scope="module")
def sealed_only(tmp_path_factory):
    """An archive of several segments that has no typed columns yet."""
    return archive_of(
        tmp_path_factory.mktemp("sealed"), history(60), segment_bytes=20_000, typed=False
    )


@pytest.fixture
def folder(sealed_only, tmp_path):
    return shutil.copytree(sealed_only, tmp_path / "a")


@pytest.fixture
def in_processes(monkeypatch):
    """Even the smallest archive is worth a process, and there is a core for each of two."""
    monkeypatch.setattr(workers, "SINGLE_PROCESS_BYTES", 0)
    monkeypatch.setattr(workers.os, "cpu_count", lambda: 2)


@pytest.fixture
def in_threads(monkeypatch):
    """Even the smallest segment is worth its statements, and there is a core for each of two."""
    monkeypatch.setattr(columns, "FEW_BYTES", 0)
    monkeypatch.setattr(jobs.os, "cpu_count", lambda: 2)


def are_fresh(folder):
    """Assert that every segment has its columns, and there is nothing else."""
    names = [path.name.removesuffix(".jsonl.gz") for path in segments(folder)]
    assert {None} == set(faults(folder))
    assert sorted(f"{name}.{kind}" for name in names for kind in ("json", "parquet")) == sorted(
        path.name for path in (folder / "typed").iterdir()
    )


def evidence(folder):
    return {name: data for name, data in files(folder).items() if not name.startswith("typed/")}


class TestUpToDate:
    def test_every_segment_gets_typed_columns_and_the_evidence_is_unchanged(self, folder):
        before, counts = evidence(folder), []
        count = len(segments(folder))

        kept = build_columns(folder, progress=counts.append)

        assert (count, count) == kept
        are_fresh(folder)
        assert before == evidence(folder)
        assert sorted(counts) == counts
        assert (0, len(everything(open_archive(folder)))) == (counts[0], counts[-1])

    def test_a_run_with_nothing_to_build_changes_no_file(self, folder):
        build_columns(folder)
        before = snapshot(folder)

        assert (0, len(segments(folder))) == build_columns(folder)

        assert before == snapshot(folder)

    def test_only_columns_that_are_not_fresh_are_built(self, folder):
        build_columns(folder)
        path, _ = column_file(folder, 1)
        flip_bit(path, 999)
        before = {
            item: item.stat().st_ino for item in path.parent.iterdir() if item.stem != path.stem
        }

        assert 1 == build_columns(folder).built

        are_fresh(folder)
        assert (
            before.items() <= {item: item.stat().st_ino for item in path.parent.iterdir()}.items()
        )

    def test_a_rebuild_replaces_all_columns(self, folder):
        build_columns(folder)
        before = snapshot(folder / "typed")

        assert len(segments(folder)) == build_columns(folder, rebuild=True).built

        are_fresh(folder)
        assert not before.items() & snapshot(folder / "typed").items()

    def test_of_an_archive_that_grew_only_the_new_segments_get_columns(self, folder):
        build_columns(folder)
        log = open_archive(folder)
        more = plain_records(9, partition=2, first=log.end()[2])
        longer = MemoryLog([*everything(log), *more], partitions=log.partitions)
        longer.name = log.name
        archive_log(longer, folder)

        assert 1 == build_columns(folder).built
        are_fresh(folder)

    def test_columns_of_segments_that_were_merged_are_removed(self, folder):
        build_columns(folder)
        merge_segments(folder)

        assert (3, 3) == build_columns(folder)
        are_fresh(folder)
        assert figures(folder, engine="fold") == figures(folder)

    def test_an_archive_without_records_gets_no_folder_of_columns(self, tmp_path):
        folder = archive_of(tmp_path, [], typed=False)

        assert (0, 0) == build_columns(folder)
        assert not (folder / "typed").exists()


class TestLeftovers:
    def test_leftovers_of_an_interrupted_run_are_removed(self, folder):
        build_columns(folder)
        path, _ = column_file(folder)
        run = path.parent / "tmpx.partial"
        (run / "outcomes-typed-x").mkdir(parents=True)
        (run / "outcomes-typed-x" / "lines.jsonl").write_bytes(b"{}")
        path.with_name(f"{path.stem}.json.partial").write_bytes(b"{")

        assert 0 == build_columns(folder).built
        are_fresh(folder)

    def test_files_of_other_names_in_the_folder_of_columns_are_kept(self, folder):
        (folder / "typed" / "mine").mkdir(parents=True)
        for name in ("notes.txt", "mine.json", "mine/p0000.parquet"):
            (folder / "typed" / name).write_bytes(b"mine")
        build_columns(folder)

        assert 3 == sum(data == b"mine" for data in files(folder).values())


class TestProcesses:
    def test_processes_build_the_columns_that_a_single_one_builds(self, folder, in_processes):
        before, counts = evidence(folder), []
        count = len(segments(folder))

        assert (count, count) == build_columns(folder, progress=counts.append)

        are_fresh(folder)
        assert before == evidence(folder)
        assert len(everything(open_archive(folder))) == counts[-1]
        assert figures(folder, engine="fold") == figures(folder)
        assert [] == multiprocessing.active_children()

    def test_a_process_that_dies_gives_one_line_and_the_next_run_builds_the_rest(
        self, folder, in_processes
    ):
        before, count = evidence(folder), len(segments(folder))

        def kill(done):
            for child in multiprocessing.active_children():
                child.kill()

        with pytest.raises(StoreError) as raised:
            build_columns(folder, progress=kill)

        text = str(raised.value)
        assert text.isprintable()
        for words in ("the records are sealed", "records/p0", "ended with code -9", "run it again"):
            assert words in text
        assert [] == leftovers(folder)
        assert [] == multiprocessing.active_children()
        assert before == evidence(folder)
        assert 0 < build_columns(folder).built <= count
        are_fresh(folder)

    def test_damaged_records_that_a_process_reads_are_reported_as_damage(
        self, folder, in_processes
    ):
        flip_bit(segments(folder)[-1], 2_000)

        with pytest.raises(DamagedArchiveError, match="is not what was sealed; restore it"):
            build_columns(folder)
        assert [] == multiprocessing.active_children()

    def test_an_error_in_a_process_gives_one_line(self, folder, in_processes):
        # A folder where the columns should lie: its own trouble, not that of the disk.
        path, _ = column_file(folder)
        path.mkdir(parents=True)

        with pytest.raises(StoreError, match="the records are sealed, but not all of their"):
            build_columns(folder)
        assert [] == leftovers(folder)


class TestThreads:
    """DuckDB needs no process of its own, and `schemas` does."""

    @pytest.mark.parametrize("left_max", [20_000, 0])
    def test_threads_build_the_columns_that_a_single_one_builds(
        self, folder, in_threads, monkeypatch, left_max
    ):
        counts, count = [], len(segments(folder))
        is_in_process = []
        original = workers.run_job

        def noted(job, left, advance):
            is_in_process.extend(left)
            return original(job, left, advance)

        monkeypatch.setattr(jobs, "run_job", noted)
        monkeypatch.setattr(jobs, "_LEFT_MAX", left_max)

        assert (count, count) == build_columns(folder, progress=counts.append)

        are_fresh(folder)
        assert bool(left_max) != bool(is_in_process)
        assert len(everything(open_archive(folder))) == counts[-1]
        assert figures(folder, engine="fold") == figures(folder)

    def test_damaged_records_that_a_thread_reads_are_reported_as_damage(self, folder, in_threads):
        flip_bit(segments(folder)[-1], 2_000)

        with pytest.raises(DamagedArchiveError, match="is not what was sealed; restore it"):
            build_columns(folder)
        assert [] == leftovers(folder)

    def test_ctrl_c_ends_a_statement_that_takes_long(self, folder, in_threads, monkeypatch):
        first, admit = iter([True]), columns.admit_columns

        def endless(database, partitions):
            if next(first, False):
                query = "select sum(hash(range)) from range(10000000000)"
                database.run(f"create table endless as {query}")
            admit(database, partitions)

        def interrupt(done):
            if done:
                raise KeyboardInterrupt

        monkeypatch.setattr(columns, "admit_columns", endless)

        with pytest.raises(InterruptError, match="the records are sealed"):
            build_columns(folder, progress=interrupt)
        assert [] == leftovers(folder)


class TestRefused:
    def test_a_folder_without_an_archive_is_refused_and_stays_empty(self, tmp_path):
        with pytest.raises(StoreError, match="no archive at"):
            build_columns(tmp_path / "none")
        with pytest.raises(StoreError, match="no archive at"):
            build_columns(tmp_path)

        assert [] == list(tmp_path.iterdir())

    def test_a_run_beside_another_that_writes_is_refused(self, folder):
        with lock_archive(folder), pytest.raises(StoreError, match="another run is writing"):
            build_columns(folder)

        assert not (folder / "typed").exists()

    def test_no_columns_are_built_of_damaged_records(self, folder):
        flip_bit(segments(folder)[0], 2_000)

        with pytest.raises(DamagedArchiveError, match="is not what was sealed; restore it"):
            build_columns(folder)
        assert [] == leftovers(folder)
        assert [] == list(folder.glob("typed/*"))


class TestInterrupted:
    @pytest.mark.parametrize("mode", ["alone", "in_processes", "in_threads"])
    def test_columns_that_were_finished_are_kept_and_counted_in_the_message(
        self, folder, mode, request
    ):
        if mode != "alone":
            request.getfixturevalue(mode)
        before, count = evidence(folder), len(segments(folder))

        def interrupt(done):
            if list(folder.glob("typed/*.json")):
                raise KeyboardInterrupt

        with pytest.raises(InterruptError) as raised:
            build_columns(folder, progress=interrupt)

        made = faults(folder).count(None)
        assert 0 < made < count
        assert (
            "interrupted, the records are sealed, typed columns of"
            f" {pluralise(made, 'segment')} built; `outcomes archive {folder}` builds the others"
        ) == str(raised.value)
        assert [] == leftovers(folder)
        assert [] == multiprocessing.active_children()
        assert before == evidence(folder)
        assert count - made == build_columns(folder).built


class TestEveryStep:
    """Whatever a run does last before the machine stops, no half-built file is used.

    The same holds where the disk is full from some step on. The evidence is never touched.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def small(cls, tmp_path_factory):
        """Two segments."""
        held = history(4)
        return archive_of(
            tmp_path_factory.mktemp("small"), held, segment_bytes=10**6, partitions=2, typed=False
        )

    @pytest.mark.parametrize("trouble", [Stop(), FULL], ids=["stop", "full"])
    def test_a_run_that_stops_after_any_step_leaves_nothing_that_is_half_used(
        self, small, tmp_path, monkeypatch, trouble
    ):
        before, expected, tried = evidence(small), figures(small, engine="fold"), []
        for after in range(100):
            folder = shutil.copytree(small, tmp_path / str(after))
            with pytest.MonkeyPatch.context() as patch:
                left = stop_after(patch, after, trouble)
                with suppress(Stop, StoreError):
                    build_columns(folder)
                done = left[0] >= 0
            assert before == evidence(folder)
            # Many steps leave the files as the step before did.
            if files(folder) not in tried:
                tried.append(files(folder))
                assert expected == figures(folder)
                build_columns(folder)
                are_fresh(folder)
            if done:
                break
        assert 12 < after < 99

    def test_a_full_disk_gives_one_line_that_says_what_to_do(self, small, tmp_path, monkeypatch):
        folder = shutil.copytree(small, tmp_path / "a")
        stop_after(monkeypatch, 1, FULL)

        with pytest.raises(StoreError) as raised:
            build_columns(folder)

        text = str(raised.value)
        assert text.isprintable()
        assert "the records are sealed" in text
        assert "make room and run it again" in text


class TestDurability:
    def test_a_file_is_synced_before_it_is_renamed_and_columns_before_their_stamp(
        self, folder, monkeypatch
    ):
        calls = []

        def noted(name, original):
            def call(first, *rest, **options):
                path = Path(f"/proc/self/fd/{first}").readlink() if name == "fsync" else first
                calls.append((name, path, *rest))
                return original(first, *rest, **options)

            return call

        monkeypatch.setattr(archive_files.os, "fsync", noted("fsync", os.fsync))
        monkeypatch.setattr(Path, "replace", noted("replace", Path.replace))
        build_columns(folder)

        renamed = [index for index, (name, *_) in enumerate(calls) if name == "replace"]
        assert 2 * len(segments(folder)) == len(renamed)
        for index in renamed:
            _, partial, path = calls[index]
            assert ("fsync", partial) == calls[index - 1]
            assert ("fsync", path.parent) == calls[index + 1]
        suffixes = [calls[index][2].suffix for index in renamed]
        assert [".parquet", ".json"] * len(segments(folder)) == suffixes
