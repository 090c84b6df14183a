"""`outcomes tail`: the last records, and those that a person looks for."""

from __future__ import annotations

import json

import pytest

from tests.e2e.command import event, events, fails, on_terminal, started


@pytest.fixture(scope="module")
def records(world, warm):
    done = warm.run("tail", "--jsonl", "--log", world.url, folder=world.folder)
    return [json.loads(line) for line in done.text.splitlines()]


@pytest.fixture(scope="module")
def tail(world, warm):
    """What `outcomes tail --jsonl` prints with some options, as (partition, offset)."""

    def positions(*options):
        done = warm.run("tail", "--jsonl", "--log", world.url, *options, folder=world.folder)
        assert done.code == 0, done
        return [place(json.loads(line)) for line in done.text.splitlines()]

    return positions


def place(record):
    return record["partition"], record["offset"]


def members(record):
    try:
        return json.loads(record["value"])
    except (KeyError, TypeError, ValueError):
        return {}


class TestFilters:
    def test_each_shows_what_it_names_and_they_add_up(self, records, tail):
        sample = next(record for record in records if members(record).get("source") == "/lms")
        event = members(sample)
        names = ("type", "source", "id")
        for name in names:
            assert tail(f"--{name}", event[name]) == [
                place(record) for record in records if members(record).get(name) == event[name]
            ]
        assert tail("--subject", sample["key"]) == [
            place(record) for record in records if record.get("key") == sample["key"]
        ]
        together = [word for name in names for word in (f"--{name}", event[name])]
        assert place(sample) in tail(*together, "--subject", sample["key"])
        assert tail("--id", event["id"], "--source", "/elsewhere") == []

    def test_a_start_names_only_the_partitions_that_one_means(self, records, tail):
        of_1 = [place(each) for each in records if each["partition"] == 1 and each["offset"] >= 200]
        others = [place(each) for each in records if each["partition"] != 1]
        assert tail("--from", "1:200") == sorted(of_1 + others)
        assert tail("--from", "1:200", "--partition", "1") == of_1

    def test_the_last_are_the_latest_of_all_partitions(self, records, tail):
        latest = sorted(records, key=lambda record: (record["recorded_at"], *place(record)))
        assert tail("--last", "7") == [place(record) for record in latest[-7:]]
        own = [record for record in latest if record["partition"] == 2]
        assert tail("--last", "3", "--partition", "2") == [place(record) for record in own[-3:]]
        assert tail("--last", "0") == []

    def test_that_nothing_matches_is_said(self, world, warm):
        done = warm.run("tail", "--id", "nobody's", "--log", world.url, folder=world.folder)
        assert (done.code, done.out, done.err) == (0, b"", b"no record matches\n")


class TestFollowing:
    def test_after_the_last_come_new_ones_that_match(self, outcomes, tmp_path):
        (tmp_path / "first.jsonl").write_bytes(events(3))
        (tmp_path / "more.jsonl").write_bytes(event(4) + b"\n" + event(1) + b"\n")
        assert outcomes("append", "first.jsonl").code == 0
        words = ("tail", "--last", "5", "--subject", "s-1", "--follow", "--jsonl")
        with started(*words, folder=tmp_path) as child:
            first = json.loads(child.stdout.readline())
            assert outcomes("append", "more.jsonl").code == 0
            second = json.loads(child.stdout.readline())
        assert [place(first), place(second)] == [(0, 0), (0, 4)]


class TestTerminal:
    def test_a_terminal_shows_the_last_twenty_in_its_width_and_says_so(self, world, records):
        done = on_terminal("tail", "--log", world.url, folder=world.folder, columns=60)
        lines = done.out.decode().splitlines()
        assert len(lines) == 20
        assert max(map(len, lines)) == 60
        notice = f"the last 20 of {len(records):,} records; --last N shows more, "
        assert done.err.decode().startswith(notice)


class TestUsage:
    def test_a_partition_that_is_not_there_is_refused(self, world, warm):
        log = ("--log", world.url)
        cases = {
            "--partition 3: the log has partitions 0 to 2": ["tail", *log, "--partition", "3"],
            "does not list each partition": ["tail", *log, "--from", "7:1"],
        }
        codes = dict(zip(cases, (2, 69), strict=True))
        for words, done in warm.run_all(cases, folder=world.folder).items():
            fails(done, codes[words], words)
