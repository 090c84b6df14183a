"""`outcomes explain` and `trace`: from a figure down to events, from an event up to figures."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter

import jsonschema
import pytest

from projections.candidates import Reason
from tests.e2e.command import ROOT, event, fails, on_terminal, run

YEAR = ("--year", "2022")
PLACED = (*YEAR, "--measure", "placed")
SCHEMAS = {
    name: json.loads((ROOT / f"docs/json/{name}.json").read_text()) for name in ("explain", "trace")
}


def validate(name, document):
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(document)


@pytest.fixture(scope="module")
def done(world, warm):
    words = {
        "json": (*PLACED, "--json"),
        "counts": (*PLACED, "--json", "--counts"),
        "lines": (*PLACED, "--jsonl"),
        "table": (*PLACED, "--csv"),
        "page": PLACED,
        "counted": (*PLACED, "--counted", "--jsonl"),
        "page of counts": (*PLACED, "--counts"),
        "rate": (*YEAR, "--measure", "placement_rate", "--json"),
        "rate page": (*YEAR, "--measure", "placement_rate_if_silent_placed"),
        "group": (*YEAR, "--measure", "applicants", "--group", "refugee", "--json"),
        "before": (*PLACED, "--cut", "0:0,1:0,2:0"),
    }
    cases = {name: ["explain", "--log", world.url, *options] for name, options in words.items()}
    result = warm.run_all(cases, folder=world.folder)
    assert [name for name, each in result.items() if each.code or each.err] == []
    return result


@pytest.fixture(scope="module")
def subject(done):
    return next(row["subject"] for row in done["json"].json["rows"] if row["counted"])


@pytest.fixture(scope="module")
def traced(world, warm, done, subject):
    counted = next(row for row in done["json"].json["rows"] if row["counted"])
    named = (counted["events"][0]["source"], counted["events"][0]["id"])
    cases = {
        "json": ("--student", subject, "--json"),
        "page": ("--student", subject),
        "event": ("--event", *named, "--json"),
        "event page": ("--event", *named),
        "nobody": ("--student", "s-0"),
        "nobody json": ("--student", "s-0", "--json"),
        "nothing": ("--event", "/crm", "none"),
        "nothing json": ("--event", "/crm", "none", "--json"),
    }
    result = warm.run_all(
        {name: ["trace", "--log", world.url, *words] for name, words in cases.items()},
        folder=world.folder,
    )
    assert [name for name, each in result.items() if each.code] == []
    return result


class TestForms:
    """One answer as JSON, JSON lines, a table and a page."""

    def test_the_documents_are_those_of_the_schema(self, done):
        for name in ("json", "counts", "rate", "group"):
            validate("explain", done[name].json)

    def test_the_rows_that_count_are_the_figure_of_the_report(self, done, world):
        report = json.loads(world.report.read_text())
        for name, measure, group in (("json", "placed", "all"), ("group", "applicants", "refugee")):
            (count,) = (
                row["count"]
                for row in report["counts"]
                if (row["measure"], row["group"]) == (measure, group)
            )
            document = done[name].json
            assert count == document["figure"] == sum(row["counted"] for row in document["rows"])

    def test_a_rate_is_the_two_counts_of_the_report(self, done, world):
        report = json.loads(world.report.read_text())
        (row,) = (
            row
            for row in report["rates"]
            if (row["measure"], row["group"]) == ("placement_rate", "all")
        )
        document = done["rate"].json
        assert document["figure"] == {name: row[name] for name in ("numerator", "denominator")}
        sums = Counter(each["part"] for each in document["rows"] if each["counted"])
        assert document["figure"] == {name: sums[name] for name in ("numerator", "denominator")}

    def test_every_row_counts_or_has_a_reason_of_the_glossary(self, done):
        for row in done["json"].json["rows"] + done["group"].json["rows"]:
            assert row["counted"] == (row["reason"] is None)
            assert row["counted"] or row["reason"] in list(Reason)

    def test_lines_and_table_are_the_rows_of_the_document(self, done):
        rows = done["json"].json["rows"]
        assert rows == [json.loads(line) for line in done["lines"].text.splitlines()]
        table = list(csv.DictReader(io.StringIO(done["table"].text)))
        assert [(row["subject"], row["reason"] or "") for row in rows] == [
            (row["subject"], row["reason"]) for row in table
        ]
        assert [row["events"][0]["offset"] for row in rows] == [int(row["offset"]) for row in table]
        counted = [json.loads(line) for line in done["counted"].text.splitlines()]
        assert counted == [row for row in rows if row["counted"]]

    def test_numbers_alone_name_nobody(self, done):
        document = done["json"].json
        assert done["counts"].json == {
            name: value for name, value in document.items() if name != "rows"
        }
        subjects = {row["subject"] for row in document["rows"]}
        printed = done["counts"].text + done["page of counts"].text
        assert len(subjects) > 3
        assert [subject for subject in subjects if subject in printed] == []

    def test_a_page_ends_with_the_figure_and_the_reasons_counted(self, done):
        page, document = done["page"].text, done["json"].json
        assert f"\nplaced 2022, all: {document['figure']}\n" in page
        assert page.endswith(done["page of counts"].text)
        assert page.splitlines()[0].split() == ["student", "record", "type"]
        assert "− respondents counted" in done["rate page"].text

    def test_before_the_first_record_there_is_nothing(self, done):
        assert done["before"].text.splitlines()[0] == "placed 2022, all: 0"


class TestUse:
    def test_what_is_asked_for_wrongly_is_said_in_a_line(self, world, warm):
        cases = {
            ("--measure", "place"): "--measure place: no such measure; did you mean placed?",
            ("--measure", "placed", "--group", "raise"): "--group raise: no such group of it",
            ("--measure", "placed", "--student", "Jane Doe"): "--student: not a pseudonym",
            ("--measure", "placed", "--json", "--csv"): "are three forms",
        }
        done = warm.run_all(
            {words: ["explain", "--log", world.url, *YEAR, *words] for words in cases},
            folder=world.folder,
        )
        for words, each in done.items():
            fails(each, 2, cases[words])
            assert b"Jane" not in each.err

    def test_rows_appear_on_a_terminal_as_they_are_found(self, world):
        shown = on_terminal("explain", *PLACED, "--log", world.url, folder=world.folder, columns=80)
        assert "placed 2022, all:" in shown.text

    def test_an_archive_has_the_explanation_of_its_log(self, world, warm, tmp_path):
        assert warm.run("archive", "sealed", "--log", world.url, folder=tmp_path).code == 0
        done = warm.run_all(
            {
                url: ["explain", *PLACED, "--json", "--log", url]
                for url in (world.url, "archive:sealed")
            },
            folder=tmp_path,
        )
        first, second = (each.json for each in done.values())
        # An archive is explained partition by partition.
        rows = [sorted(each.pop("rows"), key=json.dumps) for each in (first, second)]
        assert (first, rows[0]) == (second, rows[1])
        (remark,) = done["archive:sealed"].err.splitlines()
        assert b"found by the archive's typed columns" in remark


class TestTrace:
    def test_the_documents_are_those_of_the_schema(self, traced):
        for name in ("json", "event", "nothing json"):
            validate("trace", traced[name].json)

    def test_a_timeline_has_every_record_of_the_student(self, traced, world, subject):
        read = [
            json.loads(line)
            for line in run(
                "tail", "--jsonl", "--log", world.url, folder=world.folder
            ).out.splitlines()
        ]
        own = [(each["partition"], each["offset"]) for each in read if each["key"] == subject]
        events = traced["json"].json["events"]
        assert own == [(each["partition"], each["offset"]) for each in events]

    def test_the_effects_of_its_records_say_what_explain_says(self, traced, done):
        counted = next(row for row in done["json"].json["rows"] if row["counted"])
        place = (counted["events"][0]["partition"], counted["events"][0]["offset"])
        (record,) = (
            each
            for each in traced["json"].json["events"]
            if (each["partition"], each["offset"]) == place
        )
        assert {
            "reference_year": 2022, "measure": "placed", "groups": counted["groups"],
            "counted": True, "reason": None, "cause": None,
        } in record["effects"]  # fmt: skip
        (alone,) = (
            each
            for trace in traced["event"].json["subjects"]
            if trace["subject"] == counted["subject"]
            for each in trace["events"]
            if (each["partition"], each["offset"]) == place
        )
        assert alone == record

    def test_a_page_begins_with_who_it_is_about_and_has_the_figures(self, traced, subject):
        page = traced["page"].text
        assert page.startswith(f"{subject}: ")
        assert "\npopulation   learner; student from 20" in page
        assert "  placed                  counted: all" in page
        assert f"{subject}:\n" in traced["event page"].text

    def test_what_is_not_there_is_said(self, traced):
        for name in ("nobody", "nobody json"):
            assert traced[name].err == b"no record below the cut is about this student\n"
        for name in ("nothing", "nothing json"):
            assert traced[name].err == b"not found: no record below the cut has it\n"
        assert traced["nobody"].text == traced["nothing"].text == ""
        assert not traced["page"].err
        assert traced["nothing json"].json["subjects"] == []

    def test_exactly_one_of_two_questions_is_asked(self, world, warm):
        for words in ((), ("--student", "s-1", "--event", "/crm", "1")):
            done = warm.run("trace", "--log", world.url, *words, folder=world.folder)
            fails(done, 2, "give either --student S or --event SOURCE ID")


class TestArchive:
    """Of an archive the student's own partition is read, and what was not read is said."""

    @pytest.fixture(scope="class")
    @classmethod
    def archived(cls, tmp_path_factory, warm):
        folder = tmp_path_factory.mktemp("archived")
        named = event(subject="s-1").decode()
        lines = [{"key": key, "value": named} for key in ("s-1", "s-2", "s-1")]
        records = folder / "records.jsonl"
        records.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for words in (
            ("append", "--records", str(records), "--log", "sqlite:l.db?partitions=12"),
            ("archive", "sealed", "--log", "sqlite:l.db"),
        ):
            assert warm.run(*words, folder=folder).code == 0
        shutil.copytree(folder / "sealed", folder / "bare")
        shutil.rmtree(folder / "bare" / "typed")
        cases = {
            (command[0], url): [*command, "--student", "s-1", "--json", "--log", url]
            for url in ("sqlite:l.db", "archive:sealed", "archive:bare")
            for command in (("trace",), ("explain", *YEAR, "--measure", "applicants"))
        }
        return warm.run_all(cases, folder=folder)

    @pytest.mark.parametrize("command", ["trace", "explain"])
    def test_by_columns_it_is_that_of_the_log_wherever_a_record_is(self, archived, command):
        whole, part = (archived[command, url].json for url in ("sqlite:l.db", "archive:sealed"))
        assert part == whole

    def test_a_trace_without_columns_is_that_of_the_log_but_for_what_another_key_hides(
        self, archived
    ):
        whole, part = (archived["trace", url].json for url in ("sqlite:l.db", "archive:bare"))
        assert [each["verdict"] for each in whole["events"]] == [
            "event",
            "duplicate",
            "quarantined",
        ]
        *own, hidden = whole["events"]
        assert part["events"] == own
        assert whole["log"]["partitions_read"] == list(range(12))
        assert {hidden["partition"]} == {*range(12)} - {*part["log"]["partitions_read"]}

    def test_an_explanation_of_one_student_too(self, archived):
        whole, part = (archived["explain", url].json for url in ("sqlite:l.db", "archive:bare"))
        assert part["rows"] == [row for row in whole["rows"] if row["rule"] is None]
        assert part["figure"] == whole["figure"] == 1

    def test_it_says_what_it_did_not_read(self, archived):
        for (_, url), done in archived.items():
            remark = b"1 other partition of the archive not read" in done.err
            assert remark == (url == "archive:bare")


