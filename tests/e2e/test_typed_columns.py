"""The typed columns of an archive as a user meets them, and what stops `outcomes archive` there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.command import (
    event,
    fails,
    finish,
    run,
    run_all,
    started,
    until,
    without_roots,
)
from tests.ledger.columns.archives import column_file, faults, flip_bit, leftovers, snapshot
from tests.support.bounds import in_time

KILLS = int(os.environ.get("OUTCOMES_TEST_KILLS", "3"))
"""How often a run is killed; more for a long run."""

MANY = 9_000
YEAR = ("report", "--year", "2022", "--json", "--log", "archive:a")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An archive of about nine segments of a megabyte, sealed and nothing more.

    It takes more than one process, and each of them a moment.
    """
    folder = tmp_path_factory.mktemp("many")
    lines = (
        event(number, subject=f"s-{number % 997}", padding="x" * 600) for number in range(MANY)
    )
    (folder / "lines").write_bytes(b"\n".join(lines))
    url = f"sqlite:{folder / 'ledger.db'}"
    done = run("append", "lines", "--log", f"{url}?partitions=3", folder=folder)
    assert 0 == done.code, done
    done = run("archive", "a", "--segment-mib", "1", "--log", url, folder=folder)
    assert 0 == done.code, done
    shutil.rmtree(folder / "a" / "typed")
    return folder


@pytest.fixture
def archive(many, tmp_path):
    return shutil.copytree(many / "a", tmp_path / "a")


@pytest.fixture
def words(many):
    """The command that builds the columns; its log has nothing new."""
    return "archive", "a", "--log", f"sqlite:{many / 'ledger.db'}"


def evidence(folder):
    return {
        path: path.read_bytes() for path in (folder / "manifest.json", *folder.glob("records/*"))
    }


def written(folder):
    """The bytes of the columns that are being built, finished or not."""
    total = 0
    for where, _, names in os.walk(folder / "typed"):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(where, name).stat().st_size
    return total


def processes_in(folder):
    """The processes whose working folder it is."""
    results = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
        except OSError:
            continue
        if where == folder:
            results.append(int(process.name))
    return results


class TestKilled:
    def test_columns_of_a_run_that_was_killed_at_any_moment_are_built_by_the_next(
        self, archive, words, tmp_path
    ):
        before, chance, kills = evidence(archive), random.Random(7), 0
        while kills < KILLS:
            more = written(archive) + chance.random() * 700_000
            with started(*words, folder=tmp_path) as child:
                until(lambda: written(archive) >= more or child.poll() is not None, "the kill")  # noqa: B023
                child.send_signal(signal.SIGKILL)
                done = finish(child)
            assert done.code in (0, -signal.SIGKILL)
            assert b"" == done.err
            kills += done.code == -signal.SIGKILL
            until(lambda: not processes_in(tmp_path), "the end of what the killed run started")
            assert before == evidence(archive)
            if done.code == 0:
                shutil.rmtree(archive / "typed")

        assert 0 == run(*words, folder=tmp_path).code

        assert {None} == set(faults(archive))
        assert [] == leftovers(archive)
        assert before == evidence(archive)


class TestInterrupted:
    def test_finished_columns_are_kept_and_the_next_run_builds_the_others(
        self, archive, words, tmp_path
    ):
        before = evidence(archive)

        def attempt():
            shutil.rmtree(archive / "typed", ignore_errors=True)
            # As at a terminal, where Ctrl-C reaches every process.
            with started(*words, folder=tmp_path, start_new_session=True) as child:
                until(
                    lambda: list(archive.glob("typed/*.json")) or child.poll() is not None,
                    "one file",
                )
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGINT)
                done = finish(child)
            return None if {None} == set(faults(archive)) else done

        done = in_time(attempt)
        fails(done, 130, "interrupted", "the records are sealed", "builds the others")
        assert [] == processes_in(tmp_path)
        assert [] == leftovers(archive)
        made = faults(archive).count(None)
        assert 0 < made < len(faults(archive))
        again = run(*words, "--json", folder=tmp_path)
        assert (0, len(faults(archive)) - made) == (again.code, again.json["typed"])
        assert before == evidence(archive)


class TestFullDisk:
    def test_the_records_stay_sealed_and_the_next_run_builds_the_columns(
        self, archive, words, tmp_path
    ):
        before = evidence(archive)
        limited = ["sh", "-c", 'ulimit -f 200; exec "$@"', "sh"]

        done = run(*words, folder=tmp_path, prefix=limited)

        fails(done, 69, "the records are sealed", "File too large", "run it again")
        assert [] == leftovers(archive)
        assert [] == processes_in(tmp_path)
        assert before == evidence(archive)
        assert 0 == run(*words, folder=tmp_path).code
        assert {None} == set(faults(archive))


