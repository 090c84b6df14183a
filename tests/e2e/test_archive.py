"""`outcomes archive` as a user runs it, and what stops it: kill -9, Ctrl-C, a full disk."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial

import pytest

from ledger.log import open_log
from ledger.log.archive import MANIFEST
from tests.e2e.command import (
    ROOT,
    SECONDS_MAX,
    fails,
    finish,
    run,
    started,
    until,
    without_roots,
)
from tests.ledger.log.contract import everything
from tests.support.bounds import in_time

KILLS = int(os.environ.get("OUTCOMES_TEST_KILLS", "4"))
"""How often a run is killed; more for a long run."""

MANY = 12_000
SMALL = ("--segment-mib", "1")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A log of three partitions that takes about nine segments of a megabyte, and its records."""
    folder = tmp_path_factory.mktemp("many")
    chance = random.Random(7)
    lines = (
        json.dumps({"key": f"s-{number % 997}", "value": chance.randbytes(300).hex()})
        for number in range(MANY)
    )
    (folder / "lines").write_text("\n".join(lines))
    url = f"sqlite:{folder / 'ledger.db'}"
    done = run("append", "--records", "lines", "--log", f"{url}?partitions=3", folder=folder)
    assert 0 == done.code, done
    with closing(open_log(url)) as log:
        yield url, everything(log)


@pytest.fixture
def archiving(many, tmp_path):
    """Starts archiving the log into `a`."""
    return partial(started, "archive", "a", *SMALL, "--log", many[0], folder=tmp_path)


def written(folder):
    """How many bytes lie in the files of an archive, sealed or not."""
    total = 0
    for path in (*folder.glob("records/*"), folder / MANIFEST):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def sealed(folder):
    """The sealed files by name: what must never change again."""
    if not (folder / MANIFEST).exists():
        return {}
    listed = json.loads((folder / MANIFEST).read_bytes())["segments"]
    return {name["file"]: (folder / name["file"]).stat().st_mtime_ns for name in listed}


def check(folder, held):
    """That an archive is valid and holds the beginning of each partition; how many records."""
    if not (folder / MANIFEST).exists():
        return 0
    log = open_log(f"archive:{folder}")
    end = log.end()
    records = everything(log)
    assert [record for record in held if record.offset < end[record.partition]] == records
    return len(records)


class TestKilled:
    def test_archiving_killed_at_random_moments_continues_where_it_stopped(
        self, many, archiving, tmp_path
    ):
        folder, chance = tmp_path / "a", random.Random(7)
        whole, kills, counts = 0, 0, set()
        while kills < KILLS:
            before, times = sealed(folder), written(folder)
            # As a share of what is left, so that a killed run is killed again.
            more = times + chance.random() * max(10_000, (whole or 3_700_000) - times)
            with archiving() as child:
                until(lambda: written(folder) >= more or child.poll() is not None, "the kill")  # noqa: B023
                child.send_signal(signal.SIGKILL)
                code = finish(child).code
            kills += code == -signal.SIGKILL
            assert code in (0, -signal.SIGKILL)
            counts.add(check(folder, many[1]))
            assert before.items() <= sealed(folder).items()
            if code == 0:
                whole = written(folder)
                shutil.rmtree(folder)
        assert 0 == run("archive", "a", *SMALL, "--log", many[0], folder=tmp_path).code
        assert MANY == check(folder, many[1])
        assert [] == list(folder.rglob("*.partial"))
        assert len(counts) > 1

    def test_merging_killed_at_random_moments_loses_nothing(self, many, archiving, tmp_path):
        small, chance = tmp_path / "small", random.Random(7)
        with archiving() as child:
            assert 0 == finish(child).code
        (tmp_path / "a").rename(small)
        folder, kills, size = tmp_path / "a", 0, written(small)
        while kills < (KILLS + 1) // 2:
            shutil.copytree(small, folder)
            grown = chance.random() * size
            with started("archive", "a", "--merge", folder=tmp_path) as child:
                until(
                    lambda: written(folder) >= size + grown or child.poll() is not None,  # noqa: B023
                    "the kill",
                )
                child.send_signal(signal.SIGKILL)
                code = finish(child).code
            kills += code == -signal.SIGKILL
            assert MANY == check(folder, many[1])
            assert 0 == run("archive", "a", "--merge", folder=tmp_path).code
            assert MANY == check(folder, many[1])
            assert 3 == len(sealed(folder)) == len(list((folder / "records").iterdir()))
            shutil.rmtree(folder)


class TestInterrupted:
    def test_an_interrupt_says_how_much_is_sealed_and_the_next_run_continues(
        self, many, archiving, tmp_path
    ):
        folder = tmp_path / "a"

        def attempt():
            shutil.rmtree(folder, ignore_errors=True)
            with archiving() as child:
                until(lambda: len(sealed(folder)) > 2 or child.poll() is not None, "three segments")
                child.send_signal(signal.SIGINT)
                done = finish(child)
            held = check(folder, many[1])
            return (done, held) if held < MANY else None

        done, held = in_time(attempt)
        fails(done, 130, "interrupted", f"{held:,} records sealed", "continues from there")
        assert 0 < held < MANY
        assert [] == list(folder.rglob("*.partial"))

        again = run("archive", "a", "--log", many[0], "--json", folder=tmp_path)

        assert (0, MANY - held) == (again.code, again.json["records"])
        assert MANY == check(folder, many[1])


