"""What docs/ARCHITECTURE.md promises of a new measure: two files and one entry, nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.histories import ROOT, log_of, new_record, story

PACKAGES = ("outcomes", "processors", "ledger", "projections", "schemas")
RULES = '''"""Departure: who left an enrolment in a year."""

from projections.candidates import Candidate, Reason, counted
from projections.facts import Facts
from projections.measures.catalogue import Contribution
from projections.policy import Policy
from collections.abc import Iterator


def departure(facts: Facts, policy: Policy) -> Iterator[Contribution]:
    """A student counts once a year."""
    left = sorted(on for enrolment in facts.enrolments for on, _, _ in enrolment.withdrawals)
    for year, on in {on.year: on for on in left}.items():
        yield year, "departed", facts.groups_at(on)


def explain_departure(facts, policy):
    """Every withdrawal: the last of its year counts."""
    left = sorted(
        ((on, event) for enrolment in facts.enrolments for on, _, event in enrolment.withdrawals),
        key=lambda withdrawal: withdrawal[0],
    )
    last_in_year = {on.year: event for on, event in left}
    for on, event in left:
        last = last_in_year[on.year]
        if event is last:
            yield counted(on.year, "departed", (event,), facts, on)
        else:
            yield Candidate(on.year, "departed", (event,), Reason.LATER_THAN_FIRST, last)


def near_departure(glimpse, facts, policy):
    """A withdrawal comes near the figure of its year."""
    for year in glimpse.year_of("withdrew_on"):
        yield year, "departed"
'''
SQL = """
create or replace temp view departure_contribution as
select student, max(withdrew_on) as on_date, year(withdrew_on) as year, 'departed' as measure
from withdrawal join enrolment using (enrolment)
group by student, year(withdrew_on);
"""
ENTRY = """
    Family("departure", ("departed",), "departed",
           (Rate("departure_rate", (("departed", 1),), "students_enrolled", "retention"),),
           maturity=Maturity("year_end")),
"""
LIFE = """
    enrolled e1 2022-02-10 2022-12-01 categories=refugee
    withdrew e1 2022-05-01 left
    enrolled e2 2022-06-10 2022-12-01 subject=s-2
"""
# One process: most of what a command takes is the loading.
RUN = """
import contextlib, sys
from outcomes.__main__ import main
for words in sys.argv[1:]:
    sys.argv = ["outcomes", *words.split()]
    if "--json" in words:
        out = contextlib.redirect_stdout(open("report.json", "w"))
    else:
        out = contextlib.nullcontext()
    with out, contextlib.suppress(SystemExit):
        main()
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What the commands of a tree with the new measure print."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tree / package, ignore=ignore)
    (tree / "projections" / "measures" / "departure.py").write_text(RULES)
    (tree / "ledger" / "replay" / "sql" / "departure.sql").write_text(SQL)
    catalogue = tree / "projections" / "measures" / "catalogue.py"
    head, start, families = catalogue.read_text().partition("FAMILIES = (")
    catalogue.write_text(head + start + ENTRY + families)
    with log_of(tree, [new_record(event, 1_654_000_000_000) for event in story(LIFE)]):
        pass
    commands = ("report --year 2022 --json", "verify report.json", "report --year 2022")
    commands += ("explain --year 2022 --measure departure_rate",)
    done = subprocess.run(
        [sys.executable, "-c", RUN, *commands],
        cwd=tree,
        env={"OUTCOMES_LOG": "sqlite:ledger.db", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "" == done.stderr
    return json.loads((tree / "report.json").read_text()), done.stdout


class TestNewMeasure:
    """Rules, SQL and an entry in the catalogue are all that a measure needs to be everywhere."""

    def test_the_report_shows_its_counts_zeros_included(self, outputs):
        report, _ = outputs

        counts = {row["group"]: row["count"] for row in report["counts"]
                  if row["measure"] == "departed"}  # fmt: skip
        assert 9 == len(counts)
        assert ["all", "any_category", "refugee"] == [group for group in counts if counts[group]]

    def test_the_report_shows_its_rates(self, outputs):
        report, _ = outputs

        rates = {row["group"]: (row["numerator"], row["denominator"]) for row in report["rates"]
                 if row["measure"] == "departure_rate"}  # fmt: skip
        assert (1, 2) == rates["all"]

    def test_it_is_provisional_until_it_is_mature(self, outputs):
        report, _ = outputs

        assert "2022-12-31" == report["provisional"]["departure_rate"]

    def test_both_engines_say_the_same_of_it(self, outputs):
        _, printed = outputs

        assert re.search(r"report\.json: no difference; \d+ cells replayed by each", printed)

    def test_it_can_be_explained(self, outputs):
        _, printed = outputs

        assert re.search(r"  0:1  student.withdrew +numerator departed +counted: all", printed)
        assert "departure_rate 2022, all: 1 of 2\n" in printed

    def test_the_page_shows_its_headline_and_its_rate_under_their_heading(self, outputs):
        _, printed = outputs

        assert re.search(r"\n +departed +outcomes", printed)
        assert re.search(r"\nretention\n +departure rate\*\n", printed)
        assert re.search(r"departure rate.* until 2022-12-31", printed)
