"""`outcomes sample`: an audit sample that anybody can draw again from a digest and a seed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct

import jsonschema
import pytest

from tests.e2e.command import ROOT, fails, rows

CELL = ("--year", "2022", "--measure", "outcomes_declared")
SCHEMA = json.loads((ROOT / "docs/json/sample.json").read_text())


@pytest.fixture(scope="module")
def done(world, warm):
    words = {
        "sheet": ("sample", *CELL, "--seed", "7", "--size", "3"),
        "json": ("sample", *CELL, "--seed", "7", "--size", "3", "--json"),
        "larger": ("sample", *CELL, "--seed", "7", "--size", "6", "--json"),
        "other seed": ("sample", *CELL, "--seed", "8", "--size", "3", "--json"),
        "same seed": ("sample", *CELL, "--seed", "+07", "--size", "3", "--json"),
        "all": ("sample", *CELL, "--seed", "-1", "--size", "1000000", "--json"),
        "group": ("sample", *CELL, "--group", "refugee", "--seed", "7", "--size", "3", "--json"),
        "rows": ("explain", *CELL, "--jsonl"),
        "rate": ("sample", *CELL[:3], "placement_rate", "--seed", "7", "--size", "3"),
        "size": ("sample", *CELL, "--seed", "7", "--size", "0"),
    }  # fmt: skip
    return warm.run_all(
        {name: [*command, "--log", world.url] for name, command in words.items()},
        folder=world.folder,
    )


def drawn(document):
    """Ticket, subject and the places that each unit rests on, in the order of the draw."""
    units = {}
    for row in document["rows"]:
        _, _, places = units.setdefault(row["number"], (row["ticket"], row["subject"], set()))
        if row["rests_on_it"]:
            places.add((row["partition"], row["offset"]))
    return list(units.values())


def leaf(partition, offset, recorded_at, key, value):
    """The hash of a record by docs/archive.md and RFC 6962, once more."""
    lengths = [-1 if data is None else len(data) for data in (key, value)]
    frame = b"OLL1" + struct.pack(">QQqqq", partition, offset, recorded_at, *lengths)
    return hashlib.sha256(b"\0" + frame + (key or b"") + (value or b"")).hexdigest()


class TestDraw:
    def test_anybody_draws_the_same_units_from_digest_and_seed(self, done, world):
        document = done["json"].json
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        assert document["digest"] == json.loads(world.report.read_text())["digest"]
        tickets = []
        for line in done["rows"].text.splitlines():
            row = json.loads(line)
            if row["counted"]:
                place = (row["events"][0]["partition"], row["events"][0]["offset"])
                text = "\n".join(
                    (document["digest"], "7", "2022", "outcomes_declared", "all", row["subject"])
                )
                text += f"\n{place[0]}:{place[1]}"
                ticket = hashlib.sha256(text.encode()).hexdigest()
                tickets.append((ticket, row["subject"], {place}))
        assert document["units"] == len(tickets) > 6
        assert sorted(tickets, key=lambda unit: unit[0])[:3] == drawn(document)

    def test_a_larger_sample_holds_the_smaller_one(self, done):
        assert drawn(done["larger"].json)[:3] == drawn(done["json"].json)

    def test_another_seed_or_another_cell_draws_others(self, done):
        tickets = {
            ticket
            for name in ("json", "other seed", "group")
            for ticket, _, _ in drawn(done[name].json)
        }
        sizes = [done[name].json["size"] for name in ("json", "other seed", "group")]
        assert len(tickets) == sum(sizes)

    def test_a_seed_is_a_number_however_it_is_written(self, done):
        assert done["same seed"].json == done["json"].json

    def test_an_archive_draws_what_its_log_draws(self, done, world, warm, tmp_path):
        assert warm.run("archive", "sealed", "--log", world.url, folder=tmp_path).code == 0
        draw = ("sample", *CELL, "--seed", "7", "--size", "3", "--json", "--log", "archive:sealed")
        assert warm.run(*draw, folder=tmp_path).json == done["json"].json

    def test_more_than_there_are_is_all(self, done):
        document = done["all"].json
        assert document["size"] == document["units"] == len(drawn(document))


class TestWorkSheet:
    def test_it_is_the_rows_of_the_document_with_room_for_remarks(self, done):
        sheet = list(csv.DictReader(io.StringIO(done["sheet"].text)))
        document = done["json"].json
        names = ("number", "ticket", "partition", "offset", "leaf_sha256", "verdict")
        assert [[str(row[name]) for name in names] for row in document["rows"]] == [
            [row[name] for name in names] for row in sheet
        ]
        assert {("", "")} == {(row["document_seen"], row["remark"]) for row in sheet}

    def test_it_has_every_record_of_each_student_with_its_leaf_hash(self, done, world):
        records = rows(world.log)
        for _, subject, _ in drawn(done["json"].json):
            shown = {
                (row["partition"], row["offset"]): row["leaf_sha256"]
                for row in done["json"].json["rows"]
                if row["subject"] == subject
            }
            own = {record[:2]: leaf(*record) for record in records if record[3] == subject.encode()}
            assert own == shown

    def test_how_it_was_drawn_is_said_without_naming_anybody(self, done):
        message = done["sheet"].err.decode()
        document = done["json"].json
        assert f"3 units drawn of {document['units']:,}, by seed 7" in message
        assert document["digest"] in message
        assert [subject for _, subject, _ in drawn(document) if subject in message] == []


class TestUse:
    def test_a_rate_is_sampled_by_its_counts(self, done):
        fails(done["rate"], 2, "a rate is sampled by its counts, placed or respondents")

    def test_a_sample_has_at_least_one_unit(self, done):
        fails(done["size"], 2, "--size")