class TestCommand:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("made")
        done = run("archive", "a", "--log", world.url, folder=folder)
        assert 0 == done.code, done
        return folder / "a", done

    @pytest.fixture
    def small(self, made, tmp_path):
        return shutil.copytree(made[0], tmp_path / "a")

    def test_archiving_builds_typed_columns_and_says_so(self, made):
        folder, done = made

        assert "typed columns of 3 segments built, 0 were up to date" == done.text.splitlines()[-1]
        assert {None} == set(faults(folder))

    def test_refresh_rebuilds_all_columns_without_the_log(self, small, tmp_path):
        path, _ = column_file(small)
        path.write_bytes(b"junk")
        before = evidence(small)

        as_text = run("archive", "a", "--refresh", folder=tmp_path)
        as_json = run("archive", "a", "--refresh", "--json", folder=tmp_path)

        assert "typed columns of 3 segments built, 0 were up to date\n" == as_text.text
        assert {"archive": "a", "typed": 3} == as_json.json
        assert {None} == set(faults(small))
        assert before == evidence(small)

    def test_after_a_merge_there_are_columns_of_the_merged_segments_only(
        self, archive, words, tmp_path
    ):
        assert 0 == run(*words, folder=tmp_path).code

        done = run("archive", "a", "--merge", folder=tmp_path)

        assert "typed columns of 3 segments built, 0 were up to date" == done.text.splitlines()[-1]
        assert [None] * 3 == faults(archive)
        assert 6 == len(list((archive / "typed").iterdir()))

    def test_refresh_and_merge_together_are_refused(self, small, tmp_path):
        done = run("archive", "a", "--refresh", "--merge", folder=tmp_path)

        fails(done, 2, "--merge", "give one")

    def test_a_refresh_without_an_archive_is_refused_and_makes_no_file(self, tmp_path):
        fails(run("archive", "a", "--refresh", folder=tmp_path), 69, "no archive at a")
        assert [] == list(tmp_path.iterdir())

    def test_a_report_without_some_columns_says_so_once_and_is_the_same(
        self, world, small, tmp_path
    ):
        path, _ = column_file(small)
        path.unlink()
        before = snapshot(small)

        done = run(*YEAR, folder=tmp_path)

        assert world.report.read_bytes() == without_roots(done.out)
        assert (
            "typed columns of 1 of 3 segments were built for this replay only;"
            " `outcomes archive a` keeps them\n"
        ) == done.err.decode()
        assert before == snapshot(small)

    def test_two_reports_at_once_on_an_archive_without_columns_are_the_same(
        self, world, small, tmp_path
    ):
        shutil.rmtree(small / "typed")
        before = snapshot(small)

        columnar = (*YEAR, "--engine", "columnar")

        done = run_all({"one": (columnar, {}), "other": (columnar, {})}, folder=tmp_path)

        assert {world.report.read_bytes()} == {without_roots(item.out) for item in done.values()}
        assert before == snapshot(small)

    def test_verify_needs_no_typed_columns(self, world, small, tmp_path):
        shutil.rmtree(small / "typed")
        verified = run("verify", world.report, "--log", "archive:a", folder=tmp_path)

        assert 0 == verified.code
        assert 1 == verified.err.count(b"for this replay only")

    def test_the_doctor_counts_fresh_columns_and_names_damaged_ones(self, small, tmp_path):
        words = ("doctor", "--json", "--log", "archive:a")
        (fine,) = (item for item in run(*words, folder=tmp_path).json if item["name"] == "typed")
        path, _ = column_file(small)
        flip_bit(path, 80)
        done = run(*words, folder=tmp_path)
        (warned,) = (item for item in done.json if item["name"] == "typed")

        assert ("fine", 0, "warning") == (fine["verdict"], done.code, warned["verdict"])
        assert f"a/typed/{path.name} differs from its stamp" in warned["detail"]
        assert "`outcomes archive a --refresh`" in warned["detail"]


class TestNamesOfFolders:
    """What a folder is called changes no figure and stops no command."""

    NAME = "kind=raise/id=7/all *[1]?/~ 'caf\udce9'"

    def test_a_report_is_the_same_wherever_archive_and_temporary_folder_are(self, world, tmp_path):
        folder, temporary = tmp_path / self.NAME / "a", tmp_path / "subject=x" / self.NAME
        folder.parent.mkdir(parents=True)
        temporary.mkdir(parents=True)
        env = {"TMPDIR": str(temporary)}

        archived = run("archive", folder, "--log", world.url, folder=tmp_path, env=env)
        columns = next(folder.glob("typed/*.parquet"))
        fresh = run(*YEAR[:-1], f"archive:{folder}", folder=tmp_path, env=env)
        columns.unlink()
        rebuilt = run(*YEAR[:-1], f"archive:{folder}", folder=tmp_path, env=env)

        assert (0, b"") == (archived.code, archived.err)
        assert (world.report.read_bytes(), b"") == (without_roots(fresh.out), fresh.err)
        assert fresh.out == rebuilt.out
        assert [] == list(temporary.iterdir())

    def test_json_and_pages_name_a_folder_that_is_not_utf_8(self, warm, world, tmp_path):
        folder = tmp_path / self.NAME / "a"
        folder.parent.mkdir(parents=True)
        words = {
            "archive": ["archive", folder, "--json", "--log", world.url],
            "doctor": ["doctor", "--json", "--log", f"archive:{folder}"],
            # A log URL cannot name a file with a ? in its path, so the demo refuses such a folder.
            "demo": [
                "demo",
                "--students",
                "5",
                "--out",
                tmp_path / self.NAME.replace("?", "") / "d",
            ],
        }
        done = warm.run_all(words, folder=tmp_path)

        assert [0, 0, 0] == [item.code for item in done.values()], done
        assert str(folder) == done["archive"].json["archive"]
        assert any("caf\\udce9'/a" in check["detail"] for check in done["doctor"].json)
        assert "caf\\udce9'/d/report-2022.json" in done["demo"].text

    @pytest.mark.skipif(shutil.which("localedef") is None, reason="needs localedef")
    def test_an_archive_may_have_an_accent_in_its_name_in_a_locale_that_is_not_utf_8(
        self, world, tmp_path
    ):
        locale = "en_US.ISO-8859-1"
        defined = subprocess.run(
            ["localedef", "-i", "en_US", "-f", "ISO-8859-1", tmp_path / locale], check=False
        )
        assert 0 == defined.returncode
        env = {"LOCPATH": str(tmp_path), "LC_ALL": locale}

        done = run("archive", b"\xe9cole", "--log", world.url, folder=tmp_path, env=env)

        assert (0, b"") == (done.code, done.err)
        assert 3 == len(list(tmp_path.glob("*cole/typed/*.parquet")))
