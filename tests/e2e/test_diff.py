"""`outcomes diff`: what moved between two cuts, policies or report files, and who moved it."""

from __future__ import annotations

import csv
import io
import json

import jsonschema
import pytest

from tests.e2e.command import ROOT, fails

SCHEMA = json.loads((ROOT / "docs/json/diff.json").read_text())
THEN = "2022-06-30T23:59:59.999+02:00"
OF_2022 = ("diff", "--year", "2022")


@pytest.fixture(scope="module")
def done(world, warm):
    """Every way to ask, on one log and on two reports of it."""
    report = ("report", "--year", "2022", "--json", "--log", world.url)
    for name, words in {"then": ("--as-of", THEN), "now": ()}.items():
        made = warm.run(*report, *words, folder=world.folder)
        (world.folder / f"{name}.json").write_bytes(made.out)
    (world.folder / "both.json").write_bytes(
        warm.run(
            *report, "--as-of", THEN, "--as-of", "2100-01-01T00:00:00Z", folder=world.folder
        ).out
    )
    moments = ("--as-of", THEN)
    policies = ("--policy", "openclassrooms-2022", "--policy", "openclassrooms-2023")
    log = ("--log", world.url)
    words = {
        "now": [*OF_2022, *moments, "--json"],
        "counts": [*OF_2022, *moments, "--json", "--counts"],
        "lines": [*OF_2022, *moments, "--jsonl"],
        "csv": [*OF_2022, *moments, "--csv"],
        "page": [*OF_2022, *moments],
        "students": [*OF_2022, *moments, "--measure", "career_outcomes", "--limit", "1"],
        "policies": [*OF_2022, *policies, "--json"],
        "nothing": [*OF_2022, "--as-of", "2100-01-01T00:00:00Z"],
        "year after": ["diff", "--year", "2023", *moments],
        "one cell": ["diff", "--year", "2023", *moments, "--group", "all", "--measure", "placed"],
    }
    words |= {
        "files": ["diff", "then.json", "now.json", "--json"],
        "one file": ["diff", "both.json", "--json"],
        "files and log": ["diff", "then.json", "now.json", "--json", *log],
    }
    cases = {name: [*line, *(() if "json" in line[1] else log)] for name, line in words.items()}
    return warm.run_all(cases, folder=world.folder)