class TestDiscretion:
    """Pseudonyms are personal data: they are printed where they were asked for, nowhere else."""

    def test_none_is_in_a_log_line_or_in_the_name_of_a_file(self, tmp_path, warm):
        records, temporary = tmp_path / "records.jsonl", tmp_path / "temporary"
        lines = (
            {"key": "s-secret", "value": value}
            for value in (event(subject="s-secret").decode(), "{}", None)
        )
        records.write_text("".join(json.dumps(line) + "\n" for line in lines))
        temporary.mkdir()
        assert warm.run("append", "--records", str(records), folder=tmp_path).code == 0
        environment = {"OUTCOMES_LOG_LEVEL": "debug", "TMPDIR": str(temporary)}
        applicants = ("explain", *YEAR, "--measure", "applicants")
        for words in (
            applicants,
            (*applicants, "--json"),
            (*applicants, "--student", "s-secret"),
            ("trace", "--student", "s-secret"),
            ("trace", "--event", "/crm", "1"),
        ):
            done = warm.run(*words, folder=tmp_path, env=environment)
            missing = warm.run(*words, "--cut", "0:9", folder=tmp_path, env=environment)

            assert (done.code, b"s-secret" in done.out, done.err) == (0, True, b"")
            assert (missing.code, b"secret" in missing.err) == (69, False)
        assert [path.name for path in tmp_path.rglob("*") if "secret" in path.name] == []
