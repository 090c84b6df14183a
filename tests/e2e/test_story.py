from __future__ import annotations

import base64
import itertools
import json
import os
import re

import orjson
import pytest

from tests.e2e.command import (
    count,
    event,
    events,
    fails,
    finish,
    rows,
    run_all,
    started,
    until,
)

CONFLICTS = (
    rb"a warning: \d+ lines in conflict with earlier records of the same source and id; .*\n"
)
"""A synthetic school changes some of its events."""


class TestGenerate:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, tmp_path_factory):
        words = ["generate", "--students", "40"]
        cases = {
            "first": [*words, "--seed", "1"],
            "again": [*words, "--seed", "1"],
            "other": [*words, "--seed", "2"],
            "records": [*words, "--seed", "1", "--records"],
            "years": [*words, "--seed", "1", "--from", "2010", "--to", "2010"],
        }
        return run_all(cases, folder=tmp_path_factory.mktemp("generated"))

    def test_the_same_seed_gives_the_same_bytes(self, made):
        assert (0, b"") == (made["first"].code, made["first"].err)
        assert made["first"].out == made["again"].out

    def test_another_seed_gives_other_bytes(self, made):
        assert made["first"].out != made["other"].out

    def test_other_years_give_a_history_of_those_years(self, made):
        assert b'"applied_on":"2010-' in made["years"].out
        assert b'"applied_on":"2015-' not in made["years"].out

    def test_records_are_as_tail_prints_them_and_never_go_back(self, made):
        printed = [json.loads(line) for line in made["records"].out.splitlines()]
        assert {"partition", "offset", "recorded_at", "key", "value"} == set(printed[0])
        assert sorted(record["recorded_at"] for record in printed) == [
            record["recorded_at"] for record in printed
        ]


class TestAppendAndReport:
    def test_generated_events_flow_from_a_pipe_into_a_report(self, outcomes, world, tmp_path):
        appended = outcomes("append", "-", stdin=world.events.read_bytes())
        lines = world.events.read_bytes().count(b"\n")
        assert 0 == appended.code
        assert re.fullmatch(CONFLICTS, appended.err)
        assert f"{lines:,} records acknowledged; end 0:{lines}\n" == appended.text
        reported = outcomes("report", "--year", "2022")
        assert (0, b"") == (reported.code, reported.err)
        assert reported.text.startswith("Impact report 2022, latest record ")
        assert "career outcomes" in reported.text
        assert f"cut 0:{lines}\n" in reported.text
        assert sorted(path.name for path in tmp_path.iterdir() if path.stat().st_size) == sorted(
            {"ledger.db", *(path.name for path in tmp_path.glob("ledger.db-shm"))}
        )

    def test_the_json_report_is_the_same_to_the_byte_each_time(self, ask, world):
        again = ask("report", "--year", "2022", "--json")
        assert (0, b"") == (again.code, again.err)
        assert world.report.read_bytes() == again.out

    def test_every_record_is_accounted_for(self, world):
        report = json.loads(world.report.read_bytes())
        records = report["records"]
        parts = (records["events"], records["duplicates"], records["conflicts"])
        assert report["log"]["records"] == sum(parts) + sum(records["quarantined"].values())
        assert report["log"]["records"] == count(world.log)

    def test_json_of_an_append_says_what_was_acknowledged(self, outcomes):
        done = outcomes("append", "-", "--json", stdin=events(3))
        assert {
            "acknowledged": 3,
            "skipped": 0,
            "end": {"0": 3},
            "warnings_by_rule": {},
            "conflicts": 0,
        } == done.json

    def test_batches_of_standard_input_are_one_append_each(self, outcomes, tmp_path):
        done = outcomes("append", "-", "--batch", "2", stdin=events(4) + b"{\n" + events(1))
        fails(done, 65, "4 records acknowledged")
        assert 4 == count(tmp_path / "ledger.db")
        assert done.err.startswith(b"line 5: value_must_be_json")

    def test_skip_invalid_appends_the_rest(self, outcomes, tmp_path):
        (tmp_path / "events.jsonl").write_bytes(event(1) + b"\n{\n" + event(3) + b"\n[]\n")
        done = outcomes("append", "--skip-invalid", "events.jsonl")
        assert (0, "2 records acknowledged, 2 lines skipped; end 0:2\n") == (done.code, done.text)
        assert ["line 2", "line 4"] == [
            line.partition(":")[0] for line in done.err.decode().splitlines()
        ]
        assert [event(1), event(3)] == [row[4] for row in rows(tmp_path / "ledger.db")]

    def test_what_was_skipped_of_an_array_is_counted_in_items(self, outcomes, tmp_path):
        (tmp_path / "events.json").write_bytes(b"[" + event(1) + b", {}]")
        done = outcomes("append", "--skip-invalid", "events.json")
        assert (0, "1 record acknowledged, 1 item skipped; end 0:1\n") == (done.code, done.text)

    def test_resending_a_file_changes_no_figure(self, outcomes, world):
        outcomes("append", world.events)
        first = outcomes("report", "--year", "2022", "--json").json
        outcomes("append", world.events)
        second = outcomes("report", "--year", "2022", "--json").json
        assert (first["counts"], first["rates"]) == (second["counts"], second["rates"])
        assert first["records"]["events"] == second["records"]["events"]

    def test_more_than_1000_events_of_one_subject_are_quarantined(self, outcomes, tmp_path):
        lines = events(1_500, subject="s-1")
        (tmp_path / "events.jsonl").write_bytes(lines)
        assert 0 == outcomes("append", "events.jsonl").code
        report = outcomes("report", "--year", "2022", "--json").json
        expected = {"subject_must_not_exceed_1000_events": 500}
        assert expected == report["records"]["quarantined"]
        assert 1_000 == report["records"]["events"]

    def test_a_fifo_is_a_file_like_any_other(self, world, tmp_path):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with started("append", "fifo", folder=tmp_path) as child:
            fifo.write_bytes(world.events.read_bytes())
            done = finish(child)
        assert 0 == done.code
        assert re.fullmatch(CONFLICTS, done.err)
        assert world.events.read_bytes().count(b"\n") == count(tmp_path / "ledger.db")