class TestAnswers:
    @pytest.mark.parametrize("name", ["now", "counts", "policies", "files", "files and log"])
    def test_a_document_has_its_schema(self, done, name):
        document = done[name].json
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        assert len(document["cells"]) > 10
        assert document["rates"]

    @pytest.mark.parametrize("name", ["now", "policies", "files and log"])
    def test_changes_add_up(self, done, name):
        for cell in done[name].json["cells"]:
            moved = [student["after"] - student["before"] for student in cell["students"]]
            assert sum(moved) == cell["after"] - cell["before"]
            assert 0 not in moved
            assert all(
                bool(student["events"]) == (name != "policies") for student in cell["students"]
            )

    def test_the_cells_are_those_of_two_reports(self, done, world):
        then, now = (
            {
                (row["measure"], row["group"]): row["count"]
                for row in json.loads((world.folder / f"{name}.json").read_bytes())["counts"]
            }
            for name in ("then", "now")
        )
        differing = {cell: (then[cell], now[cell]) for cell in then if then[cell] != now[cell]}
        for name in ("now", "counts", "files", "one file", "files and log"):
            cells = done[name].json["cells"]
            assert differing == {
                (cell["measure"], cell["group"]): (cell["before"], cell["after"]) for cell in cells
            }

    def test_report_files_with_their_log_are_its_two_cuts(self, done):
        of_files = done["files and log"].json
        assert {**of_files, "rates": []} == {**done["now"].json, "rates": []}

    def test_numbers_alone_name_nobody(self, done):
        assert done["counts"].json["cells"] == [
            {name: cell[name] for name in ("measure", "group", "before", "after")}
            for cell in done["now"].json["cells"]
        ]
        subjects = {json.loads(line)["subject"] for line in done["lines"].text.splitlines()}
        printed = done["counts"].text + done["page"].text + done["files"].text
        assert [subject for subject in subjects if subject in printed] == []

    def test_lines_and_table_have_the_students_of_the_document(self, done):
        document = [
            (
                cell["measure"],
                cell["group"],
                student["subject"],
                student["before"],
                student["after"],
            )
            for cell in done["now"].json["cells"]
            for student in cell["students"]
        ]
        names = ("measure", "group", "subject", "before", "after")
        lines = [json.loads(line) for line in done["lines"].text.splitlines()]
        assert [tuple(row[name] for name in names) for row in lines] == document
        table = list(csv.DictReader(io.StringIO(done["csv"].text)))
        assert [tuple(row[name] for name in names) for row in table] == [
            (*row[:3], *map(str, row[3:])) for row in document
        ]

    def test_policies_list_the_parameters_in_which_they_differ(self, done):
        assert [each["parameter"] for each in done["policies"].json["parameters"]] == [
            "graduation_deadline",
            "placement_window",
            "placement_base",
        ]

    def test_a_page_fits_eighty_columns_and_shows_students_where_asked(self, done):
        assert [line for line in done["page"].text.splitlines() if len(line) > 80] == []
        assert "career_outcomes|all: +" in done["students"].text
        assert "more; --limit 0 shows all\n" in done["students"].text
        assert done["nothing"].text.endswith("\nnone of the figures asked for differs\n")

    def test_what_is_said_of_the_year_before_is_about_the_cells_that_were_asked_for(self, done):
        assert "counts of 2022 differ, see --year 2022\n" in done["year after"].text
        assert "1 count of 2022 differs, see --year 2022\n" in done["one cell"].text


class TestRefusals:
    def test_what_cannot_be_compared_is_said_in_one_line(self, done, world, warm, tmp_path):
        document = json.loads((world.folder / "now.json").read_bytes())
        document["counts"][0]["count"] += 1
        (world.folder / "doctored.json").write_text(json.dumps(document))
        (world.folder / "other.json").write_text(json.dumps(document | {"reference_year": 2021}))
        cut = ("--cut", "0:1,1:1,2:1")
        policies = ("--policy", "openclassrooms-2022", "--policy", "openclassrooms-2023")
        cases = {
            (2, "nothing to compare"): [*OF_2022],
            (2, "nothing to compare "[:-1] + ";"): [*OF_2022, "--policy", "openclassrooms-2022"],
            (2, "--year is missing"): ["diff", "--as-of", THEN],
            (2, "two causes"): [*OF_2022, *cut, *cut, *policies],
            (2, "has two sides"): [*OF_2022, *cut, *cut, *cut],
            (2, "give one of them"): [*OF_2022, *cut, "--as-of", THEN],
            (2, "did you mean placed?"): [*OF_2022, *cut, "--measure", "place"],
            (2, "did you mean refugee?"): [*OF_2022, *cut, "--group", "refuge"],
            (2, "three forms"): [*OF_2022, *cut, "--json", "--csv"],
            (2, "leave out --year"): ["diff", "then.json", "now.json", "--year", "2022"],
            (2, "reports name no students"): ["diff", "then.json", "now.json", "--csv"],
            (65, "1 report given"): ["diff", "now.json"],
            (65, "reports of 2022 and of 2021"): ["diff", "now.json", "other.json"],
            (65, "doctored.json says "): ["diff", "then.json", "doctored.json", "--log", world.url],
        }
        env = {"OUTCOMES_LOG": world.url}
        results = warm.run_all(
            {key: (words, {"env": env}) for key, words in cases.items()}, folder=world.folder
        )
        for (code, words), result in results.items():
            fails(result, code, words)
