"""The synthetic world: the same bytes everywhere, believable figures, every kind of disorder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path

import pytest

from ledger import external_sort
from outcomes.synthetic import assumptions, generate, stream
from outcomes.synthetic.draws import Choice, EvenDraws, RangeMix, pseudonym

ROOT = Path(__file__).resolve().parents[3]
SEED = 1
STUDENTS = 5_000
AS_OF_MS = int(datetime(2023, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp() * 1000)


def load_verifier():
    spec = importlib.util.spec_from_file_location(
        "ledger_verify_for_world", ROOT / "verifier" / "ledger_verify.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def verifier():
    return load_verifier()


@pytest.fixture(scope="module")
def world():
    return list(generate(STUDENTS, SEED))


@pytest.fixture(scope="module")
def events(world):
    return [(record, json.loads(record.value)) for record in world if not record.broken]


@pytest.fixture(scope="module")
def report(verifier, world):
    return report_of(verifier, world)


@pytest.fixture(scope="module")
def early_report(verifier, world):
    return report_of(verifier, [record for record in world if record.recorded_at <= AS_OF_MS])


def report_of(verifier, world):
    records = (
        {
            "partition": 0,
            "offset": offset,
            "recorded_at": record.recorded_at,
            "key": record.key,
            "value": record.value,
        }
        for offset, record in enumerate(world)
    )
    policy = verifier.BUILT_IN_POLICIES["openclassrooms-2022"]
    return verifier.report(records, policy, 2022, partitions=1)


def percent(report, measure, group="all"):
    for row in report["rates"]:
        if (row["measure"], row["group"]) == (measure, group):
            return 100 * row["numerator"] / row["denominator"]
    raise LookupError(measure, group)


def counted(report, measure, group="all"):
    for row in report["counts"]:
        if (row["measure"], row["group"]) == (measure, group):
            return row["count"], row["previous"]
    raise LookupError(measure, group)


def digest_of(records):
    digest = hashlib.sha256()
    for record in records:
        head = f"{record.recorded_at} {record.key!r} {record.broken} {len(record.value)} "
        digest.update(head.encode() + record.value)
    return digest.hexdigest()


class TestDeterminism:
    def test_the_world_of_today_is_the_world_of_yesterday(self):
        # A change of an assumption changes it; then pin the new one and say so in the changelog.
        expected = "a2da723cbf4d2b2ead415e2c438026364a4a90f6463ce18bb8a4e70f883ed93a"

        assert expected == digest_of(generate(300, 7))

    def test_no_setting_of_the_process_changes_a_byte(self):
        program = (
            "from tests.outcomes.synthetic.test_stream import digest_of, generate;"
            "print(digest_of(generate(60, 5)))"
        )
        environment = os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kolkata", "LC_ALL": "C"}
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

        assert digest_of(generate(60, 5)) == run.stdout.strip()

    def test_another_seed_is_another_world(self):
        item, other = ({record.key for record in generate(50, seed)} for seed in (1, 2))

        assert not item & other - {None}

    def test_a_larger_world_holds_the_smaller_one_unchanged(self):
        small, large = list(generate(100, SEED)), set(generate(150, SEED))

        assert large.issuperset(small)
        assert len(large) > len(small)

    def test_other_years_move_the_whole_world(self):
        years = {
            datetime.fromtimestamp(record.recorded_at / 1000, UTC).year
            for record in generate(400, SEED, first_year=2031, last_year=2031)
        }

        assert years == {2029, 2030, 2031, 2032}

    def test_students_and_years_that_cannot_be_are_refused_at_once(self):
        with pytest.raises(ValueError, match="students must not be negative"):
            generate(-1, SEED)
        with pytest.raises(ValueError, match="both are from 1975 to 2189, in order"):
            generate(1, SEED, first_year=2023, last_year=2021)
        with pytest.raises(ValueError, match="both are from 1975 to 2189, in order"):
            generate(1, SEED, first_year=1900)


class TestOrder:
    def test_records_come_in_order_of_time(self, world):
        assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(world))

    @pytest.mark.parametrize("chunk", [1, 7, 100, 300, 301])
    def test_the_size_of_a_chunk_changes_nothing(self, chunk, monkeypatch):
        expected = digest_of(generate(300, SEED))
        monkeypatch.setattr(stream, "CHUNK_STUDENTS", chunk)

        assert expected == digest_of(generate(300, SEED))

    def test_the_log_ends_in_the_first_half_of_the_year_after_the_last(self, world):
        first, last = (
            datetime.fromtimestamp(world[position].recorded_at / 1000, UTC).date().isoformat()
            for position in (0, -1)
        )

        assert first.startswith("2019-01")
        assert last.startswith("2024-06")


class TestRuns:
    @pytest.mark.parametrize("length", [1, 2, 4, 101])
    def test_lines_are_merged_whatever_the_length_of_a_run(self, length):
        lines = [b"%03d\n" % (number * 37 % 101) for number in range(101)]
        chunks = [lines[first : first + length] for first in range(0, len(lines), length)]

        assert sorted(lines) == list(stream._sorted_lines(chunks))

    def test_a_line_longer_than_a_block_survives(self):
        lines = [bytes([65 + number]) * 300_000 + b"\n" for number in range(4)]

        assert lines == list(stream._sorted_lines([[lines[1], lines[3]], [lines[2], lines[0]]]))

    def test_no_chunk_is_no_line(self):
        assert [] == list(stream._sorted_lines([]))

    def test_one_file_is_open_and_none_when_the_consumer_stops(self, monkeypatch):
        files, make_file = [], external_sort._temporary_file

        def watched():
            files.append(make_file())
            return files[-1]

        monkeypatch.setattr(external_sort, "_temporary_file", watched)
        lines = stream._sorted_lines([b"%03d\n" % number] for number in range(100))
        assert [b"000\n", b"001\n"] == list(islice(lines, 2))
        assert [False] == [file.closed for file in files]
        lines.close()

        assert [True] == [file.closed for file in files]

    def test_few_students_need_no_file(self, monkeypatch):
        monkeypatch.setattr(external_sort, "_temporary_file", None)

        assert len(list(generate(100, SEED))) > 100

    def test_memory_does_not_grow_with_the_world(self, monkeypatch):
        monkeypatch.setattr(stream, "CHUNK_STUDENTS", 100)

        def peak(students):
            tracemalloc.start()
            try:
                for _ in generate(students, SEED):
                    pass
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        peak(100)

        assert peak(1_200) < peak(300) * 1.5


class TestAdmission:
    def test_whatever_is_not_broken_is_admitted(self, world, verifier):
        refused = [
            record.value
            for record in world
            if not record.broken and verifier.judge(record.key, record.value, 0, 1)[0]
        ]

        assert refused == []

    def test_whatever_is_broken_is_quarantined_in_several_ways(self, verifier):
        broken = [record for record in generate(15_000, SEED) if record.broken]
        rules = Counter(verifier.judge(record.key, record.value, 0, 1)[0] for record in broken)

        assert None not in rules
        assert set(rules) == {
            "value_must_be_json",
            "data_must_match_its_type",
            "key_must_equal_subject",
            "schema_version_must_be_known",
        }
        assert None in {record.key for record in broken}

    def test_one_record_in_two_thousand_is_broken(self):
        records = broken = 0
        for record in generate(15_000, SEED):
            records += 1
            broken += record.broken

        assert 1_300 < records / broken < 3_000

    def test_no_value_holds_a_line_end(self, world):
        assert all(b"\n" not in record.value and b"\r" not in record.value for record in world)


class TestPersons:
    @pytest.mark.parametrize("students", [0, 1, 17])
    def test_every_person_leaves_a_trace(self, students):
        for seed in range(20):
            keys = {record.key for record in generate(students, seed) if not record.broken}

            assert students == len(keys)

    def test_every_person_of_a_larger_world_leaves_a_trace(self, events):
        assert len({record.key for record, _ in events}) == STUDENTS

    def test_pseudonyms_differ_and_show_no_order(self):
        names = [pseudonym(index, 12345, 67890) for index in range(20_000)]

        assert len(set(names)) == len(names)
        assert 9_500 < sum(a < b for a, b in pairwise(names)) < 10_500

    def test_a_person_has_about_five_events(self, world):
        assert 4.5 < len(world) / STUDENTS < 5.5

    def test_nobody_comes_near_a_thousand_events(self, events):
        assert max(Counter(record.key for record, _ in events).values()) < 100


class TestTime:
    def test_nothing_is_recorded_before_it_is_stated(self, events):
        for record, event in events:
            stated = datetime.fromisoformat(event["time"])

            assert stated.timestamp() * 1000 <= record.recorded_at

    def test_no_fact_follows_its_recording(self, events):
        for record, event in events:
            recorded_on = datetime.fromtimestamp(record.recorded_at / 1000, UTC).date()
            for name, value in event["data"].items():
                if name.endswith("_on") and name != "expected_graduation_on":
                    assert value <= recorded_on.isoformat(), event

    def test_times_are_written_in_three_zones(self, events):
        assert {event["time"][19:][-6:] for _, event in events} >= {"Z", "+01:00", "+02:00"}

    def test_one_outcome_in_ten_is_recorded_months_late(self, events):
        delays = [
            days_between(event["data"]["outcome_on"], record.recorded_at)
            for record, event in events
            if event["type"] == "ledger.outcome.declared.v1"
        ]

        assert 0.07 < sum(delay >= 60 for delay in delays) / len(delays) < 0.14

    def test_things_arrive_out_of_order(self, events):
        seen, early = set(), Counter()
        for _, event in events:
            data = event["data"]
            if event["type"] == "ledger.student.enrolled.v1":
                seen.add(data["enrollment_id"])
            elif event["type"] == "ledger.event.retracted.v1":
                early["retraction"] += data["retracts"]["id"] not in seen
            elif event["type"] in {
                "ledger.student.graduated.v1",
                "ledger.enrollment.rescheduled.v1",
                "ledger.student.withdrew.v1",
            }:
                early["enrolment"] += data["enrollment_id"] not in seen
            seen.add(event["id"])

        assert early["retraction"] > 10
        assert early["enrolment"] > 0


def days_between(date, recorded_at):
    recorded_on = datetime.fromtimestamp(recorded_at / 1000, UTC).date()
    return (recorded_on - datetime.fromisoformat(date).date()).days


class TestWords:
    def test_every_word_of_the_specification_is_used(self, verifier):
        words = Counter()
        for record in generate(15_000, SEED):
            if not record.broken:
                event = json.loads(record.value)
                for name, value in event["data"].items():
                    if isinstance(value, str):
                        words[event["type"].split(".")[2], name, value] += 1
        for fact, name, expected in (
            ("declared", "kind", verifier.KINDS),
            ("declared", "stated_by", verifier.WORDS["stated_by"]),
            ("answered", "status", verifier.WORDS["status"]),
            ("answered", "employment", verifier.WORDS["employment"]),
            ("enrolled", "funding", verifier.FUNDINGS),
            ("withdrew", "reason", verifier.WORDS["withdrew"]),
            ("rescheduled", "reason", verifier.WORDS["rescheduled"]),
            ("retracted", "reason", verifier.WORDS["retracted"]),
            ("enrolled", "programme", tuple(assumptions.PROGRAMMES)),
        ):
            used = {word for a, b, word in words if (a, b) == (fact, name)}

            assert used == set(expected), (fact, name)

    def test_an_id_names_one_event_of_one_student(self, events):
        owners = {}
        for record, event in events:
            assert owners.setdefault((event["source"], event["id"]), record.key) == record.key

    def test_enrolments_are_rescheduled_twice_some_on_one_day(self, events):
        decided = {}
        for _, event in events:
            if event["type"] == "ledger.enrollment.rescheduled.v1":
                data = event["data"]
                decided.setdefault(data["enrollment_id"], {})[event["id"]] = data["decided_on"]
        twice = [list(dates.values()) for dates in decided.values() if len(dates) > 1]

        assert any(len(set(dates)) == 1 for dates in twice)
        assert any(len(set(dates)) > 1 for dates in twice)


class TestFigures:
    @pytest.mark.parametrize(
        ("rate", "low", "high"),
        [
            ("orientation_rate", 27, 31),
            ("graduation_rate", 39, 43),
            ("placement_rate", 46, 50),
            ("response_rate", 47, 53),
        ],
    )
    def test_the_rates_are_near_the_published_ones(self, report, rate, low, high):
        assert low <= percent(report, rate) <= high

    def test_career_outcomes_grow_by_about_half(self, report):
        count, previous = counted(report, "career_outcomes")

        assert 1.40 <= count / previous <= 1.54

    def test_some_declare_twice_within_twelve_months(self, report):
        repeated, declared = (
            counted(report, measure)[0] for measure in ("outcomes_repeated", "outcomes_declared")
        )

        assert 0.05 <= repeated / declared <= 0.12

    def test_most_of_those_who_say_are_in_a_category(self, report):
        everybody, any_category, undeclared = (
            counted(report, "applicants", group)[0]
            for group in ("all", "any_category", "undeclared")
        )

        assert 0.65 <= any_category / (everybody - undeclared) <= 0.76
        assert 0.06 <= undeclared / everybody <= 0.11

    def test_those_outside_the_categories_are_placed_more_often(self, report):
        inside, outside = (
            percent(report, "graduation_rate", group) for group in ("any_category", "no_category")
        )

        assert outside > inside

    def test_the_report_of_march_is_not_the_last_word(self, report, early_report):
        early, late = (counted(each, "career_outcomes")[0] for each in (early_report, report))

        assert 0.92 < early / late < 0.99
        assert percent(early_report, "response_rate") < percent(report, "response_rate") - 5

    def test_every_kind_of_disorder_is_there(self, report):
        records = report["records"]

        assert all(
            records[kind] > 0
            for kind in ("conflicts", "repeats", "retracted", "pending", "void", "orphans")
        )
        assert 0.015 < records["duplicates"] / records["events"] < 0.025


class TestDraws:
    def test_shares_are_kept(self):
        choice = Choice({"a": 3, "b": 1})

        assert [choice.pick(u / 8) for u in range(8)] == ["a"] * 6 + ["b"] * 2

    def test_ranges_include_their_bounds(self):
        spread = RangeMix((0.5, 1, 2), (0.5, 10, 11))

        assert [spread.pick(u / 4) for u in range(4)] == [1, 2, 10, 11]
        assert spread.pick(1 - 2**-53) == 11

    def test_even_numbers_fill_the_interval(self):
        even = EvenDraws(SEED)
        numbers = [even.draw("path", 0) for _ in range(1_000)]

        assert all(
            abs(sum(number < share / 10 for number in numbers) - share * 100) <= 4
            for share in range(11)
        )

    def test_chances_are_met_within_one(self):
        even, numbers = EvenDraws(SEED), EvenDraws(SEED)
        happened = owed = 0
        for position in range(1_000):
            chance = 0.2 + position % 7 / 10
            happened += even.happens("graduate", 0, chance, numbers.draw("path", 1))
            owed += chance

            assert abs(happened - owed) <= 1