class TestLivePipe:
    def test_lines_are_acknowledged_while_the_pipe_stays_open(self, tmp_path):
        log = tmp_path / "ledger.db"
        with started("append", "-", folder=tmp_path) as child:
            for number in (1, 2):
                child.stdin.write(event(number) + b"\n")
                child.stdin.flush()
                until(lambda number=number: count(log) == number, f"record {number}")
            child.stdin.write(event(3))
            done = finish(child)
        assert (0, b"") == (done.code, done.err)
        assert "3 records acknowledged; end 0:3\n" == done.text


class TestTail:
    def test_a_log_is_copied_by_tail_and_append(self, ask, outcomes, world, tmp_path):
        printed = ask("tail", "--jsonl")
        assert (0, b"") == (printed.code, printed.err)
        url = "sqlite:copy.db?partitions=3"
        assert 0 == outcomes("append", "--records", "-", "--log", url, stdin=printed.out).code
        assert rows(world.log) == rows(tmp_path / "copy.db")
        report = outcomes("report", "--year", "2022", "--json", "--log", "sqlite:copy.db")
        assert world.report.read_bytes() == report.out
        assert 0 == outcomes("verify", world.report, "--log", "sqlite:copy.db").code

    def test_any_bytes_survive_the_copy(self, outcomes, tmp_path):
        values = [b"\xff\x00", b"\x01\x02", "é\u2028".encode(), b"", None]
        keys = [b"\xfe", None, b"s-1", b"", b"k"]
        lines = [
            {
                "key_base64": None if key is None else base64.b64encode(key).decode(),
                "value_base64": None if value is None else base64.b64encode(value).decode(),
            }
            for key, value in zip(keys, values, strict=True)
        ]
        for line in lines:
            for name in ("key", "value"):
                if line[f"{name}_base64"] is None:
                    line[name] = line.pop(f"{name}_base64")
        given = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        assert 0 == outcomes("append", "--records", "-", stdin=given).code
        printed = outcomes("tail", "--jsonl").out
        done = outcomes("append", "--records", "-", "--log", "sqlite:b.db", stdin=printed)
        assert 0 == done.code, done
        assert list(zip(keys, values, strict=True)) == [
            row[3:] for row in rows(tmp_path / "ledger.db")
        ]
        assert rows(tmp_path / "ledger.db") == rows(tmp_path / "b.db")

    def test_from_a_cut_only_what_lies_behind_it_is_printed(self, ask, world):
        end = json.loads(world.report.read_bytes())["log"]["cut"]
        start = f"0:{end['0'] - 1},1:{end['1']},2:{end['2'] - 2}"
        printed = [
            json.loads(line) for line in ask("tail", "--from", start, "--jsonl").out.splitlines()
        ]
        assert [(0, end["0"] - 1), (2, end["2"] - 2), (2, end["2"] - 1)] == [
            (record["partition"], record["offset"]) for record in printed
        ]

    def test_a_line_for_a_person_is_at_most_100_columns(self, ask):
        assert 100 >= max(map(len, ask("tail").text.splitlines()))

    def test_follow_prints_a_record_appended_later(self, outcomes, tmp_path):
        outcomes("append", "-", stdin=event(1))
        with started("tail", "--follow", "--jsonl", folder=tmp_path) as child:
            assert 0 == json.loads(child.stdout.readline())["offset"]
            outcomes("append", "-", stdin=event(2))
            assert event(2).decode() == json.loads(child.stdout.readline())["value"]


