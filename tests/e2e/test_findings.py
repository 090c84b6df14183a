"""`outcomes findings`: what an auditor asks about, on any kind of log, and safe on a terminal."""

from __future__ import annotations

import base64
import json

import jsonschema
import pytest

from tests.e2e.command import ROOT, event, fails, on_terminal, run

SCHEMA = json.loads((ROOT / "docs/json/findings.json").read_text())
WILD = b"\x1b]0;gotcha\x07\xc2\x9b2J\xff\x7f"


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """A log with records that would like to steer a terminal, and an event with such an id."""
    folder = tmp_path_factory.mktemp("wild")
    first = event(subject="s-1", id="\x9b2J\x1b[31m")
    second = event(subject="s-1", id="\x9b2J\x1b[31m", time="2022-01-03T10:00:00Z")
    lines = [
        {"key": "s-1", "value": first.decode()},
        {"key": "s-1", "value": second.decode()},
        *(
            {"key_base64": base64.b64encode(WILD).decode(), "value_base64": encoded}
            for encoded in (base64.b64encode(WILD).decode(), None)
        ),
    ]
    lines[-1] = {"key": "s-2", "value": None}
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run("append", "--records", records, folder=folder).code == 0
    return folder


@pytest.fixture(scope="module")
def done(world, warm):
    words = {
        "all": ("--json",),
        "counts": ("--json", "--counts"),
        "lines": ("--jsonl",),
        "one": ("--json", "--rule", "content_must_not_change"),
        "limited": ("--jsonl", "--limit", "1"),
        "page": (),
        "page of counts": ("--counts",),
        "page of one": ("--rule", "content_must_not_change", "--limit", "1"),
        "before": ("--cut", "0:0,1:0,2:0"),
        "before, of one": ("--cut", "0:0,1:0,2:0", "--rule", "value_must_be_json"),
    }
    cases = {name: ["findings", "--log", world.url, *options] for name, options in words.items()}
    cases["report"] = ["report", "--year", "2022", "--log", world.url]
    return warm.run_all(cases, folder=world.folder)


class TestKinds:
    def test_an_archive_has_the_findings_of_its_log(self, world, warm, tmp_path):
        archived = warm.run("archive", "sealed", "--log", world.url, folder=tmp_path)
        assert archived.code == 0, archived
        done = warm.run_all(
            {url: ["findings", "--json", "--log", url] for url in (world.url, "archive:sealed")},
            folder=tmp_path,
        )
        first, second = (each.json for each in done.values())
        jsonschema.Draft202012Validator(SCHEMA).validate(first)
        assert first == second
        assert sum(first["counts"].values()) == len(first["findings"] + first["dead_letters"]) > 0


class TestAnswers:
    def test_lines_are_the_rows_of_the_document(self, done):
        document = done["all"].json
        lines = [json.loads(line) for line in done["lines"].text.splitlines()]
        assert lines == document["findings"] + document["dead_letters"]

    def test_numbers_alone_name_nobody(self, done):
        counts = done["counts"].json
        assert counts == {
            name: done["all"].json[name] for name in ("schema", "log", "counts", "repaired")
        }
        subjects = {row["subject"] for row in done["all"].json["findings"]}
        printed = done["counts"].text + done["page of counts"].text
        assert [subject for subject in subjects if subject in printed] == []

    def test_one_rule_is_the_others_left_out(self, done):
        rule = "content_must_not_change"
        document = done["one"].json
        assert document["counts"] == {rule: done["all"].json["counts"][rule]}
        assert document["findings"] == [
            row for row in done["all"].json["findings"] if row["rule"] == rule
        ]
        assert document["dead_letters"] == []

    def test_a_limit_is_that_of_each_rule(self, done):
        rules = [json.loads(line)["rule"] for line in done["limited"].text.splitlines()]
        assert rules == [rule for rule, count in done["all"].json["counts"].items() if count]

    def test_a_page_counts_each_rule_and_says_how_much_it_leaves_out(self, done):
        counts = done["all"].json["counts"]
        page = done["page"].text
        for rule, count in counts.items():
            assert (f"{count:>8,}  {rule}\n" in page) == (count > 0)
            more = f"  3 of {count:,} shown; --rule {rule} shows more\n"
            assert (more in page) == (count > 3)
        of_one = done["page of one"].text
        assert f"  1 of {counts['content_must_not_change']:,} shown; --limit 0 shows more" in of_one

    def test_where_there_is_nothing_it_is_said(self, done):
        assert done["before"].text == "nothing to ask about\n"
        assert done["before, of one"].text == "no record for value_must_be_json\n"

    def test_a_report_that_counts_them_names_the_command(self, done):
        assert "`outcomes findings` names them" in done["report"].text

    def test_every_rule_of_the_specification_can_be_asked_for(self, done):
        spec = (ROOT / "docs/SPEC.md").read_text()
        counts = done["counts"].json["counts"]
        assert [rule for rule in counts if f'<a id="section-1-{rule}"></a>' not in spec] == []
        assert len(counts) == 30


class TestSafety:
    @pytest.mark.parametrize("form", ["", "--json"])
    def test_no_control_character_reaches_a_terminal(self, wild, form):
        done = on_terminal("findings", *form.split(), folder=wild, columns=80)
        assert done.code == 0, done
        text = done.out.decode()
        assert [char for char in text if not char.isprintable() and char != "\n"] == []
        assert "tombstone_is_not_an_event" in text
        assert "value_must_be_json" in text

    def test_what_is_escaped_in_json_is_the_id_again_for_its_reader(self, wild, warm):
        (conflict,) = warm.run("findings", "--json", folder=wild).json["findings"]
        assert {item["id"] for item in conflict["events"]} == {"\x9b2J\x1b[31m"}

    def test_a_page_fits_eighty_columns_but_for_the_reasons(self, world, warm):
        page = warm.run("findings", "--log", world.url, folder=world.folder).text
        lines = [line for line in page.splitlines() if not line.startswith("      at ")]
        assert [line for line in lines if len(line) > 80] == []


class TestUsage:
    def test_what_makes_no_sense_is_said_in_one_line(self, world, warm):
        cases = {
            "did you mean content_must_not_change": ("--rule", "content_must_not_changed"),
            "leave out --json": ("--json", "--jsonl"),
            "leave out --counts": ("--counts", "--jsonl"),
            "give one of them": ("--cut", "0:1,1:1,2:1", "--as-of", "2022-01-01T00:00:00Z"),
        }
        done = warm.run_all(
            {name: ["findings", "--log", world.url, *words] for name, words in cases.items()},
            folder=world.folder,
        )
        for name, result in done.items():
            fails(result, 2, name)
