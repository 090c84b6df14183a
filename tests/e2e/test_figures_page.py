"""The worked example for auditors, `docs/figures.md`, comes out of both engines as printed."""

from __future__ import annotations

import json
import re

import pytest

from ledger.numbers import growth
from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
YEARS = ("2022", "2023")


def events() -> bytes:
    """The rows of the example as events, a line each."""
    row = re.compile(r"^\| (\d+) \| ([0-9-]+) \| `(.+?)` \| `(.+?)` \| `(.+)` \|$", re.MULTILINE)
    return b"".join(
        json.dumps(
            {
                "specversion": "1.0",
                "id": number,
                "source": "/example",
                "type": event_type,
                "subject": subject,
                "time": f"{date}T12:00:00Z",
                "data": json.loads(data),
            }
        ).encode()
        + b"\n"
        for number, date, subject, event_type, data in row.findall(TEXT)
    )


def expected() -> dict[tuple[str, str], tuple[str, ...]]:
    """(figure, group) → what the tables of the page show, by year."""
    row = re.compile(r"^\| `(\w+)` \| `([\w:]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
    return {(figure, group): tuple(shown) for figure, group, *shown in row.findall(TEXT)}


def cells(report: dict) -> dict[tuple[str, str], str]:
    """(measure, group) → what a report says, written as on the page."""
    counts = {(row["measure"], row["group"]): str(row["count"]) for row in report["counts"]}
    rates = {
        (row["measure"], row["group"]): f"{row['numerator']} of {row['denominator']}"
        for row in report["rates"]
    }
    return counts | rates


@pytest.fixture(scope="module")
def reports(warm, tmp_path_factory):
    """Engine → the reports of both years."""
    folder = tmp_path_factory.mktemp("figures")
    appended = warm.run("append", "-", stdin=events(), folder=folder)
    assert appended.code == 0, appended
    words = ("report", "--year", "..".join(YEARS), "--json", "--engine")
    return {engine: warm.run(*words, engine, folder=folder).json for engine in ("fold", "columnar")}


@pytest.mark.parametrize("engine", ["fold", "columnar"])
def test_every_number_in_the_tables_comes_out(engine, reports):
    shown = expected()
    made = [cells(report) for report in reports[engine]]
    assert {cell: tuple(year[cell] for year in made) for cell in shown} == shown


def test_both_engines_have_one_digest(reports):
    fold, columnar = ([report["digest"] for report in made] for made in reports.values())
    assert fold == columnar


def test_the_counters_are_those_in_the_text(reports):
    counters = reports["fold"][0]["records"]
    stated = re.search(
        r"Of the (\d+) records (\d+) are events, (\d+) is a duplicate, and (\d+) event", TEXT
    )
    names = ("events", "duplicates", "retracted")
    assert [reports["fold"][0]["log"]["records"], *(counters[name] for name in names)] == [
        int(number) for number in stated.groups()
    ]


def test_the_growth_is_the_one_in_the_text(reports):
    row = next(
        row
        for row in reports["fold"][1]["counts"]
        if (row["measure"], row["group"]) == ("career_outcomes", "all")
    )
    assert f"from {row['previous']} to {row['count']} in the example" in TEXT.replace("\n  ", " ")
    assert growth(row["count"], row["previous"]) in TEXT


def test_every_figure_of_a_report_has_a_formula_and_a_row(reports):
    measures = {measure for measure, _ in cells(reports["fold"][0])}
    assert measures == set(re.findall(r"^(\w+)\(Y\)\s+=", TEXT, re.MULTILINE))
    assert measures == {figure for figure, group in expected() if group == "all"}


def test_every_membership_group_is_explained(reports):
    groups = {group for measure, group in cells(reports["fold"][0]) if measure == "applicants"}
    categories = groups - {"all", "any_category", "no_category", "undeclared"}
    assert len(categories) == 5
    assert all(f"`{group}`" in TEXT for group in groups - categories)