class TestCuts:
    AS_OF = "2022-06-30T23:59:59.999+02:00"
    AS_OF_UTC = "2022-06-30T21:59:59.999Z"

    def test_as_of_is_the_cut_before_the_first_later_record(self, ask):
        printed = map(json.loads, ask("tail", "--jsonl").out.splitlines())
        by_hand = {
            str(partition): sum(
                1
                for _ in itertools.takewhile(
                    lambda item: item["recorded_at"] <= self.AS_OF_UTC, records
                )
            )
            for partition, records in itertools.groupby(printed, lambda item: item["partition"])
        }
        as_of = ask("report", "--year", "2022", "--json", "--as-of", self.AS_OF)
        assert by_hand == as_of.json["log"]["cut"]
        assert all(by_hand.values())
        cut = ",".join(f"{partition}:{offset}" for partition, offset in by_hand.items())
        at_cut = ask("report", "--year", "2022", "--json", "--cut", cut)
        assert as_of.out == at_cut.out
        in_utc = ask("report", "--year", "2022", "--json", "--as-of", self.AS_OF_UTC)
        assert as_of.out == in_utc.out

    def test_before_the_first_record_every_figure_is_zero_and_provisional(self, ask):
        report = ask("report", "--year", "2022", "--json", "--as-of", "1970-01-01T00:00:00Z").json
        assert {"0": 0, "1": 0, "2": 0} == report["log"]["cut"]
        assert {0} == {row["count"] for row in report["counts"]}
        assert 8 == len(report["provisional"])

    def test_a_cut_at_the_end_gives_the_report_of_the_end(self, ask, world):
        end = json.loads(world.report.read_bytes())["log"]["cut"]
        cut = ",".join(f"{partition}:{offset}" for partition, offset in reversed(end.items()))
        made = ask("report", "--year", "2022", "--json", "--cut", cut)
        assert world.report.read_bytes() == made.out


def changed(*place, update):
    """A change of the value at a place of a report; `row` stands for a row that counts 1."""

    def change(report, row):
        *way, last = (row if step == "row" else step for step in place)
        for step in way:
            report = report[step]
        report[last] = update(report.get(last) if isinstance(report, dict) else report[last])

    return change


def removed(*place):
    """A report without the value at a place."""

    def change(report, row):
        *way, last = (row if step == "row" else step for step in place)
        for step in way:
            report = report[step]
        del report[last]

    return change


def one_more(value):
    return value + 1


def always(value):
    return lambda _: value


def with_row(**row):
    return changed("counts", update=lambda counts: [*counts, row])