class TestFullDisk:
    @pytest.mark.parametrize("blocks", [1, 100, 1_500])
    def test_a_full_disk_is_reported_and_no_segment_is_sealed_in_part(self, many, tmp_path, blocks):
        limited = ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh"]
        words = ("archive", "a", "--log", many[0])

        done = run(*words, folder=tmp_path, prefix=limited)

        fails(done, 69, "File too large", "run it again: it continues where it stopped")
        assert 0 == check(tmp_path / "a", many[1])
        assert [] == list((tmp_path / "a").rglob("*.partial"))
        assert 0 == run(*words, folder=tmp_path).code
        assert MANY == check(tmp_path / "a", many[1])


class TestCommand:
    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("archived")
        assert 0 == run("archive", "a", "--log", world.url, folder=folder).code
        return folder

    def test_a_run_says_how_much_it_has_sealed(self, world, tmp_path):
        words = ("archive", "a", "--log", world.url)
        first, second = (run(*words, folder=tmp_path) for _ in range(2))
        as_json = run(*words, "--json", folder=tmp_path).json
        merged = run("archive", "a", "--merge", "--json", folder=tmp_path).json

        count = world.records.read_bytes().count(b"\n")
        assert f"a: {count} records sealed in 3 segments; end 0:" in first.text
        assert "a: 0 records sealed in 0 segments; end 0:" in second.text
        assert first.text.splitlines()[1] == second.text.splitlines()[1]
        assert f"manifest {as_json['digest']}" == first.text.splitlines()[1]
        assert {"archive", "records", "segments", "typed", "end", "digest"} == as_json.keys()
        assert {"archive", "segments_before", "segments", "typed", "digest"} == merged.keys()
        assert as_json["digest"] == merged["digest"]

    def test_every_reading_command_takes_it(self, world, folder):
        log = ("--log", "archive:a")
        year = ("report", "--year", "2022", "--json")

        assert world.report.read_bytes() == without_roots(run(*year, *log, folder=folder).out)
        assert 0 == run("verify", world.report, *log, folder=folder).code
        output = run("tail", "--jsonl", "--log", world.url, folder=folder).out
        assert output == run("tail", "--jsonl", *log, folder=folder).out
        doctor = run("doctor", *log, folder=folder)
        assert (0, True) == (doctor.code, b"fine     archive" in doctor.out)

    def test_it_takes_no_records(self, world, folder):
        done = run("append", world.events, "--log", "archive:a", folder=folder)

        fails(done, 69, "a is a sealed archive", "takes no records")

    def test_a_worker_follows_it(self, world, folder):
        log = ("--log", "archive:a")

        assert 0 == run("worker", "--once", *log, folder=folder).code

        live = run("live", "--year", "2022", "--json", *log, folder=folder).json
        assert json.loads(world.report.read_bytes())["digest"] == live["digest"]

    @pytest.mark.parametrize(
        "words",
        [
            ("report", "--year", "2022"),
            ("tail",),
            ("tail", "--jsonl"),
            ("live", "--year", "2022"),
        ],
        ids=" ".join,
    )
    def test_nothing_of_a_damaged_archive_is_printed(self, folder, tmp_path, words):
        shutil.copytree(folder / "a", tmp_path / "a")
        *_, victim = sorted((tmp_path / "a" / "records").iterdir())
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 4
        victim.write_bytes(data)

        done = run(*words, "--log", "archive:a", folder=tmp_path)

        fails(done, 69, f"a/records/{victim.name} is not what was sealed", "from a copy")
        assert b"" == done.out

    def test_another_log_is_refused(self, folder, many):
        done = run("archive", "a", "--log", many[0], folder=folder)
        fails(done, 69, "is not an archive of the log")

    def test_a_missing_log_makes_no_archive(self, tmp_path):
        fails(run("archive", "a", folder=tmp_path), 69, "no log at ledger.db")
        assert [] == list(tmp_path.iterdir())


class TestDocument:
    """The reader that the documents show to an auditor."""

    PAGE = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")
    READER = re.search(r"(?ms)^```python\n(.*?)^```$", PAGE)[1]

    def read(self, folder):
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", self.READER, folder],
            capture_output=True,
            check=False,
            timeout=SECONDS_MAX,
        )

    def test_it_prints_what_tail_prints_and_finds_damage(self, world, tmp_path):
        assert 0 == run("archive", "a", "--log", world.url, folder=tmp_path).code

        seen = self.read(tmp_path / "a")

        assert (0, b"") == (seen.returncode, seen.stderr)
        assert run("tail", "--jsonl", "--log", world.url, folder=tmp_path).out == seen.stdout
        for path in ("manifest.json", next((tmp_path / "a").glob("records/p0002-*"))):
            victim = tmp_path / "a" / path
            data = victim.read_bytes()
            victim.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
            broken = self.read(tmp_path / "a")
            assert 1 == broken.returncode
            assert victim.name in broken.stderr.decode()
            victim.write_bytes(data)

    def test_it_is_ten_lines(self):
        assert 10 == sum(map(bool, self.READER.splitlines()))
