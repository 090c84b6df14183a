"""`data.csv` and its metadata: every cell a row, a number or the word why there is none."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from csvw import CSVW
from frictionless import Package
from hypothesis import given
from hypothesis import strategies as st

from ledger.disclosure.profile import built_in_profiles
from ledger.disclosure.shown import FewerThan
from outcomes.publish.data_table import data_table_files
from projections.policy import built_in_policies
from tests.support.publication import shown_report

NUMBER = re.compile(r"-?[0-9]+(\.[0-9])?")
HEAD = "measure,group,year,quantity,value,status,provisional_until"
CELLS = """
applicants,all,2022,count,310,shown,
applicants,all,2021,count,250,shown,
applicants,all,2022,growth,24.0,shown,
applicants,refugee,2022,count,,fewer_than_5,
applicants,refugee,2021,count,0,shown,
applicants,refugee,2022,growth,,not_shown,
career_outcomes,all,2022,count,999,shown,2022-12-31
career_outcomes,all,2021,count,1000,shown,
career_outcomes,all,2022,growth,-0.1,shown,2022-12-31
orientation_rate,all,2022,rate,29.5,shown,
orientation_rate,refugee,2022,rate,,not_shown,
"""


def row(measure, group, count, previous, growth):
    cells = {"count": count, "previous": previous, "growth": growth}
    return {"measure": measure, "group": group, **cells}


def shown(**members):
    policy, profile = built_in_policies()["openclassrooms-2022"], built_in_profiles()["threshold-5"]
    cells = {
        "counts": (
            row("applicants", "all", 310, 250, 240),
            row("applicants", "refugee", FewerThan(5), 0, None),
            row("career_outcomes", "all", 999, 1000, -1),
        ),
        "rates": (
            {"measure": "orientation_rate", "group": "all", "tenths": 295},
            {"measure": "orientation_rate", "group": "refugee", "tenths": None},
        ),
        "provisional": {"career_outcomes": "2022-12-31"},
    }
    return shown_report(policy, profile, **(cells | members))


def table_of(report):
    return data_table_files(report)["data.csv"].decode()


class TestTable:
    """One row a cell; lines end as RFC 4180 has them, and nothing in it is a formula."""

    def test_every_cell_says_its_number_or_why_there_is_none(self):
        assert (HEAD + CELLS).replace("\n", "\r\n") == table_of(shown())

    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
    def test_any_name_of_a_funding_group_comes_back_and_starts_no_formula(self, name):
        group = f"funding:{name}"
        text = table_of(shown(counts=(row("students_enrolled", group, 10, 5, 1000),), rates=()))
        head, *rows = csv.reader(io.StringIO(text, newline=""))

        assert [group] * 3 == [each[head.index("group")] for each in rows]
        for cell in (cell for each in rows for cell in each):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or NUMBER.fullmatch(cell)


class TestMetadata:
    """Both standards' own readers take the table, and refuse one that is not as it is described."""

    @pytest.fixture
    def folder(self, tmp_path):
        for name, data in data_table_files(shown()).items():
            (tmp_path / name).write_bytes(data)
        return tmp_path

    def is_valid_csvw(self, folder):
        reader = CSVW(str(folder / "data.csv-metadata.json"), validate=True)
        try:  # `is_valid` alone only logs what is wrong with a cell.
            return len(list(reader.tables[0].iterdicts(strict=True))) > 0 and reader.is_valid
        except ValueError:
            return False

    def is_valid_package(self, folder):
        return Package(str(folder / "datapackage.json")).validate().valid

    def test_csv_on_the_web_takes_the_table(self, folder):
        assert self.is_valid_csvw(folder)

    def test_frictionless_takes_the_data_package(self, folder):
        assert self.is_valid_package(folder)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("count,310,shown", "count,many,shown"),
            ("growth,24.0,shown", "speed,24.0,shown"),
            ("999,shown", "999,guessed"),
            ("2022-12-31", "soon"),
            ("applicants,all,2021", "applicants,all,2022"),
        ],
    )
    def test_a_cell_against_its_description_is_seen_by_both(self, folder, before, after):
        table = folder / "data.csv"
        package = json.loads((folder / "datapackage.json").read_bytes())
        table.write_bytes(table.read_bytes().replace(before.encode(), after.encode(), 1))
        # The hash would give it away before a cell is read.
        del package["resources"][0]["hash"], package["resources"][0]["bytes"]
        (folder / "datapackage.json").write_text(json.dumps(package))

        assert not self.is_valid_csvw(folder)
        assert not self.is_valid_package(folder)