TAMPERED = {
    "cell": (changed("counts", "row", "count", update=one_more), "{row} count"),
    "previous": (changed("counts", "row", "previous", update=one_more), "{row} previous"),
    "numerator": (changed("rates", 0, "numerator", update=one_more), " numerator"),
    "digest": (changed("digest", update=always("sha256:" + "0" * 64)), "digest"),
    "counter": (changed("records", "events", update=one_more), "records|events"),
    "records": (changed("log", "records", update=one_more), "log|records"),
    "quarantined": (
        changed("records", "quarantined", "value_must_be_json", update=always(99)),
        "records|quarantined|value_must_be_json",
    ),
    "policy version": (changed("policy", "version", update=one_more), "policy|version"),
    "removed row": (removed("counts", "row"), "{row} count"),
    "removed member": (removed("counts", "row", "previous"), "{row} previous"),
    "added row": (
        with_row(measure="invented", group="all", count=1, previous=0),
        "invented|all count",
    ),
    "row without a count": (with_row(measure="invented", group="all"), "invented|all"),
    "provisional": (
        changed("provisional", "career_outcomes", update=always("2999-12-31")),
        "provisional|career_outcomes",
    ),
    "mistyped counter": (changed("records", "events", update=str), "records|events"),
    "mistyped digest": (changed("digest", update=always(1)), "digest"),
    "text for a count": (changed("counts", "row", "count", update=str), "{row} count"),
    "object for a count": (
        changed("counts", "row", "count", update=lambda count: {"is": count}),
        "{row} count: the report says an object",
    ),
    "true for 1": (changed("counts", "row", "count", update=always(value=True)), "{row} count"),
    "cut": (changed("log", "cut", "0", update=lambda offset: offset - 1), "log|records"),
}
UNVERIFIABLE = {
    "other policy": (changed("policy", "id", update=always("openclassrooms-2023")), 78, "--policy"),
    "unknown policy": (changed("policy", "id", update=always("invented")), 78, "invented"),
    "doubled row": (
        changed("counts", update=lambda counts: [*counts, counts[0]]),
        65,
        "duplicate key",
    ),
    "rules 2": (changed("rules", update=one_more), 78, "rules 2"),
    "rules 2 in another shape": (
        lambda report, _: report.update(rules=2, counts={"all": 1}),
        78,
        "rules 2",
    ),
    "partition missing": (removed("log", "cut", "2"), 69, "does not list each partition"),
    "beyond the end": (changed("log", "cut", "0", update=one_more), 69, "does not hold the cut"),
}
UNREADABLE = {
    "broken": (b'{"schema": "ledger/report/v1",', "not JSON"),
    "empty": (b"", "not JSON"),
    "list": (b"[]", "not a report"),
    "other": (b'{"schema": "other"}', "not a report"),
    "deep": (b"[" * 20_000, "not JSON"),
    "binary": (b"\xff\xfe", "not JSON"),
}


class TestVerify:
    @pytest.fixture(scope="class")
    @classmethod
    def verified(cls, warm, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("tampered")
        stated = world.report.read_bytes()
        counts = json.loads(stated)["counts"]
        value = next(index for index, row in enumerate(counts) if row["count"] == 1)
        texts = {name: text for name, (text, _) in UNREADABLE.items()}
        for name, (change, *_) in {**TAMPERED, **UNVERIFIABLE}.items():
            report = json.loads(stated)
            change(report, value)
            texts[name] = json.dumps(report).encode()
        cases = {}
        for name, text in texts.items():
            (folder / f"{name}.json").write_bytes(text)
            cases[name] = ["verify", f"{name}.json", "--log", world.url]
        cases["missing"] = ["verify", "missing.json", "--log", world.url]
        cases["folder"] = ["verify", ".", "--log", world.url]
        cases["no log"] = ["verify", "cell.json", "--log", "sqlite:none.db"]
        cases["as json"] = ["verify", "cell.json", "--log", world.url, "--json"]
        done = warm.run_all(cases, folder=folder)
        done["row"] = "{measure}|{group}".format_map(counts[value])
        done["left"] = [path.name for path in folder.iterdir() if path.suffix != ".json"]
        return done

    def test_an_untouched_report_is_verified(self, ask, world):
        done = ask("verify", world.report)
        assert (0, b"") == (done.code, done.err)
        assert "no difference" in done.text

    @pytest.mark.parametrize("name", TAMPERED)
    def test_a_tampered_report_differs_and_the_cell_is_named(self, name, verified):
        done = verified[name]
        assert (1, b"") == (done.code, done.err), done
        cell = TAMPERED[name][1].format(row=verified["row"])
        assert any(cell in line for line in done.text.splitlines()[:-1]), done.text

    def test_as_json_the_differing_cells_are_listed(self, verified):
        done = verified["as json"]
        assert 1 == done.code
        cells = [difference["cell"] for difference in done.json["differences"]]
        assert [f"{verified['row']} count"] == cells

    @pytest.mark.parametrize("name", UNVERIFIABLE)
    def test_a_report_that_cannot_be_replayed_is_one_line(self, name, verified):
        fails(verified[name], *UNVERIFIABLE[name][1:])

    @pytest.mark.parametrize("name", UNREADABLE)
    def test_what_is_no_report_is_one_line(self, name, verified):
        fails(verified[name], 65, UNREADABLE[name][1])

    @pytest.mark.parametrize(
        ("name", "code", "word"),
        [("missing", 65, "missing.json"), ("folder", 65, "directory"), ("no log", 69, "none.db")],
    )
    def test_what_is_not_there_is_one_line(self, name, code, word, verified):
        fails(verified[name], code, word)

    @pytest.fixture(scope="class")
    @classmethod
    def several(cls, warm, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("several")
        years = ["--year", "2021..2022", "--log", world.url]
        array = warm.run("report", *years, "--json", folder=folder).out
        wrong = json.loads(array)
        wrong[1]["counts"][0]["count"] += 1
        (folder / "array.json").write_bytes(array)
        (folder / "one.json").write_bytes(world.report.read_bytes())
        (folder / "wrong.json").write_text(json.dumps(wrong))
        log = ["--log", world.url]
        cases = {
            "array": ["verify", "array.json", *log],
            "array as json": ["verify", "array.json", "--json", *log],
            "array on stdin": (["verify", "-", *log], {"stdin": array}),
            "files": ["verify", "one.json", "wrong.json", *log],
            "files as json": ["verify", "one.json", "wrong.json", "--json", *log],
            "one is no report": (["verify", "one.json", "-", *log], {"stdin": b"{}"}),
            "nothing": ["verify", *log],
        }
        return warm.run_all(cases, folder=folder)

    @pytest.mark.parametrize(
        ("name", "place"), [("array", "array.json"), ("array on stdin", "standard input")]
    )
    def test_an_array_of_reports_is_verified_report_by_report(self, name, place, several):
        verdict = "no difference; 478 cells replayed by each of two engines"
        expected = [f"{place}, report {number} of 2: {verdict}" for number in (1, 2)]
        assert (0, b"", expected) == (
            several[name].code,
            several[name].err,
            several[name].text.splitlines(),
        )

    def test_of_several_files_the_report_that_differs_is_named(self, several):
        done = several["files"]
        assert 1 == done.code
        ends = [line.partition("; ")[0] for line in done.text.splitlines() if "cells" in line]
        assert [
            "one.json: no difference",
            "wrong.json, report 1 of 2: no difference",
            "wrong.json, report 2 of 2: 1 difference",
        ] == ends

    def test_as_json_several_reports_are_an_array(self, several):
        assert [0, 1] == [several["array as json"].code, several["files as json"].code]
        counts = [len(item["differences"]) for item in several["files as json"].json]
        assert [0, 0, 1] == counts
        assert 2 == len(several["array as json"].json)

    def test_one_that_is_no_report_fails_the_command_before_any_replay(self, several):
        fails(several["one is no report"], 65, "standard input: not a report")

    def test_without_a_report_it_is_a_usage_error(self, several):
        assert 2 == several["nothing"].code

    def test_reading_makes_no_log(self, verified):
        assert [] == verified["left"]

    def test_a_report_of_another_log_names_a_cut_that_is_not_held(self, outcomes, world):
        outcomes("append", "--log", "sqlite:ledger.db?partitions=3", "-", stdin=events(3))
        fails(outcomes("verify", world.report), 69, "does not hold the cut")

    def test_a_report_under_an_own_policy_is_verified_with_its_file(self, ask, tmp_path):
        policy = ask("policy", "show").json
        policy["id"], policy["outcome_window_months"] = "own", 6
        file = tmp_path / "own.json"
        file.write_text(json.dumps(policy))
        made = ask("report", "--year", "2022", "--json", "--policy", file)
        assert "own" == made.json["policy"]["id"]
        report = tmp_path / "report.json"
        report.write_bytes(made.out)
        assert 0 == ask("verify", report, "--policy", file).code
        fails(ask("verify", report), 78, "own")


class TestValidate:
    @pytest.fixture(scope="class")
    @classmethod
    def checked(cls, warm, world, tmp_path_factory):
        folder = tmp_path_factory.mktemp("validated")
        (folder / "bad.jsonl").write_bytes(
            event(1) + b"\n\n{\n" + event(4, data={"applied_on": "2022-02-30"}) + b"\n"
        )
        cases = {
            "fine": ["validate", world.events],
            "bad": ["validate", "bad.jsonl"],
            "json": ["validate", "bad.jsonl", "--json"],
            "stdin": (["validate", "-"], {"stdin": event(1)}),
        }
        done = warm.run_all(cases, folder=folder)
        done["left"] = [path.name for path in folder.iterdir()]
        return done

    @pytest.mark.parametrize("name", ["fine", "stdin"])
    def test_events_without_a_fault_pass(self, name, checked):
        assert 0 == checked[name].code
        assert not any(b"warning" not in line for line in checked[name].out.splitlines())

    def test_each_fault_is_a_line_with_number_rule_and_pointer(self, checked):
        lines = checked["bad"].text.splitlines()
        assert 65 == checked["bad"].code
        assert lines[0].startswith("line 3: value_must_be_json: ")
        assert any(
            line.startswith("line 4: data_must_match_its_type at /data/applied_on: ")
            for line in lines
        )
        assert {"line 3", "line 4"} == {line.partition(":")[0] for line in lines}

    def test_json_holds_the_same(self, checked):
        assert 65 == checked["json"].code
        made = checked["json"].json
        assert 3 == made["lines"]
        assert {3, 4} == {fault["line"] for fault in made["faults"]}
        assert {"line", "rule", "pointer", "reason"} == set(made["faults"][0])

    def test_validating_makes_no_log(self, checked):
        assert ["bad.jsonl"] == checked["left"]


class TestDemo:
    @pytest.fixture(scope="class")
    @classmethod
    def played(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("demo")
        (folder / "out").mkdir()
        (folder / "out" / "mine.txt").write_text("mine")
        words = ("demo", "--students", "200", "--out", "out")
        done = [run_all({"it": [*words]}, folder=folder)["it"] for _ in range(2)]
        done.append(folder)
        return done

    def test_it_runs_twice_in_one_folder_with_the_same_result(self, played):
        first, second, _ = played
        assert (0, 0) == (first.code, second.code), (first, second)
        assert first.out == second.out
        assert "Replayed twice: the same bytes." in first.text

    def test_it_names_the_files_it_made(self, played):
        folder = played[2]
        for name in (
            "demo-ledger.db",
            "report-2022.json",
            "report-2022-as-known-on-2023-03-31.json",
        ):
            assert f"out/{name}: " in played[0].text
            assert (folder / "out" / name).stat().st_size

    def test_its_last_lines_say_how_to_go_on_with_its_log(self, played):
        last = played[0].text.rstrip().splitlines()[-5:]
        assert "export OUTCOMES_LOG=sqlite:out/demo-ledger.db" == last[0]
        log = {"OUTCOMES_LOG": "sqlite:out/demo-ledger.db"}
        for line in last[1:]:
            words = line.split()[1:]
            done = run_all({"it": (words, {"env": log})}, folder=played[2])["it"]
            assert 0 == done.code, done

    def test_a_command_without_a_log_names_that_of_the_demo(self, tmp_path):
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo" / "demo-ledger.db").touch()
        done = run_all({"it": ["report", "--year", "2022"]}, folder=tmp_path)["it"]
        assert 69 == done.code
        assert b"that of the demo is --log sqlite:demo/demo-ledger.db" in done.err

    def test_it_touches_no_other_file(self, played):
        folder = played[2]
        assert "mine" == (folder / "out" / "mine.txt").read_text()
        assert [folder / "out"] == list(folder.iterdir())

    def test_its_reports_are_verified_by_its_log(self, played):
        folder = played[2]
        cases = {
            name: ["verify", f"out/{name}", "--log", "sqlite:out/demo-ledger.db"]
            for name in ("report-2022.json", "report-2022-as-known-on-2023-03-31.json")
        }
        assert [0, 0] == [done.code for done in run_all(cases, folder=folder).values()]

    def test_its_page_shows_the_digest_of_its_report(self, played):
        report = json.loads((played[2] / "out" / "report-2022.json").read_bytes())
        assert report["digest"] in played[0].text
        assert 100 >= max(map(len, played[0].text.splitlines()))

    def test_a_folder_that_cannot_be_made_is_one_line(self, outcomes, tmp_path):
        (tmp_path / "file").write_text("")
        fails(outcomes("demo", "--students", "1", "--out", "file/demo"), 69, "--out")


class TestThingsToLookUp:
    @pytest.fixture(scope="class")
    @classmethod
    def results(cls, warm, world, tmp_path_factory):
        cases = {
            "version": ["--version"],
            "policies": ["policy", "list"],
            "policies as json": ["policy", "list", "--json"],
            "policy": ["policy", "show", "openclassrooms-2023"],
            "types": ["schema"],
            "type": ["schema", "ledger.student.enrolled.v1"],
            "doctor": ["doctor", "--log", world.url],
            "doctor as json": ["doctor", "--log", world.url, "--json"],
            "doctor without a log": ["doctor"],
            "nothing": [],
        }
        folder = tmp_path_factory.mktemp("looked-up")
        done = warm.run_all(cases, folder=folder)
        done["left"] = list(folder.iterdir())
        return done

    def test_the_version_names_the_rules(self, results):
        assert (0, b"") == (results["version"].code, results["version"].err)
        assert results["version"].text.startswith("outcomes ")
        assert results["version"].text.endswith("(rules 1)\n")

    def test_both_policies_are_listed_with_the_specified_hashes(self, results):
        hashes = [
            "ca4f2116f3acde48556cc0e0880010a3f9500621edd857e145a1ec5bc8b0b5b5",
            "5d6fab1c55242c7f468c1cc9706871a15a1784999323931e778fa33807cb4d9f",
        ]
        assert hashes == [line.split()[-1] for line in results["policies"].text.splitlines()]
        assert hashes == [item["sha256"] for item in results["policies as json"].json]

    def test_a_policy_is_shown_as_json(self, results):
        assert "graduates" == results["policy"].json["placement_base"]

    def test_the_types_are_listed_and_each_has_a_schema(self, results):
        assert 9 == len(results["types"].text.splitlines())
        assert "enrolled_on" in results["type"].text
        assert isinstance(results["type"].json, dict)

    def test_doctor_finds_a_sound_log_fine(self, results):
        assert 0 == results["doctor"].code
        assert "broken" not in results["doctor"].text
        assert {"fine"} >= {item["verdict"] for item in results["doctor as json"].json}

    def test_doctor_names_a_missing_log_and_makes_none(self, results):
        done = results["doctor without a log"]
        assert (69, b"") == (done.code, done.err)
        assert "broken   log          no log at ledger.db" in done.text
        assert [] == results["left"]

    def test_without_a_command_the_help_is_shown(self, results):
        assert 0 == results["nothing"].code
        assert "Usage:" in results["nothing"].text
